#pragma once

#include <string_view>

namespace triage::verify {

/// Which language a text is in (ISO 639-1, "zh", "ja" …), by its script and by the words that every
/// sentence holds; empty when that is not clear: the text is too short, mixed, or code. Fenced code
/// and URLs do not count. Reads at most the first 2 KB.
std::string_view LanguageOf(std::string_view text);

}  // namespace triage::verify
