#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace triage::decide {

/// `text` for one line of ASCII (a header, a log line, a message): control characters become
/// blanks, every character beyond ASCII one '?'; longer than `most` bytes is cut and ends in "...".
std::string Printable(std::string_view text, std::size_t most);

}  // namespace triage::decide
