#include "verify/language.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "detect/lexicon.h"
#include "verify/embedded.h"
#include "verify/words.h"

namespace triage::verify {
namespace {

constexpr std::size_t kMostBytes = 2048;

// Of function words: how many it takes, their share of all words, and how far the language must
// lead over the next. In running text a third of the words and more are function words; names,
// formulas and code hold few.
constexpr std::size_t kFewestHits = 5;
constexpr double kFewestOfWords = 0.2;
constexpr double kLeadOverSecond = 1.5;

// Of scripts: letters that it takes, and their share of all letters.
constexpr std::size_t kFewestLetters = 12;
constexpr double kMostlyScript = 0.6;

constexpr std::array<std::string_view, 20> kLanguages = {"en", "de", "fr", "es", "it", "pt", "nl",
                                                         "pl", "ru", "uk", "tr", "sv", "da", "no",
                                                         "fi", "cs", "ro", "hu", "vi", "id"};

const detect::Lexicon& FunctionWords() {
  static const detect::Lexicon words = [] {
    Result<detect::Lexicon> parsed = detect::Lexicon::Parse(
        EmbeddedLanguages(), std::vector<std::string>(kLanguages.begin(), kLanguages.end()));
    TRIAGE_CHECK(parsed.has_value());
    return std::move(*parsed);
  }();
  return words;
}

enum class Script : std::uint8_t {
  kOther,
  kLatin,
  kCyrillic,
  kHan,
  kKana,
  kHangul,
  kArabic,
  kDevanagari,
  kGreek,
  kHebrew,
  kThai,
  kCount,
};

char32_t CodePointAt(std::string_view text, std::size_t at, std::size_t size) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  switch (size) {
    case 2: return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
    case 3: return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    default: return 0;
  }
}

Script ScriptOf(char32_t c) {
  struct Range {
    char32_t first;
    char32_t last;
    Script script;
  };

  static constexpr std::array kRanges = {
      Range{0xC0, 0x24F, Script::kLatin},     Range{0x370, 0x3FF, Script::kGreek},
      Range{0x400, 0x52F, Script::kCyrillic}, Range{0x590, 0x5FF, Script::kHebrew},
      Range{0x600, 0x6FF, Script::kArabic},   Range{0x900, 0x97F, Script::kDevanagari},
      Range{0xE00, 0xE7F, Script::kThai},     Range{0x1E00, 0x1EFF, Script::kLatin},
      Range{0x3040, 0x30FF, Script::kKana},   Range{0x3400, 0x4DBF, Script::kHan},
      Range{0x4E00, 0x9FFF, Script::kHan},    Range{0xAC00, 0xD7AF, Script::kHangul},
  };
  for (const Range& range : kRanges) {
    if (c >= range.first && c <= range.last) return range.script;
  }
  return Script::kOther;
}

/// What was counted.
class Tally {
 public:
  void Read(std::string_view text) {
    while (!text.empty()) {
      const std::size_t fence = std::min(text.find("```"), text.size());
      ReadProse(text.substr(0, fence));
      if (fence == text.size()) return;
      const std::size_t end = text.find("```", fence + 3);
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 3);
    }
  }

  std::string_view Language() const {
    std::size_t letters = 0;
    for (std::size_t script = 1; script < letters_.size(); ++script) letters += letters_[script];
    if (letters < kFewestLetters) return {};
    const auto mostly = [&](Script script) {
      return static_cast<double>(Letters(script)) >= kMostlyScript * static_cast<double>(letters);
    };
    // Kana stands between Han characters in Japanese and nowhere in Chinese.
    if (const std::size_t kana = Letters(Script::kKana), han = Letters(Script::kHan);
        static_cast<double>(kana + han) >= kMostlyScript * static_cast<double>(letters)) {
      return kana * 10 >= kana + han ? "ja" : kana == 0 ? "zh" : "";
    }
    if (mostly(Script::kHangul)) return "ko";
    if (mostly(Script::kDevanagari)) return "hi";
    if (mostly(Script::kGreek)) return "el";
    if (mostly(Script::kHebrew)) return "he";
    if (mostly(Script::kThai)) return "th";
    if (mostly(Script::kArabic)) return "ar";
    if (mostly(Script::kLatin) || mostly(Script::kCyrillic)) return ByWords();
    return {};
  }

 private:
  std::size_t Letters(Script script) const { return letters_[static_cast<std::size_t>(script)]; }

  void ReadProse(std::string_view text) {
    const detect::Lexicon& lexicon = FunctionWords();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = EndOfWord(text, at);
      if (end == at) {
        at += SizeAt(text, at);
        continue;
      }
      CountLetters(text.substr(at, end - at));
      ++words_;
      const detect::Lexicon::Match match = lexicon.Longest(text, at, end - at);
      if (match.term != nullptr) {
        // A word of many languages tells little.
        const double weight = 1.0 / std::popcount(match.term->labels);
        for (std::uint32_t labels = match.term->labels; labels != 0; labels &= labels - 1) {
          const auto language = static_cast<std::size_t>(std::countr_zero(labels));
          ++hits_[language];
          scores_[language] += weight;
        }
      }
      at = match.term != nullptr ? std::max(end, match.end) : end;
    }
  }

  void CountLetters(std::string_view word) {
    for (std::size_t i = 0; i < word.size();) {
      const detect::ByteKind kind = detect::KindOf(word[i]);
      if (kind != detect::ByteKind::kWide) {
        letters_[static_cast<std::size_t>(Script::kLatin)] += kind == detect::ByteKind::kPart;
        ++i;
        continue;
      }
      const std::size_t size = SizeAt(word, i);
      ++letters_[static_cast<std::size_t>(ScriptOf(CodePointAt(word, i, size)))];
      i += size;
    }
  }

  std::string_view ByWords() const {
    const auto best = static_cast<std::size_t>(std::ranges::max_element(scores_) - scores_.begin());
    double second = 0;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      if (i != best) second = std::max(second, scores_[i]);
    }
    if (hits_[best] < kFewestHits ||
        static_cast<double>(hits_[best]) < kFewestOfWords * static_cast<double>(words_) ||
        scores_[best] < kLeadOverSecond * second) {
      return {};
    }
    return kLanguages[best];
  }

  std::array<std::size_t, static_cast<std::size_t>(Script::kCount)> letters_{};
  std::array<std::size_t, kLanguages.size()> hits_{};
  std::array<double, kLanguages.size()> scores_{};
  std::size_t words_ = 0;
};

}  // namespace

std::string_view LanguageOf(std::string_view text) {
  Tally tally;
  tally.Read(text.substr(0, kMostBytes));
  return tally.Language();
}

}  // namespace triage::verify
