#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "providers/signer.h"

namespace triage::providers {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< of temporary credentials; else empty
};

/// AWS Signature Version 4 in the Authorization header, for services other than S3.
class SigV4Signer final : public Signer {
 public:
  SigV4Signer(AwsCredentials credentials, std::string region, std::string service)
      : credentials_(std::move(credentials)),
        region_(std::move(region)),
        service_(std::move(service)) {}

  /// X-Amz-Date, X-Amz-Security-Token where there is one, and Authorization. Signs host, date,
  /// token and content type. Never fails.
  Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                WallTime now) const override;

 private:
  const AwsCredentials credentials_;
  const std::string region_;
  const std::string service_;
};

/// The steps of the signature, apart for their tests. `headers` are lower-case names with trimmed
/// values, sorted; `path` as it is in the request line, which is encoded once more here.
std::string SigV4CanonicalRequest(std::string_view method, std::string_view target,
                                  std::span<const std::pair<std::string, std::string>> headers,
                                  std::string_view body_hash);
std::string SigV4StringToSign(std::string_view timestamp, std::string_view scope,
                              std::string_view canonical_request);
std::string SigV4Signature(std::string_view secret, std::string_view date, std::string_view region,
                           std::string_view service, std::string_view string_to_sign);

}  // namespace triage::providers
