#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "wire/chat_answer.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

// OpenAI Chat Completions between its bytes and the neutral model. The short way for the same
// dialect on both sides is in openai_chat.h.

namespace triage::wire::openai_chat {

inline constexpr llm::Dialect kSelf = llm::Dialect::kOpenAiChat;

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile);
Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context);
std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter(AnswerContext context);

/// Adds what a `usage` object tells to `seen`, field by field; false when it is none.
bool ReadUsage(JsonValue usage, RawUsage& seen);
void WriteUsage(JsonWriter& json, const llm::Usage& usage);

/// The neutral reason for a finish_reason. Words that are not known are kUnknown.
llm::FinishReason FinishOf(std::string_view word);
/// The word for a client, and whether the provider's own says more.
std::string_view FinishWord(llm::FinishReason finish);
void WriteFinish(JsonWriter& json, llm::FinishReason finish, std::string_view raw);

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs);
/// The `logprobs` object.
void WriteLogprobs(JsonWriter& json, const std::vector<llm::TokenLogprob>& logprobs);

std::vector<llm::Citation> ReadAnnotations(JsonValue annotations);
void WriteAnnotations(JsonWriter& json, const std::vector<llm::Citation>& citations);

/// Thinking as providers of this dialect spell it (`reasoning_content`, `reasoning`).
JsonValue ReasoningOf(JsonValue message);

/// The failure that an `error` object or a finish reason of "error" means.
Error ReadFailure(JsonValue error, int status);

/// "call_0" …: for providers that give calls no ids.
std::string MadeUpCallId(std::size_t number);

}  // namespace triage::wire::openai_chat
