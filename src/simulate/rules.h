#pragma once

#include <optional>

#include "base/error.h"
#include "llm/conversation.h"
#include "wire/json_tree.h"

namespace triage::simulate {

/// What the dialect's real API would answer 400 to although the request is well formed: tool
/// results that do not follow their calls, roles out of order, thinking that is not its own or
/// comes back changed, settings that exclude each other, schemas outside its subset. The words are
/// the API's own, from its users' bug reports. Nothing when the API would take it.
std::optional<Error> BrokenRule(const llm::Conversation& conversation, llm::Dialect dialect,
                                wire::JsonValue body);

}  // namespace triage::simulate
