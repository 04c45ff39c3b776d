#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/json_tree.h"

namespace triage::verify {

/// The same text for values that JSON Schema holds equal: keys sorted, no white space, 1.0 as 1.
std::string Canonical(wire::JsonValue value);

/// Without white space between tokens; otherwise as it was written.
void AppendCompact(std::string& out, wire::JsonValue value);

/// Whether it is a number without a fraction, as 1.0 and 1e3 are.
bool IsInteger(wire::JsonValue value);

/// "a string of 12 characters", "an array of 3", "null", …: kind and size, nothing of its content.
std::string Describe(wire::JsonValue value);

/// Code points of UTF-8.
std::size_t CharactersOf(std::string_view text);

/// "~" and "/" of a JSON pointer's part.
std::string EscapePointer(std::string_view part);
std::string UnescapePointer(std::string_view part);

}  // namespace triage::verify
