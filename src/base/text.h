#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace triage {

/// Levenshtein distance in bytes; O(a·b) time, for names, not for texts.
std::size_t EditDistance(std::string_view a, std::string_view b);

/// Up to `most` of `candidates` that are near `name` (distance at most a third of its length, at
/// least 2, or one contains the other), nearest first. For "did you mean".
std::vector<std::string> NearestNames(std::string_view name,
                                      std::span<const std::string> candidates,
                                      std::size_t most = 3);

/// ASCII only; other bytes stay.
std::string ToLowerAscii(std::string_view text);
bool EqualsIgnoreCaseAscii(std::string_view a, std::string_view b);

/// Without ASCII blanks at both ends.
std::string_view Trim(std::string_view text);

/// "a, b, c"
std::string Join(std::span<const std::string> parts, std::string_view separator = ", ");

}  // namespace triage
