#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "providers/signer.h"

namespace triage::providers {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token = {};  ///< of temporary credentials; else empty
};

/// Which key of theirs: Bedrock's service is called "bedrock".
struct AwsScope {
  std::string region;
  std::string service;
};

/// What a signature covers.
struct AwsRequest {
  std::string_view method;
  std::string_view target;  ///< path and query as in the request line
  /// All that shall be signed, `host` among them; x-amz-… of the signature itself come on their
  /// own. Any case, any order, blanks as they are.
  std::span<const std::pair<std::string, std::string>> headers = {};
  std::string_view body_sha256;  ///< in lower-case hexadecimal digits
};

/// AWS Signature Version 4 in the Authorization field, for services other than S3, whose paths are
/// not encoded twice. Gives X-Amz-Date, X-Amz-Security-Token where there is one, and Authorization.
/// Source: "Create a signed AWS API request" in the IAM user guide.
std::vector<std::pair<std::string, std::string>> SignForAws(const AwsRequest& request,
                                                            const AwsCredentials& credentials,
                                                            const AwsScope& scope, WallTime now);

/// The text that is hashed and signed.
std::string AwsCanonicalRequest(const AwsRequest& request);

/// Signs host, content type, time, and the session token. May be called by several threads.
class SigV4Signer final : public Signer {
 public:
  SigV4Signer(AwsCredentials credentials, std::string region, std::string service)
      : credentials_(std::move(credentials)),
        scope_{.region = std::move(region), .service = std::move(service)} {}

  /// Never fails.
  Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                WallTime now) const override;

 private:
  const AwsCredentials credentials_;
  const AwsScope scope_;
};

}  // namespace triage::providers
