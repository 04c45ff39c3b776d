#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llm/provider.h"

namespace triage::wire {

/// Token counts as OpenAI's dialect gives them: totals that include their parts. Set field by
/// field, the last one wins.
struct RawUsage {
  std::optional<std::int64_t> prompt;
  std::optional<std::int64_t> completion;
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> cached;
  std::optional<std::int64_t> reasoning;

  /// In disjoint classes; nothing when neither total was told.
  std::optional<llm::Usage> Disjoint() const;
};

/// What Triage reads in a chat completion or a chunk of one.
struct ChatAnswer {
  RawUsage usage;
  bool has_usage = false;    ///< a usage object, not null
  bool has_choices = false;  ///< a `choices` array
  bool empty_choices = false;
  llm::FinishReason finish = llm::FinishReason::kUnknown;
  bool finished = false;  ///< some finish_reason was given, even one we do not know
  std::string model;
  bool has_error = false;
  std::string error_message;
};

/// Reads `text`, adding to `answer` (usage) or replacing in it (the rest). False when it is not a
/// JSON object. Private to `wire`.
bool ReadChatAnswer(std::string_view text, ChatAnswer& answer);

}  // namespace triage::wire
