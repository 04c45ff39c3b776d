#include "feedback/words.h"

#include <string>
#include <utility>
#include <vector>

namespace triage::feedback {
namespace {

constexpr std::array<std::string_view, kMarkers> kNames = {
    "edit",      "opening_no",  "wrong",     "again",    "unhelpful", "frustration",
    "profanity", "human",       "satisfied", "but",      "business",  "follow",
    "adjust",    "your_answer", "negation",  "function", "ignore"};

constexpr std::uint32_t Bit(Marker marker) {
  return 1U << static_cast<unsigned>(marker);
}

}  // namespace

Result<Words> Words::Parse(std::string_view text) {
  Result<detect::Lexicon> lexicon = detect::Lexicon::Parse(
      FoldLetters(text), std::vector<std::string>(kNames.begin(), kNames.end()));
  if (!lexicon) return std::move(lexicon).error();
  Words words;
  words.lexicon_ = *std::move(lexicon);
  return words;
}

Marks Words::Find(Scan& scan) const {
  Marks marks;
  const std::string_view text = scan.folded();
  std::size_t passed = 0;      // end of the last term
  std::size_t no_content = 0;  // its end, when its words say nothing about the matter
  for (Scan::Word& word : scan.words()) {
    if (word.begin < no_content) word.content = false;
    const detect::Lexicon::Match match = lexicon_.Longest(text, word.begin, word.size);
    if (match.term == nullptr) continue;
    const std::uint32_t labels = match.term->labels;
    if ((labels & Bit(Marker::kFunction)) != 0 &&
        match.end <= std::size_t{word.begin} + word.size) {
      word.content = false;
    }
    if ((labels & Bit(Marker::kNegation)) != 0) word.negation = true;
    // A word inside a longer term is no term of its own.
    if (word.begin < passed || labels == Bit(Marker::kFunction)) continue;
    passed = match.end;
    if ((labels & Bit(Marker::kIgnore)) != 0) continue;
    bool counted = false;
    for (std::size_t i = 0; i < kMarkers; ++i) {
      const auto marker = static_cast<Marker>(i);
      if ((labels & Bit(marker)) == 0) continue;
      const bool anywhere = (match.term->strong & Bit(marker)) != 0;
      const bool opens =
          word.begin == 0 && (marker != Marker::kOpeningNo || match.end >= scan.first_mark());
      if (!anywhere && !opens) continue;
      ++marks[marker];
      counted = counted || (marker != Marker::kBusiness && marker != Marker::kFunction);
    }
    if (counted) {
      word.content = false;
      no_content = match.end;
    }
  }
  return marks;
}

}  // namespace triage::feedback
