#include "feedback/scan.h"

#include <algorithm>

#include <xxhash.h>

#include "base/text.h"
#include "detect/letters.h"

namespace triage::feedback {
namespace {

// Of U+00C0 to U+017F, two bytes each: the letters to write instead.
constexpr std::string_view kLatin =
    "a a a a a a aec e e e e i i i i d n o o o o o   o u u u u y thss"
    "a a a a a a aec e e e e i i i i d n o o o o o   o u u u u y thy "
    "a a a a a a c c c c c c c c d d d d e e e e e e e e e e g g g g "
    "g g g g h h h h i i i i i i i i i i ijijj j k k k l l l l l l l "
    "l l l n n n n n n n n n o o o o o o oeoer r r r r r s s s s s s "
    "s s t t t t t t u u u u u u u u u u u u w w y y y z z z z z z s ";
static_assert(kLatin.size() == 2 * (0x180 - 0xC0));

constexpr char32_t kDropped = 0xFFFFFFFF;

/// Lower case without accents; of a letter that stands for two, the first.
char32_t Fold(char32_t c, char32_t& second) {
  second = 0;
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xC0 && c < 0x180) {
    const std::size_t at = 2 * (c - 0xC0);
    if (kLatin[at] == ' ') return c;
    if (kLatin[at + 1] != ' ') second = static_cast<unsigned char>(kLatin[at + 1]);
    return static_cast<unsigned char>(kLatin[at]);
  }
  if (c >= 0x300 && c < 0x370) return kDropped;  // combining accents
  const char32_t lower = detect::ToLower(c);
  return lower == 0x451 ? 0x435 : lower;  // ё → е
}

/// Of letters, all of which have at most three bytes.
std::size_t Encode(char32_t c, char* out) {
  if (c < 0x80) {
    out[0] = static_cast<char>(c);
    return 1;
  }
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x800) {
    out[0] = static_cast<char>(0xC0 | (c >> 6));
    out[1] = tail(0);
    return 2;
  }
  out[0] = static_cast<char>(0xE0 | (c >> 12));
  out[1] = tail(6);
  out[2] = tail(0);
  return 3;
}

char32_t Decode(std::string_view text, std::size_t at, std::size_t size) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  switch (size) {
    case 2: return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
    case 4:
      return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) |
             (byte(3) & 0x3F);
    case 3: return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    default: return byte(0);
  }
}

constexpr std::uint32_t Mix(std::uint32_t hash, char32_t c) {
  hash = (hash ^ static_cast<std::uint32_t>(c)) * 0x9E3779B1U;
  return hash ^ (hash >> 15);
}

bool IsQuestionMark(char32_t c) {
  return c == '?' || c == 0xFF1F || c == 0x61F || c == 0x37E;
}

bool IsShout(char32_t c) {
  return IsQuestionMark(c) || c == '!' || c == 0xFF01;
}

bool EndsSentence(char32_t c) {
  return IsShout(c) || c == '.' || c == ':' || c == '\n' || c == 0x3002 || c == 0xBF || c == 0xA1 ||
         c == 0x2026;
}

// Particles and pronouns, which stand in nearly every Chinese or Japanese sentence.
constexpr std::u32string_view kFunctionLetters =
    U"的了吗呢吧啊是不我你您他她它们这那什么怎有在和就也都请";

bool Carries(char32_t c) {
  return (c < 0x3040 || c > 0x309F) && kFunctionLetters.find(c) == std::u32string_view::npos;
}

constexpr std::u32string_view kUpset = U"🤦😠😡🤬😤🙄🙃😒😑👎💩🖕😩😫🤡👏😖😣💢🤮☹❌";
constexpr std::u32string_view kHappy = U"👍🙏😊😀😃😄😁🥰😍🤩🥳🎉🙌❤💚💙💛💜🧡♥🔥👌💯✅☺🥹😻🤗";

constexpr std::size_t kStemLetters = 5;

}  // namespace

Scan::Scan(std::string_view text) : bytes_(text.size()) {
  text = Trim(text);
  const bool sampled = text.size() > kMostBytes;
  if (sampled) {
    Take(text.substr(0, kMostBytes / 2));
    TakeBreak('\n');
    Take(text.substr(text.size() - kMostBytes / 2));
  } else {
    Take(text);
  }
  EndWord();
  if (quoting_) {  // was none: never closed
    for (std::size_t i = quote_begin_; i < word_count_; ++i) words_[i].quoted = false;
  }
  if (folded_size_ > 0 && folded_[folded_size_ - 1] == ' ') --folded_size_;
  ends_with_question_ = last_break_ != 0 && IsQuestionMark(last_break_);
  normalised_ = XXH3_64bits(folded_.data(), folded_size_);
  if (sampled) normalised_ = XXH3_64bits_withSeed(text.data(), text.size(), normalised_);
}

