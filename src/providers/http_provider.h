#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/profile.h"
#include "llm/provider.h"
#include "net/client.h"
#include "providers/signer.h"

namespace triage::providers {

/// Where an endpoint's operations are, behind its base URL. "{model}" stands for the provider's
/// name of the model; a query may follow. Empty = the endpoint has no such operation.
struct Paths {
  std::string generate = "/chat/completions";
  std::string stream = {};  ///< empty = as `generate`
  std::string embed = "/embeddings";
  std::string count_tokens = {};
};

struct HttpProviderOptions {
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  llm::Profile profile;
  net::Origin origin;  ///< base URL, e.g. https://api.groq.com/openai/v1
  Paths paths;
  std::vector<std::pair<std::string, std::string>> headers;  ///< fields of every call
  /// One field each; Call::credential says which is sent. Empty = none is.
  std::vector<std::pair<std::string, std::string>> credentials = {};
  std::shared_ptr<const Signer> signer;  ///< null = `headers` are all it needs
  std::string accept_encoding = "identity";
  std::string user_agent = "triage";
  std::size_t max_reply_bytes = 64 * 1024 * 1024;  ///< of an answer that is not streamed
};

/// An endpoint that is reached over HTTP, in any dialect. What differs between providers is in the
/// options: there is no code per vendor here. One per endpoint and I/O thread; the client outlives
/// it. Nothing of the client's request but its body goes out: the head is built anew for every
/// call. A request of the endpoint's own dialect keeps its bytes but for the model's name and what
/// the profile says; any other is read into the neutral model and written anew for every call.
class HttpProvider : public llm::Provider {
 public:
  HttpProvider(net::Client& client, HttpProviderOptions options);

  /// An answer that is not streamed is read and checked whole before this returns, so that garbage
  /// can still fall back.
  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming& timing) override;

 private:
  struct Body;

  Result<void> MakeBody(const llm::Call& call, Body& body) const;
  Result<std::string> Path(const llm::Call& call) const;
  Result<std::unique_ptr<llm::Reply>> Whole(const llm::Call& call, int status,
                                            std::string_view content_type, std::string answer,
                                            std::vector<std::string> warnings) const;
  bool Streams(const llm::Request& request) const;

  net::Client& client_;
  const HttpProviderOptions options_;
  const std::string host_;
};

}  // namespace triage::providers
