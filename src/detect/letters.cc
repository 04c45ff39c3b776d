#include "detect/letters.h"

namespace triage::detect {
namespace {

// Arabic comma, semicolon and question mark; other two-byte punctuation is all behind 0xC2.
bool IsTwoByteBreak(unsigned char lead, unsigned char next) {
  return lead == 0xC2 || (lead == 0xD8 && (next == 0x8C || next == 0x9B || next == 0x9F));
}

Letter ThreeByteLetter(unsigned char lead, unsigned char second, unsigned char third) {
  switch (lead) {
    case 0xE0:
      if (second == 0xA5 && (third == 0xA4 || third == 0xA5)) return Letter::kBreak;  // danda
      return second >= 0xB8 && second <= 0xBB ? Letter::kAlone : Letter::kPart;       // Thai, Lao
    case 0xE1: return Letter::kPart;
    case 0xE2: return Letter::kBreak;  // punctuation, arrows, mathematics
    case 0xE3: return second == 0x80 && third != 0x85 ? Letter::kBreak : Letter::kAlone;
    case 0xEF: return Letter::kBreak;  // full-width punctuation; full-width Latin is rare
    default: return Letter::kAlone;    // Han, Hangul
  }
}

}  // namespace

Character WideCharacterAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto lead = byte(at);
  const auto second = byte(at + 1);
  if (lead < 0xC2 || lead > 0xF4 || (second & 0xC0U) != 0x80) return {Letter::kBreak, 1};
  if (lead < 0xE0) {
    const bool is_break =
        IsTwoByteBreak(static_cast<unsigned char>(lead), static_cast<unsigned char>(second));
    return {is_break ? Letter::kBreak : Letter::kPart, 2};
  }
  const auto third = byte(at + 2);
  if ((third & 0xC0U) != 0x80) return {Letter::kBreak, 1};
  if (lead < 0xF0) {
    return {ThreeByteLetter(static_cast<unsigned char>(lead), static_cast<unsigned char>(second),
                            static_cast<unsigned char>(third)),
            3};
  }
  if ((byte(at + 3) & 0xC0U) != 0x80) return {Letter::kBreak, 1};
  return {Letter::kBreak, 4};
}

char32_t ToLower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) return c | 1U;
  if (c >= 0x139 && c <= 0x148) return (c & 1U) != 0 ? c + 1 : c;
  if (c >= 0x14A && c <= 0x177) return c | 1U;
  if (c >= 0x179 && c <= 0x17E) return (c & 1U) != 0 ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3A9) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

char32_t ToUpper(char32_t c) {
  // Every lower-case letter that ToLower gives has its capital within 80 places in front.
  for (const char32_t distance : {32U, 1U, 80U}) {
    if (c > distance && ToLower(c - distance) == c) return c - distance;
  }
  return c;
}

}  // namespace triage::detect
