#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/openai_errors.h"

// Anthropic's Messages API.

namespace triage::wire {

/// Answer of GET /v1/models in Anthropic's shape, one page.
std::string AnthropicModelsBody(std::span<const ListedModel> models);
/// Answer of GET /v1/models/{id}.
std::string AnthropicModelBody(const ListedModel& model);

/// Answer of POST /v1/messages/count_tokens.
std::string TokenCountBody(std::int64_t input_tokens);
/// What a provider answered to it. Error kUpstream when it is none.
Result<std::int64_t> ReadTokenCount(std::string_view body);

namespace anthropic {

inline constexpr llm::Dialect kSelf = llm::Dialect::kAnthropic;

/// Whether signatures of thinking from there hold here: they do on every platform of Anthropic's
/// models.
constexpr bool SignsThinking(llm::Dialect origin) {
  return origin == kSelf || origin == llm::Dialect::kBedrock;
}

/// The signature of thinking for a client: sealed when it would not hold here.
std::string SignatureFor(llm::Dialect origin, std::string_view signature);

/// The tool that an endpoint without structured output is forced to call, so that its arguments are
/// the answer. Readers take its calls for text: what an answer means needs nothing of its request.
inline constexpr std::string_view kAnswerTool = "triage_structured_answer";

/// Schema of a tool that has none.
inline constexpr std::string_view kAnyObject = R"({"type":"object"})";

inline constexpr int kMaxDepth = 256;  ///< of a provider's JSON

/// `max_tokens` may be missing where only tokens are counted.
Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits,
                                      bool needs_max_tokens);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile);
Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context);
std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter(AnswerContext context);
std::string ErrorBody(const Error& error, int status, std::string_view request_id);

/// The failure that an error object (`type`, `message`) stands for.
Error ReadFailure(JsonValue error);

/// Adds what `usage` tells to `seen`: its counts are cumulative, an absent one says nothing.
void ReadUsage(JsonValue usage, std::optional<llm::Usage>& seen);
/// `service_tier` is left out where Anthropic's clients know no such word.
void WriteUsage(JsonWriter& json, const llm::Usage& usage, std::string_view service_tier);

/// What a stop reason means for an answer that was given by `answer_tool` and that calls tools of
/// the client's.
llm::FinishReason FinishOf(std::string_view stop_reason, bool answer_tool, bool calls);
/// stop_reason and stop_sequence, and the provider's own word where ours says less.
void WriteFinish(JsonWriter& json, llm::FinishReason finish, std::string_view raw,
                 std::string_view stop_sequence, bool calls);

llm::Citation ReadCitation(JsonValue citation);
/// Whether a client can be told of it: Anthropic's own ones, and others of a web page.
bool Tells(const llm::Citation& citation);
void WriteCitation(JsonWriter& json, const llm::Citation& citation);

/// Whether Anthropic would take it back: its signature is there.
bool IsOwn(const llm::ThinkingPart& thinking);

/// The id of the part `number`, a call: one is made up where a compatible provider gives none.
std::string CallId(std::string_view id, std::size_t number);

/// The API takes only letters, digits, _ and - in ids of calls.
std::string SafeId(std::string_view id);

/// Whether the output format and strict tools take the schema: they know a part of JSON Schema
/// only and refuse the rest.
bool FitsOutputFormat(std::string_view schema);
/// Whether a schema's `type` is given and is not "object".
bool IsOtherThanObject(std::string_view schema);
/// Writes `schema` as a tool's input: its `type` must be "object", and there must be no anyOf,
/// oneOf or allOf beside it. True when something was left out.
bool WriteInputSchema(JsonWriter& json, std::string_view schema);

}  // namespace anthropic
}  // namespace triage::wire
