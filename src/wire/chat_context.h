#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "llm/types.h"

namespace triage::wire {

/// Whether a key of `metadata` is one of Triage's own. Keys of several words are taken with - or _.
bool IsContextKey(std::string_view key);

/// Whether the key's value may also be written as a JSON number.
bool TakesNumber(std::string_view key);

/// Sets the field that `key` names. An empty text changes nothing where a fixed set of words is
/// wanted. Gives what would have been right ("low, normal or high") when `text` is not.
std::optional<std::string_view> SetContext(llm::Context& context, std::string_view key,
                                           std::string text);

}  // namespace triage::wire
