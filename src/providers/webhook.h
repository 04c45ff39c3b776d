#pragma once

#include <chrono>
#include <string>

#include "net/client.h"
#include "verify/validator.h"

namespace triage::providers {

struct WebhookOptions {
  std::string name;   ///< of the check
  std::string url;    ///< http:// or https://, checked
  std::string token;  ///< sent as a bearer token; empty = none
  std::chrono::milliseconds deadline{1'000};
};

/// A validator behind HTTP: gets request and answer by POST as JSON and answers with an outcome
/// (docs/verify.md). Belongs to one I/O thread.
class Webhook final : public verify::Validator {
 public:
  /// `client` outlives it.
  Webhook(net::Client& client, WebhookOptions options);

  Task<verify::Verdict> Check(const llm::Request& request, const llm::Answer& answer,
                              CancelScope& cancel) override;

 private:
  Task<Result<std::string>> Ask(const std::string& body, CancelScope& cancel);

  net::Client& client_;
  const WebhookOptions options_;
  Result<net::Origin> origin_;
};

}  // namespace triage::providers
