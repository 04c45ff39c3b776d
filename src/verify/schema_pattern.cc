#include "verify/schema_pattern.h"

#include <algorithm>
#include <array>

#include <re2/re2.h>

namespace triage::verify {
namespace {

constexpr std::int64_t kMostMemory = 1 << 20;

/// Spellings that differ: \uXXXX, \u{X}, \cX, (?<name>…), [^] for any character, [] for none.
std::string Translated(std::string_view text) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      if (rest.starts_with("\\u{") && rest.contains('}')) {
        out += "\\x";
        i += 1;
      } else if (rest[1] == 'u' && rest.size() >= 6) {
        out += "\\x{";
        out += rest.substr(2, 4);
        out += '}';
        i += 5;
      } else if (rest[1] == 'c' && rest.size() >= 3) {
        static constexpr std::string_view kHex = "0123456789abcdef";
        const auto code = static_cast<unsigned char>(rest[2]) % 32U;
        out += "\\x";
        out += kHex[code / 16];
        out += kHex[code % 16];
        i += 2;
      } else {
        out += rest.substr(0, 2);
        i += 1;
      }
    } else if (!in_class && rest.starts_with("[^]")) {
      out += "(?s:.)";
      i += 2;
    } else if (!in_class && rest.starts_with("(?<") && !rest.starts_with("(?<=") &&
               !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 2;
    } else {
      if (rest[0] == '[') in_class = true;
      if (rest[0] == ']') in_class = false;
      out += rest[0];
    }
  }
  return out;
}

/// Whether it uses what ECMA-262 has and RE2 has not.
bool IsBeyondRe2(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kBeyond = {"(?=",  "(?!",  "(?<=", "(?<!",
                                                              "\\k<", "\\p{", "\\P{", "\\u{"};
  if (std::ranges::any_of(kBeyond, [&](std::string_view part) { return text.contains(part); })) {
    return true;
  }
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') continue;
    if (text[i + 1] >= '1' && text[i + 1] <= '9') return true;
    ++i;
  }
  return false;
}

}  // namespace

CompiledPattern CompilePattern(std::string_view text) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(kMostMemory);
  auto pattern = std::make_shared<const re2::RE2>(Translated(text), options);
  if (pattern->ok()) return {std::move(pattern), {}};
  const bool too_large = pattern->error_code() == re2::RE2::ErrorPatternTooLarge ||
                         pattern->error_code() == re2::RE2::ErrorRepeatSize;
  if (too_large || IsBeyondRe2(text)) return {};
  return {nullptr, pattern->error()};
}

bool Matches(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace triage::verify
