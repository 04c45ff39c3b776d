#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

/// The tool that an endpoint without structured output is forced to call, so that its arguments are
/// the answer. Its calls are read back as text.
inline constexpr std::string_view kAnswerTool = "triage_structured_answer";

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
void WriteUsage(JsonWriter& json, const llm::Usage& usage);

llm::FinishReason FinishOf(std::string_view stop_reason);
/// stop_reason and stop_sequence, and the provider's own word where ours says less.
void WriteFinish(JsonWriter& json, llm::FinishReason finish, std::string_view raw,
                 std::string_view stop_sequence);

llm::Citation ReadCitation(JsonValue citation);
/// Those that are Anthropic's own; others have no place in this dialect.
void WriteCitations(JsonWriter& json, const std::vector<llm::Citation>& citations);

/// The API takes only letters, digits, _ and - in ids of calls.
std::string SafeId(std::string_view id);

}  // namespace anthropic
}  // namespace triage::wire
