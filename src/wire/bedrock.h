#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

// AWS Bedrock's Converse and ConverseStream. The model is in the URL, and so is whether it streams:
// neither stands in a body. Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/

namespace triage::wire::bedrock {

inline constexpr llm::Dialect kSelf = llm::Dialect::kBedrock;

/// Where structured output cannot be asked for, the model is forced to call this tool: its
/// arguments are the answer and are read back as text.
inline constexpr std::string_view kAnswerTool = "triage_structured_answer";

/// Members of these objects without a neutral meaning have this in front of their names.
inline constexpr std::string_view kInferencePrefix = "inferenceConfig.";
inline constexpr std::string_view kAdditionalPrefix = "additionalModelRequestFields.";

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile);
Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer);
std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter();

// Parts of a request.

/// Each once, in order of appearance.
class Warnings {
 public:
  void Add(std::string text);

  std::vector<std::string> Take() { return std::move(texts_); }

 private:
  std::vector<std::string> texts_;
};

struct TurnOptions {
  bool own = false;          ///< the request came in this dialect
  bool anthropic = false;    ///< the model is one of Anthropic's
  bool cache_points = true;  ///< the endpoint takes them
};

/// Members system and messages.
void WriteTurns(JsonWriter& json, const llm::Conversation& conversation, TurnOptions options,
                Warnings& warnings);
/// The element that stands behind what shall be cached.
void WriteCachePoint(JsonWriter& json, llm::CacheHint cache, bool taken, Warnings& warnings);

// What requests, answers and streams have in common.

/// A content block but toolResult. Unknown ones become OpaquePart; nothing when it is broken.
std::optional<llm::Part> ReadBlock(JsonValue block);
/// A part as a content block. False, with nothing written, for what has no place here: files and
/// opaque parts of another provider, images by URL, tool results.
bool WriteBlock(JsonWriter& json, const llm::Part& part);
/// `name` is what the API calls the document; it takes few characters.
bool WriteDocument(JsonWriter& json, const llm::DocumentPart& document, std::string_view name);
std::string DocumentName(std::string_view title);

llm::Citation ReadCitation(JsonValue citation);
/// False, with nothing written, for one that tells neither title nor place.
bool WriteCitation(JsonWriter& json, const llm::Citation& citation);

/// "image/png" ↔ "png", "application/pdf" ↔ "pdf", …; empty for what the other side has no word
/// for.
std::string_view FormatOf(std::string_view media_type);
std::string_view MediaTypeOf(std::string_view format);

/// Ids of calls have at most 64 letters, digits, _ and -.
std::string SafeId(std::string_view id);

llm::FinishReason FinishOf(std::string_view stop_reason);
std::string_view FinishWord(llm::FinishReason finish, std::string_view raw, bool stop_sequence);

std::optional<llm::Usage> ReadUsage(JsonValue usage);
void WriteUsage(JsonWriter& json, const llm::Usage& usage);

/// The failure that an exception (`type`, as in throttlingException) with this body stands for.
Error ReadFailure(std::string_view type, JsonValue body);

}  // namespace triage::wire::bedrock
