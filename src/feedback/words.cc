#include "feedback/words.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace triage::feedback {
namespace {

constexpr std::array<std::string_view, kMarkers> kNames = {
    "edit",   "opening_no",  "wrong",    "again",    "unhelpful", "frustration", "profanity",
    "human",  "satisfied",   "but",      "business", "they",      "follow",      "topic",
    "adjust", "your_answer", "negation", "clueless", "function",  "ignore"};

constexpr std::size_t kDenied = 3;  // words behind a negation that it turns round, less one

constexpr std::uint32_t Bit(Marker marker) {
  return 1U << static_cast<unsigned>(marker);
}

}  // namespace

Result<Words> Words::Parse(std::string_view text) {
  std::string folded = FoldLetters(text);
  // As in a scan: a hyphen inside a term is a space.
  for (std::size_t i = 1; i + 1 < folded.size(); ++i) {
    if (folded[i] == '-' && folded[i - 1] != ' ' && folded[i + 1] != ' ') folded[i] = ' ';
  }
  Result<detect::Lexicon> lexicon =
      detect::Lexicon::Parse(folded, std::vector<std::string>(kNames.begin(), kNames.end()));
  if (!lexicon) return std::move(lexicon).error();
  Words words;
  words.lexicon_ = *std::move(lexicon);
  return words;
}

void Marks::Without(const Marks& previous) {
  for (std::size_t i = 0; i < kMarkers; ++i) {
    const auto marker = static_cast<Marker>(i);
    if (marker == Marker::kBusiness || marker == Marker::kThey) continue;
    counts_[i] = std::max(0, counts_[i] - previous.counts_[i]);
  }
}

Marks Words::Find(Scan& scan) const {
  Marks marks;
  const std::string_view text = scan.folded();
  std::size_t passed = 0;      // end of the last term
  std::size_t no_content = 0;  // end of the last one whose words say nothing about the matter
  std::size_t since_negation = kDenied;
  for (Scan::Word& word : scan.words()) {
    ++since_negation;
    if (word.begin < no_content) word.content = false;
    const detect::Lexicon::Match match = lexicon_.Longest(text, word.begin, word.size);
    if (match.term == nullptr) continue;
    const std::uint32_t labels = match.term->labels;
    if ((labels & Bit(Marker::kNegation)) != 0) {
      word.negation = true;
      since_negation = 0;
    }
    if ((labels & Bit(Marker::kFunction)) != 0) {
      word.content = false;
      no_content = std::max(no_content, match.end);
    }
    // A word inside a longer term is no term of its own.
    if (word.begin < passed || labels == Bit(Marker::kFunction)) continue;
    passed = match.end;
    if ((labels & Bit(Marker::kIgnore)) != 0 || word.quoted) continue;
    for (std::size_t i = 0; i < kMarkers; ++i) {
      const auto marker = static_cast<Marker>(i);
      if ((labels & Bit(marker)) == 0) continue;
      const bool anywhere = (match.term->strong & Bit(marker)) != 0;
      const bool opens =
          word.begin == 0 && (marker != Marker::kOpeningNo || match.end >= scan.first_mark());
      if (!anywhere && !opens) continue;
      // "Not helpful", "no funciona": the opposite of praise.
      const bool denied = marker == Marker::kSatisfied && since_negation < kDenied;
      ++marks[denied ? Marker::kWrong : marker];
      if (marker == Marker::kBusiness || marker == Marker::kClueless) continue;
      word.content = false;
      no_content = std::max(no_content, match.end);
    }
  }
  return marks;
}

}  // namespace triage::feedback
