#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace triage::verify {

/// A value that was written loosely, as JSON.
struct LooseValue {
  std::string json;
  std::size_t end = 0;                 ///< offset behind it in the text
  std::vector<std::string_view> what;  ///< was set right, each once
};

/// Reads the object or array that begins at text[at], as models write them: with comments, trailing
/// commas, single or typographic quotes, keys without quotes, Python's True, False and None, line
/// breaks and stray backslashes in strings. Numbers stay as they are. Nothing for what is cut off
/// or can be read in two ways. `budget`: bytes that may still be read, over all calls.
std::optional<LooseValue> ReadLooseJson(std::string_view text, std::size_t at, std::size_t& budget);

}  // namespace triage::verify
