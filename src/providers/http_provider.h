#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/provider.h"
#include "net/client.h"

namespace triage::providers {

struct OpenAiOptions {
  net::Origin origin;   ///< base URL, e.g. https://api.groq.com/openai/v1
  std::string api_key;  ///< sent as a bearer token; empty = none
  std::vector<std::pair<std::string, std::string>> headers;  ///< further fields of every call
  std::string path = "/chat/completions";                    ///< behind the base URL
  std::string user_agent = "triage";
  std::size_t max_reply_bytes = 64 * 1024 * 1024;  ///< of an answer that is not streamed
};

/// An endpoint that speaks OpenAI's Chat Completions. What differs between providers is in the
/// options: there is no code per vendor here. One per endpoint and I/O thread; the client outlives
/// it. Nothing of the client's request but its body goes out: the head is built anew for every
/// call.
class OpenAiProvider : public llm::Provider {
 public:
  OpenAiProvider(net::Client& client, OpenAiOptions options);

  /// An answer that is not streamed is read and checked whole before this returns, so that garbage
  /// can still fall back.
  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming& timing) override;

 private:
  std::vector<net::Header> Head(bool stream) const;

  net::Client& client_;
  const OpenAiOptions options_;
  const std::string authorization_;
};

}  // namespace triage::providers
