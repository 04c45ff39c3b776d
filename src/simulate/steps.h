#pragma once

#include <cstdint>
#include <vector>

#include "llm/answer.h"

namespace triage::simulate {

/// One event of a streamed answer and when it is due.
struct Step {
  llm::StreamEvent event;
  std::int64_t tokens = 0;  ///< said up to and with this event
  bool chunk = false;       ///< says something: text, thinking or arguments

  /// Whether all has been said.
  bool Ends() const {
    return event.kind == llm::StreamEvent::Kind::kUsage ||
           event.kind == llm::StreamEvent::Kind::kFinish ||
           event.kind == llm::StreamEvent::Kind::kEnd;
  }
};

/// The events of an answer with its texts and arguments in pieces of `tokens_per_chunk` tokens, and
/// each piece's logprobs behind it. What the prompt costs is told at the start, the rest at the
/// end.
std::vector<Step> StepsOf(const llm::Answer& answer, int tokens_per_chunk);

}  // namespace triage::simulate
