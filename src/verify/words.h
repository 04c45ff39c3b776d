#pragma once

#include <cstddef>
#include <string_view>

#include "detect/letters.h"
#include "detect/lexicon.h"

namespace triage::verify {

/// Labels of config/verify/phrases.txt, in the order given to Lexicon::Parse.
enum class Phrase : std::uint8_t { kIgnore, kRefusal, kDontKnow, kPlaceholder, kLanguage };

constexpr std::uint32_t Bit(Phrase phrase) {
  return 1U << static_cast<unsigned>(phrase);
}

/// Phrases of config/verify/phrases.txt, as they were when the program was built.
const detect::Lexicon& Phrases();

/// Offset behind the word that begins at text[at]; of a script without spaces, behind its
/// character. `at` itself when no word begins there.
std::size_t EndOfWord(std::string_view text, std::size_t at);

/// Bytes of the character at text[at], whatever it is.
inline std::size_t SizeAt(std::string_view text, std::size_t at) {
  return detect::CharacterAt(text, at).size;
}

/// Calls found(term, at, end) for each term of the lexicon in the text, from left to right, the
/// longest of those that begin at a word; ends when found returns false.
template <class Found>
void ForEachTerm(const detect::Lexicon& lexicon, std::string_view text, Found found) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = EndOfWord(text, at);
    if (end == at) {
      at += SizeAt(text, at);
      continue;
    }
    const detect::Lexicon::Match match = lexicon.Longest(text, at, end - at);
    if (match.term != nullptr && !found(*match.term, at, match.end)) return;
    at = match.term != nullptr && match.end > end ? match.end : end;
  }
}

}  // namespace triage::verify
