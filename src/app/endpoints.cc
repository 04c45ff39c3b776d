#include "app/endpoints.h"

#include <cstdlib>
#include <utility>

#include "providers/http_provider.h"
#include "providers/oci_signer.h"
#include "providers/sigv4.h"

namespace triage::app {
namespace {

using config::Auth;

Result<Signing> LoadOciSigner(const Auth& auth) {
  const char* home = std::getenv("HOME");
  Result<providers::OciProfile> profile =
      providers::ReadOciProfile(auth.config_file, auth.profile, home == nullptr ? "/" : home);
  if (!profile) return std::move(profile).error();
  Result<std::shared_ptr<const providers::OciSigner>> signer = providers::OciSigner::Load(*profile);
  if (!signer) return std::move(signer).error();
  std::string tenancy = (*signer)->tenancy();
  return Signing{.signer = std::move(*signer), .tenancy = std::move(tenancy)};
}

}  // namespace

Result<Signers> LoadSigners(const config::Config& config) {
  Signers signers;
  for (const config::Provider& provider : config.providers) {
    const Auth& auth = provider.auth;
    if (auth.kind == Auth::Kind::kAwsSigV4) {
      signers[provider.name].signer = std::make_shared<providers::SigV4Signer>(
          providers::AwsCredentials{
              .access_key_id = std::string(auth.access_key_id.Reveal()),
              .secret_access_key = std::string(auth.secret_access_key.Reveal()),
              .session_token = std::string(auth.session_token.Reveal())},
          provider.region, auth.service);
    } else if (auth.kind == Auth::Kind::kOciSignature) {
      Result<Signing> signer = LoadOciSigner(auth);
      if (!signer) {
        Error error = std::move(signer).error();
        error.message = "provider " + provider.name + ": " + error.message;
        return error;
      }
      signers[provider.name] = std::move(*signer);
    }
  }
  return signers;
}

std::unique_ptr<llm::Provider> MakeEndpoint(net::Client& client, const config::Provider& provider,
                                            const Signers& signers) {
  providers::HttpProviderOptions options;
  options.dialect = provider.dialect;
  options.profile = provider.profile;
  // The configuration has checked the URL already.
  options.origin = *net::Origin::Parse(provider.base_url);
  options.paths = {.generate = provider.paths.generate,
                   .stream = provider.paths.stream,
                   .embed = provider.paths.embed,
                   .count_tokens = provider.paths.count_tokens};
  if (!provider.accept_encoding.empty()) options.accept_encoding = provider.accept_encoding;
  for (const config::Secret& key : provider.api_keys) {
    if (provider.auth.kind == Auth::Kind::kBearer)
      options.credentials.emplace_back("Authorization", "Bearer " + key.Reveal());
    if (provider.auth.kind == Auth::Kind::kHeader)
      options.credentials.emplace_back(provider.auth.header, key.Reveal());
  }
  for (const config::ExtraHeader& header : provider.headers)
    options.headers.emplace_back(header.name, header.value.Reveal());
  if (const auto signing = signers.find(provider.name); signing != signers.end()) {
    options.signer = signing->second.signer;
    if (options.profile.oci_compartment.empty())
      options.profile.oci_compartment = signing->second.tenancy;
  }
  return std::make_unique<providers::HttpProvider>(client, std::move(options));
}

}  // namespace triage::app
