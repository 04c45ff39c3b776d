#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "wire/json_tree.h"

// The pieces of items that requests, answers and streams of the Responses API have in common.

namespace triage::wire::responses {

inline constexpr llm::Dialect kSelf = llm::Dialect::kOpenAiResponses;

/// kInvalidRequest that points at `at`: "/input/0/role: REMEDY".
Error Invalid(JsonValue at, std::string_view remedy);
/// The same for a member that is not there.
Error InvalidMember(JsonValue object, std::string_view member, std::string_view remedy);

/// What a part that only this dialect has is called: opaque parts of a message's content must be
/// told from items of their own. The API's content types are named input_… and output_…; what
/// breaks that rule gets "content part " or "item " in front.
std::string OpaqueContentType(std::string_view type);
std::string OpaqueItemType(std::string_view type);
/// Whether an opaque part that is called so stands in a message's content.
bool IsContentType(std::string_view opaque_type);

/// A content part of a message or of a tool's output. Types that are not known become OpaquePart.
Result<llm::Part> ReadContent(JsonValue part);

/// An output_text's annotation.
llm::Citation ReadAnnotation(JsonValue annotation);
std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs);

/// Arguments are as the model wrote them, which may be cut off: they are not checked.
Result<llm::ToolCallPart> ReadFunctionCall(JsonValue item);
Result<llm::ThinkingPart> ReadReasoning(JsonValue item);
/// Nothing when there is no usage or it counts nothing.
std::optional<llm::Usage> ReadUsage(JsonValue usage);

/// The text of a reasoning item: its summary, else its content; several parts are joined by an
/// empty line.
std::string ReasoningText(JsonValue item);
inline constexpr std::string_view kBetweenSummaries = "\n\n";

void WriteAnnotation(JsonWriter& json, const llm::Citation& citation, std::int64_t text_length);
void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs);
void WriteUsage(JsonWriter& json, const std::optional<llm::Usage>& usage);

/// Which status word an answer has, and which reason when that is "incomplete".
struct Ending {
  std::string_view status;
  std::string_view reason;
};

Ending EndingOf(const llm::Answer& answer);

/// Sets finish and raw_finish of `answer`, whose parts are known, from a response object.
void ReadEnding(JsonValue response, llm::Answer& answer);

/// The failure that an error object (`code`, `type`, `message`) or the words of a failed response
/// mean.
Error ReadFailure(JsonValue error);

/// The code that a failed response gives for `error`.
std::string_view FailureCode(const Error& error);

/// Unicode characters.
std::int64_t CharactersIn(std::string_view text);

}  // namespace triage::wire::responses
