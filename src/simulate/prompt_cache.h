#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_set>

#include "llm/conversation.h"
#include "llm/types.h"

namespace triage::simulate {

/// Which prompts up to a cache breakpoint a provider has seen. Nothing expires and no prompt is too
/// short, unlike with the real ones. Shared by the threads of one provider.
class PromptCache {
 public:
  /// Moves the input of `usage` (all of it in fresh_input) to the classes it belongs to: read up to
  /// the longest known breakpoint, written from there to the last one. Remembers all breakpoints.
  void Apply(std::string_view model, const llm::Conversation& conversation, llm::Usage& usage);

 private:
  std::mutex mutex_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace triage::simulate
