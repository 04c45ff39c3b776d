#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"
#include "llm/types.h"

namespace triage::wire {

struct ChatLimits {
  std::size_t max_body_bytes = 32 * 1024 * 1024;
  std::size_t max_messages = 10'000;
  std::size_t max_fields = 256;  ///< of the top-level object
  std::int64_t max_output_tokens = 1'000'000'000;
  int max_depth = 64;
};

/// Reads the body of a `POST /v1/chat/completions`. The whole body is checked to be JSON (RFC
/// 8259), known fields also for their types; unknown ones are left for the provider. `request` must
/// be new. `body` becomes `request.body` without a copy when its capacity is 64 bytes larger than
/// its size (simdjson reads, but does not use, bytes behind it). Texts of messages are separated by
/// "\n" in `request.text`. Context comes from `metadata`, `user` stands in for `metadata.user`.
/// Keys of `metadata` are not taken out: the provider sees them. Error kInvalidRequest with the
/// JSON pointer in `field` and a remedy in `message`; kTooLarge for a body over its limit.
Result<void> ParseChatRequest(std::string body, const ChatLimits& limits, llm::Request& request);

/// Reads a provider's non-streamed answer. Error kUpstream when it is not a chat completion or
/// carries an error.
Result<llm::ReplySummary> ParseChatResponse(std::string_view body);

/// The neutral Error for a provider's answer with an error status (or with a 2xx that carries an
/// error): 429 is kRateLimited, 413 kTooLarge, too many tokens for the model kContextLength,
/// another 4xx kInvalidRequest (401, 403 and 408 kUpstream: the client cannot mend those), all else
/// kUpstream. The message is the provider's, cut to 300 bytes: from
/// OpenAI's shape, Google's (also as an array), Anthropic's, or plain text. Pages (HTML) are never
/// read. `retry_after` is for the caller, who has the headers.
Error ParseErrorBody(int status, std::string_view content_type, std::string_view body);

}  // namespace triage::wire
