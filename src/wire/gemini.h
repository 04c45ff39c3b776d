#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

// Google Gemini's generateContent and streamGenerateContent?alt=sse. The model is in the URL, and
// so is whether it streams: neither stands in a body. Reference: https://ai.google.dev/api

namespace triage::wire::gemini {

inline constexpr llm::Dialect kSelf = llm::Dialect::kGemini;

/// Stands in for the thought signature of a call that no Gemini model has made: without any, models
/// since Gemini 3 refuse the conversation. From "Thought signatures" in Google's documentation.
inline constexpr std::string_view kSkipSignature = "skip_thought_signature_validator";

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation,
                                    const llm::Profile& profile);
Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context);
std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter(AnswerContext context);

/// {"error":{"code","message","status"}}
std::string ErrorBody(const Error& error, int status);

// What requests, answers and streams have in common.

/// Member `name`, given in camelCase, of an object that may use snake_case instead, as protocol
/// buffers' JSON allows.
JsonValue Member(JsonValue object, std::string_view name);
std::string CamelCase(std::string_view name);

/// Members of generationConfig without a neutral meaning have this in front of their names.
inline constexpr std::string_view kConfigPrefix = "generationConfig.";

/// A schema in the subset of OpenAPI 3.0 that Gemini began with (types in capitals, `nullable`), as
/// JSON Schema.
std::string JsonSchemaOf(JsonValue open_api);

/// An `inlineData` or `fileData` part: an image, a document, or opaque when it is neither.
llm::Part ReadMedia(JsonValue part);
/// Member inlineData or fileData. False, with nothing written, for a file of another provider.
bool WriteMedia(JsonWriter& json, const llm::ImagePart& image);
bool WriteMedia(JsonWriter& json, const llm::DocumentPart& document);

/// The thinking that a part's `thought` and `thoughtSignature` amount to, when it has no other
/// content; `text` may be empty.
void WriteThinking(JsonWriter& json, const llm::ThinkingPart& thinking);
void WriteCall(JsonWriter& json, const llm::ToolCallPart& call, bool with_id);

/// A functionCall of an answer; one without an id gets one of the answer's id and its number.
llm::ToolCallPart ReadCall(JsonValue call, std::string_view signature, std::string_view response_id,
                           std::size_t number);
/// Whether a part of an answer is something else than text, and that: code that was run, an image.
bool IsOther(JsonValue part);
llm::OpaquePart ReadOther(JsonValue part);

/// The error object of an answer; absent when there is none.
JsonValue ErrorIn(JsonValue root);
/// A GenerateContentResponse with the parts, usage and logprobs of `answer`, and the citations of
/// the text parts among `cited`.
void WriteResponse(JsonWriter& json, const llm::Answer& answer, const AnswerContext& context,
                   std::string_view finish, std::span<const llm::Part> cited);

/// STOP, MAX_TOKENS, …, and the reasons why a prompt is blocked.
llm::FinishReason FinishOf(std::string_view word);
std::string_view FinishWord(llm::FinishReason finish, std::string_view raw);

/// Token counts, set field by field.
class UsageCount {
 public:
  /// False when it tells nothing.
  bool Read(JsonValue usage);
  std::optional<llm::Usage> Disjoint() const;

 private:
  std::optional<std::int64_t> prompt_, cached_, tools_, output_, thoughts_;
};

void WriteUsage(JsonWriter& json, const llm::Usage& usage);

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue result);
void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs);

/// A citation and the text part, among those of the answer, that it belongs to.
struct PlacedCitation {
  std::size_t text = 0;
  llm::Citation citation;
};

/// Citations of a candidate (citationMetadata, groundingMetadata) whose text parts are `texts`;
/// their places, which Gemini counts in bytes of the whole text, are made characters of a part.
std::vector<PlacedCitation> ReadCitations(JsonValue candidate, std::span<const std::string> texts);
/// Member citationMetadata, when there are citations.
void WriteCitations(JsonWriter& json, std::span<const llm::Part> parts);

/// The failure that an error object (`code`, `message`, `status`, `details`) stands for.
Error ReadFailure(JsonValue error);

}  // namespace triage::wire::gemini
