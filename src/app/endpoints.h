#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "llm/provider.h"
#include "net/client.h"
#include "providers/signer.h"

namespace triage::app {

/// What signs the calls to one provider, and what its keys say of it.
struct Signing {
  std::shared_ptr<const providers::Signer> signer;
  std::string tenancy;  ///< OCI's: the compartment that is asked where none is configured
};

/// By the names of the providers that want their calls signed. Shared by all threads.
using Signers = std::map<std::string, Signing>;

/// Reads the keys that signatures need. Errors kIo and kInvalidRequest name the provider and the
/// remedy.
Result<Signers> LoadSigners(const config::Config& config);

/// Makes the object that calls a configured provider. `client` outlives it.
std::unique_ptr<llm::Provider> MakeEndpoint(net::Client& client, const config::Provider& provider,
                                            const Signers& signers);

}  // namespace triage::app
