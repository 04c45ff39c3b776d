#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace triage::simulate {

/// An error as OpenAI's API words it; empty `param` and `code` are sent as null.
struct ApiError {
  int status = 500;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};
  std::string code = {};
};

/// {"error": {"message", "type", "param", "code"}}
std::string ErrorBody(const ApiError& error);

/// The API's own wording for a failure of the service (401, 429, 5xx, …).
ApiError ErrorOfStatus(int status, std::string_view model);

/// What the simulator needs of a chat completion request.
struct ChatRequest {
  std::string model;
  std::string last_user;           ///< text of the last user message
  std::int64_t prompt_tokens = 0;  ///< of the texts of all messages
  std::int64_t max_tokens = 0;     ///< 0 = not given
  bool stream = false;
  bool include_usage = false;
};

std::expected<ChatRequest, ApiError> ParseChatRequest(std::string_view body);

/// A finished answer.
struct Completion {
  std::string id;  ///< "chatcmpl-…"
  std::int64_t created = 0;
  std::string model;
  std::string text;
  std::string_view finish_reason = "stop";
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

/// The `chat.completion` object.
std::string CompletionBody(const Completion& completion);

/// Writes the SSE events of a streamed completion.
class ChunkWriter {
 public:
  /// With `include_usage` every chunk has "usage": null, as the real API sends it.
  ChunkWriter(const Completion& completion, bool include_usage);

  std::string Role() const;
  std::string Content(std::string_view text) const;
  std::string Finish(std::string_view reason) const;
  std::string Usage(std::int64_t prompt_tokens, std::int64_t completion_tokens) const;
  static std::string Error(const ApiError& error);

  static constexpr std::string_view kDone = "data: [DONE]\n\n";

 private:
  std::string Chunk(std::string_view delta, std::string_view finish) const;

  std::string head_;
  std::string_view tail_;
};

/// The answer of GET /v1/models.
std::string ModelsBody(std::span<const std::string> names, std::int64_t created);
/// The answer of GET /v1/models/NAME.
std::string ModelBody(std::string_view name, std::int64_t created);

}  // namespace triage::simulate
