#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

// AWS Bedrock's Converse and ConverseStream. The model is in the URL and so is whether it streams:
// neither stands in a body.

namespace triage::wire::bedrock {

inline constexpr llm::Dialect kSelf = llm::Dialect::kBedrock;

/// There is no structured output: the model is forced to call this tool, whose arguments are the
/// answer and are read back as text.
inline constexpr std::string_view kAnswerTool = "triage_structured_answer";

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation,
                                    const llm::Profile& profile);
Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer);
std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter();

std::optional<llm::Usage> ReadUsage(JsonValue usage);
void WriteUsage(JsonWriter& json, const llm::Usage& usage);
llm::FinishReason FinishOf(std::string_view stop_reason);
std::string_view FinishWord(llm::FinishReason finish, std::string_view raw, bool stop_sequence);

/// "image/png" ↔ "png", "application/pdf" ↔ "pdf", …; empty for what Bedrock has no word for.
std::string_view FormatOf(std::string_view media_type);
std::string_view MediaTypeOf(std::string_view format, bool image);

/// The failure that an exception of a stream, or of an answer, stands for.
Error ReadFailure(std::string_view type, std::string_view message);

}  // namespace triage::wire::bedrock