void Scan::Take(std::string_view part) {
  for (std::size_t i = 0; i < part.size();) {
    const detect::Character character = detect::CharacterAt(part, i);
    const char32_t c = Decode(part, i, character.size);
    if ((c == '\'' || c == 0x2019) && word_letters_ > 0) {
      // "c'est", "don't": two words, with nothing between them that ends a sentence.
      EndWord();
      Append('\'');
    } else if (character.letter == detect::Letter::kBreak || c == '_') {
      TakeBreak(c);
    } else {
      TakeLetter(c, character.letter == detect::Letter::kAlone);
    }
    i += character.size;
  }
}

void Scan::TakeLetter(char32_t c, bool alone) {
  char32_t second = 0;
  const char32_t folded = Fold(c, second);
  if (folded == kDropped) return;
  last_break_ = 0;
  if (alone) {
    EndWord();
    if (word_count_ > 0 && alone_ != 0 && Carries(alone_) && Carries(c)) {
      words_[word_count_ - 1].content = true;
    }
    if (word_count_ > 0 && alone_ != 0) {
      words_[word_count_ - 1].stem = Mix(words_[word_count_ - 1].stem, c);
    }
    const std::size_t begin = folded_size_;
    Append(folded);
    if (word_count_ < kMostWords && folded_size_ > begin) {
      words_[word_count_++] = {.stem = Mix(1, c),
                               .begin = static_cast<std::uint16_t>(begin),
                               .size = static_cast<std::uint16_t>(folded_size_ - begin),
                               .quoted = quoting_};
    }
    alone_ = c;
    sentence_start_ = false;
    return;
  }
  alone_ = 0;
  const bool digit = c >= '0' && c <= '9';
  const bool capital = !digit && folded != c && c != detect::ToLower(c);
  if (word_letters_ == 0) {
    word_ = {.begin = static_cast<std::uint16_t>(folded_size_),
             .name = capital && !sentence_start_,
             .quoted = quoting_};
  }
  word_.number = word_.number || digit;
  if (!digit) ++letters_;
  if (capital) ++capitals_;
  Append(folded);
  if (second != 0) Append(second);
  // A number is what all of its digits say.
  if (word_letters_ < kStemLetters || digit) word_.stem = Mix(word_.stem, folded);
  ++word_letters_;
}

void Scan::EndWord() {
  if (word_letters_ == 0) return;
  word_.size = static_cast<std::uint16_t>(folded_size_ - word_.begin);
  word_.content = word_letters_ > 1 || word_.number;
  if (word_count_ < kMostWords) words_[word_count_++] = word_;
  word_letters_ = 0;
  sentence_start_ = false;
}

void Scan::TakeBreak(char32_t c) {
  EndWord();
  alone_ = 0;
  if (!marked_ && c != ' ') {
    marked_ = true;
    first_mark_ = folded_size_;
  }
  doubled_marks_ = doubled_marks_ || (!quoting_ && IsShout(c) && IsShout(last_break_));
  if (EndsSentence(c)) sentence_start_ = true;
  asks_ = asks_ || IsQuestionMark(c);
  TakeQuote(c);
  TakeSymbol(c);
  // What stands between a question mark and the end (quotes, blanks) does not take it back.
  if (c > ' ' && c != '"' && c != '*' && c != ')') last_break_ = c;
  if (last_break_ == 0) last_break_ = ' ';
  if (folded_size_ > 0 && folded_[folded_size_ - 1] != ' ') Append(' ');
}

void Scan::TakeQuote(char32_t c) {
  if (c == '`') code_ = true;
  const bool opens = c == 0xAB || c == 0x201E || c == 0x300C || (c == 0x201C && !quoting_);
  const bool closes = c == 0xBB || c == 0x201D || c == 0x300D || (c == 0x201C && quoting_);
  const bool either = c == '"' || c == '`';
  if (quoting_ && (closes || either)) {
    quoting_ = false;
  } else if (!quoting_ && (opens || either)) {
    quoting_ = true;
    quote_begin_ = word_count_;
  }
}

void Scan::TakeSymbol(char32_t c) {
  if (c < 0x2600) return;
  upset_ = upset_ || kUpset.find(c) != std::u32string_view::npos;
  happy_ = happy_ || kHappy.find(c) != std::u32string_view::npos;
}

void Scan::Append(char32_t c) {
  if (folded_size_ + 4 > folded_.size()) return;
  folded_size_ += Encode(c, folded_.data() + folded_size_);
  if (before_[0] != 0) {
    ++grams_[Mix(Mix(Mix(0, before_[0]), before_[1]), c) % kBuckets];
  }
  before_ = {before_[1], c};
}

std::string FoldLetters(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const detect::Character character = detect::CharacterAt(text, i);
    if (character.letter == detect::Letter::kBreak) {
      out.append(text.substr(i, character.size));
    } else {
      char32_t second = 0;
      const char32_t folded = Fold(Decode(text, i, character.size), second);
      char bytes[4];
      if (folded != kDropped) out.append(bytes, Encode(folded, bytes));
      if (second != 0) out += static_cast<char>(second);
    }
    i += character.size;
  }
  return out;
}

}  // namespace triage::feedback
