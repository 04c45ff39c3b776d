#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace triage::detect {

/// What a character means for where words begin and end.
enum class Letter : std::uint8_t {
  kBreak,  ///< space, punctuation, symbols
  kPart,   ///< letter or digit of a script that puts spaces between words
  kAlone,  ///< of a script without (or with too few) spaces: a word may begin at each
};

struct Character {
  Letter letter = Letter::kBreak;
  std::uint8_t size = 1;  ///< bytes; 1 for a byte that is no UTF-8
};

/// The character of two bytes or more that begins at text[at] (a byte from 0x80 on).
Character WideCharacterAt(std::string_view text, std::size_t at);

/// What a byte says by itself.
enum class ByteKind : std::uint8_t { kBreak, kPart, kDigit, kWide };

inline constexpr std::array<ByteKind, 256> kByteKinds = [] {
  std::array<ByteKind, 256> kinds{};
  for (unsigned c = 0; c < 256; ++c) {
    if (c >= 0x80) {
      kinds[c] = ByteKind::kWide;
    } else if (c >= '0' && c <= '9') {
      kinds[c] = ByteKind::kDigit;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') {
      kinds[c] = ByteKind::kPart;
    }
  }
  return kinds;
}();

inline ByteKind KindOf(char c) {
  return kByteKinds[static_cast<unsigned char>(c)];
}

inline Character CharacterAt(std::string_view text, std::size_t at) {
  const ByteKind kind = KindOf(text[at]);
  if (kind == ByteKind::kWide) return WideCharacterAt(text, at);
  return {kind == ByteKind::kBreak ? Letter::kBreak : Letter::kPart, 1};
}

/// Lower case in Latin-1, Latin Extended-A, Greek and Cyrillic; other characters stay.
char32_t ToLower(char32_t c);
/// The reverse.
char32_t ToUpper(char32_t c);

}  // namespace triage::detect
