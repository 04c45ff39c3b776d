#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "providers/signer.h"

namespace triage::providers {

/// One profile of an OCI configuration file (the one that OCI's own tools use): an API signing key
/// and whose it is.
struct OciProfile {
  std::string tenancy = {};
  std::string user = {};
  std::string fingerprint = {};  ///< of the key
  std::string region = {};       ///< may be empty
  std::filesystem::path key_file = {};
  std::string pass_phrase = {};  ///< of an encrypted key; else empty
};

/// Reads profile `name` of an INI file; what it does not say itself comes from [DEFAULT], as with
/// OCI's tools. A `key_file` that begins with "~/" lies in `home`, a relative one beside the file.
/// Errors kIo and kInvalidRequest, each with file, line and remedy in the message.
Result<OciProfile> ReadOciProfile(const std::filesystem::path& file, std::string_view name,
                                  const std::filesystem::path& home);

/// OCI request signing, version 1: draft-cavage-http-signatures-08 with RSA-SHA256 over
/// (request-target), date and host, and for a request with a body its length, type and SHA-256.
class OciSigner final : public Signer {
 public:
  /// Reads the key. Errors kIo and kInvalidRequest, with file and remedy: no file, no PEM, not RSA,
  /// a wrong or missing pass phrase, a fingerprint that is another key's.
  static Result<std::shared_ptr<const OciSigner>> Load(const OciProfile& profile);

  /// Date, x-content-sha256 (for POST, PUT and PATCH) and Authorization. The same request at the
  /// same second is signed the same way. May be called by several threads.
  Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                WallTime now) const override;

  /// The same with the text of the Date field.
  Result<std::vector<std::pair<std::string, std::string>>> SignDated(const Outgoing& request,
                                                                     std::string_view date) const;

  /// Its OCID is also that of the tenancy's root compartment, which is asked when no other is
  /// configured (llm::Profile::oci_compartment).
  const std::string& tenancy() const { return tenancy_; }

  ~OciSigner() override;
  OciSigner(const OciSigner&) = delete;
  OciSigner& operator=(const OciSigner&) = delete;

 private:
  struct Key;
  OciSigner(const OciProfile& profile, std::unique_ptr<const Key> key);

  const std::string tenancy_;
  const std::string key_id_;
  const std::unique_ptr<const Key> key_;
};

}  // namespace triage::providers
