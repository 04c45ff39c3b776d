#include "verify/words.h"

#include "base/error.h"
#include "verify/embedded.h"

namespace triage::verify {

const detect::Lexicon& Phrases() {
  static const detect::Lexicon phrases = [] {
    Result<detect::Lexicon> parsed = detect::Lexicon::Parse(
        EmbeddedPhrases(), {"ignore", "refusal", "dont_know", "placeholder", "language"});
    TRIAGE_CHECK(parsed.has_value());
    return std::move(*parsed);
  }();
  return phrases;
}

std::size_t EndOfWord(std::string_view text, std::size_t at) {
  std::size_t i = at;
  while (i < text.size()) {
    const detect::ByteKind kind = detect::KindOf(text[i]);
    if (kind == detect::ByteKind::kBreak) break;
    if (kind != detect::ByteKind::kWide) {
      ++i;
      continue;
    }
    const detect::Character next = detect::WideCharacterAt(text, i);
    if (next.letter == detect::Letter::kAlone && i == at) return i + next.size;
    if (next.letter != detect::Letter::kPart) break;
    i += next.size;
  }
  return i;
}

}  // namespace triage::verify
