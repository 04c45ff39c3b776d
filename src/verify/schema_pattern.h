#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace triage::verify {

struct CompiledPattern {
  std::shared_ptr<const re2::RE2> pattern;  ///< null: not to be checked, or an error
  std::string error;                        ///< why it is no regular expression; empty = it is one
};

/// A JSON Schema pattern (ECMA-262) for RE2, which has no look-around and no back references:
/// patterns that use them are not checked.
CompiledPattern CompilePattern(std::string_view text);

bool Matches(const re2::RE2& pattern, std::string_view text);

}  // namespace triage::verify
