#include "learn/features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace triage::learn {
namespace {

enum Class : std::uint8_t {
  kOther,
  kSpace,
  kNewline,
  kLower,
  kUpperCase,
  kDigit,
  kMath,
  kBackslash,
  kBrace,
  kQuestion,
  kBar,
  kLatinLead,    // UTF-8 lead byte of Latin letters, or a continuation byte
  kForeignLead,  // UTF-8 lead byte of another script
  kClasses,
};

struct ByteInfo {
  std::uint8_t lower = 0;
  std::uint8_t cls = kOther;
  std::uint8_t word = 0;
};

constexpr std::array<ByteInfo, 256> MakeTable() {
  std::array<ByteInfo, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    ByteInfo& info = table[i];
    info.lower = static_cast<std::uint8_t>(i);
    if (i >= 'a' && i <= 'z') {
      info.cls = kLower;
    } else if (i >= 'A' && i <= 'Z') {
      info.cls = kUpperCase;
      info.lower = static_cast<std::uint8_t>(i + 32);
    } else if (i >= '0' && i <= '9') {
      info.cls = kDigit;
    } else if (i >= 0x80) {
      // Lead bytes from 0xCE on begin Greek, Cyrillic and everything beyond; 0xE2 is mostly
      // punctuation.
      info.cls = i >= 0xCE && i != 0xE2 ? kForeignLead : kLatinLead;
    }
    info.word =
        info.cls == kLower || info.cls == kUpperCase || info.cls == kDigit || i == '_' || i >= 0x80;
  }
  for (const char c : {' ', '\t', '\r', '\v', '\f'}) {
    table[static_cast<unsigned char>(c)].cls = kSpace;
    table[static_cast<unsigned char>(c)].lower = ' ';
  }
  table['\n'].cls = kNewline;
  table['\n'].lower = ' ';
  for (const char c : {'$', '^', '=', '<', '>', '+', '*', '/', '%'}) {
    table[static_cast<unsigned char>(c)].cls = kMath;
  }
  table['\\'].cls = kBackslash;
  for (const char c : {'{', '}', ';', '[', ']', '`'}) {
    table[static_cast<unsigned char>(c)].cls = kBrace;
  }
  table['?'].cls = kQuestion;
  table['|'].cls = kBar;
  return table;
}

constexpr std::array<ByteInfo, 256> kTable = MakeTable();
constexpr std::uint32_t kWordSeed = 2166136261U;  // FNV-1a
constexpr std::uint32_t kWordPrime = 16777619U;
constexpr std::uint32_t kMix = 0x9E3779B1U;  // 2^32 / golden ratio: Fibonacci hashing
constexpr int kUnigramShift = 32 - 16;
constexpr int kBigramShift = 32 - 17;
constexpr int kCharShift = 32 - 16;

constexpr std::uint32_t HashWord(std::string_view word) {
  std::uint32_t hash = kWordSeed;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * kWordPrime;
  return hash;
}

constexpr std::array kNegations = {HashWord("not"),       HashWord("except"), HashWord("false"),
                                   HashWord("incorrect"), HashWord("least"),  HashWord("never")};

float Log(double count, double scale) {
  return static_cast<float>(std::log2(1 + count) / scale);
}

void PutVarint(std::string& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

bool GetVarint(std::string_view& bytes, std::uint32_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 32 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint32_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

struct Features::Counts {
  std::array<std::uint32_t, kClasses> of{};
  std::uint32_t bytes = 0;
  std::uint32_t words = 0;
  std::uint32_t numbers = 0;
  std::uint32_t options = 0;
  std::uint32_t option_bytes = 0;
  std::uint32_t option_digits = 0;
  std::uint32_t list_lines = 0;
  std::uint32_t question_bytes = 0;  // before the first option
  std::uint32_t longest_option = 0;
  std::uint32_t shortest_option = 0;
  std::uint32_t longest_number = 0;  // digits
  std::uint32_t decimals = 0;
  std::uint32_t negations = 0;
  std::uint32_t blanks = 0;
  std::uint32_t distinct = 0;  // single words
};

std::string_view Name(Shape shape) {
  static constexpr std::array<std::string_view, kShapes> kNames = {
      "base rate",       "length",
      "great length",    "lines",
      "word length",     "digits",
      "capitals",        "maths",
      "formulas",        "code",
      "questions",       "answer options",
      "long options",    "numbers as options",
      "tables",          "accents and symbols",
      "another script",  "lists",
      "numbers",         "turns",
      "the turn before", "system prompt",
      "tools",           "schema",
      "images",          "several choices",
      "output limit",    "impact",
      "error tolerance", "truncated text",
      "question length", "unlike options",
      "great numbers",   "decimal fractions",
      "negations",       "gaps to fill in",
      "vocabulary"};
  return kNames[static_cast<std::size_t>(shape)];
}

Features::Features()
    : seen_(std::make_unique<std::uint64_t[]>(kBuckets / 64)),
      words_(std::make_unique<std::uint32_t[]>(kCapacity)),
      chars_(std::make_unique<std::uint32_t[]>(kCapacity)) {}

void Features::Clear() {
  for (const std::uint32_t bucket : words()) seen_[bucket >> 6] = 0;
  for (const std::uint32_t bucket : chars()) seen_[bucket >> 6] = 0;
  word_count_ = char_count_ = 0;
  shape_.fill(0);
}

inline void Features::Insert(std::uint32_t bucket, std::uint32_t* list, std::size_t& count) {
  const std::uint64_t bit = std::uint64_t{1} << (bucket & 63U);
  std::uint64_t& cell = seen_[bucket >> 6];
  // Written always, counted only when new: no branch to mispredict.
  list[count] = bucket;
  count += (cell & bit) == 0 ? 1 : 0;
  cell |= bit;
}

void Features::Scan(std::string_view text, Counts& counts) {
  std::uint32_t* const words = words_.get();
  std::uint32_t* const chars = chars_.get();
  std::size_t word_count = word_count_;
  std::size_t char_count = char_count_;
  std::uint32_t hash = kWordSeed;
  std::uint32_t previous = 0;
  std::uint32_t window = ' ';
  bool in_word = false;
  bool word_has_digit = false;
  bool in_options = false;
  std::uint8_t last = ' ';
  std::uint32_t option_bytes = 0;
  std::uint32_t digits = 0;
  const auto end_option = [&] {
    counts.longest_option = std::max(counts.longest_option, option_bytes);
    counts.shortest_option =
        counts.options == 1 ? option_bytes : std::min(counts.shortest_option, option_bytes);
  };
  const auto end_word = [&] {
    const std::uint32_t word = hash * kMix;
    const std::size_t before = word_count;
    Insert(word >> kUnigramShift, words, word_count);
    counts.distinct += static_cast<std::uint32_t>(word_count - before);
    for (const std::uint32_t negation : kNegations) counts.negations += hash == negation ? 1 : 0;
    counts.blanks += last == '_' ? 1 : 0;
    if (previous != 0) {
      const std::uint32_t pair = (previous ^ std::rotl(word, 13)) * kMix;
      Insert(kUnigramBuckets + (pair >> kBigramShift), words, word_count);
    }
    previous = word | 1U;
    hash = kWordSeed;
    ++counts.words;
    counts.numbers += word_has_digit ? 1 : 0;
    in_word = word_has_digit = false;
  };
  const auto line_start = [&](std::string_view rest) {
    if (rest.starts_with('(')) rest.remove_prefix(1);
    if (rest.size() < 3) return;
    const bool mark = (rest[1] == '.' || rest[1] == ')') && rest[2] == ' ';
    if (mark && rest[0] >= 'A' && rest[0] <= 'J') {
      if (in_options) end_option();
      option_bytes = 0;
      ++counts.options;
      in_options = true;
    } else if ((mark && rest[0] >= '0' && rest[0] <= '9') ||
               ((rest[0] == '-' || rest[0] == '*') && rest[1] == ' ')) {
      ++counts.list_lines;
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const ByteInfo info = kTable[static_cast<unsigned char>(text[i])];
    ++counts.of[info.cls];
    if (info.cls == kDigit) {
      counts.longest_number = std::max(counts.longest_number, ++digits);
    } else if (digits > 0) {
      digits = 0;
      counts.decimals += text[i] == '.' && i + 1 < text.size() &&
                                 kTable[static_cast<unsigned char>(text[i + 1])].cls == kDigit
                             ? 1
                             : 0;
    }
    if (info.word != 0) {
      hash = (hash ^ info.lower) * kWordPrime;
      in_word = true;
      word_has_digit |= info.cls == kDigit;
      if (in_options && info.cls == kDigit) ++counts.option_digits;
    } else {
      if (in_word) end_word();
      if (info.cls == kNewline) line_start(text.substr(i + 1));
    }
    if (in_options) {
      ++counts.option_bytes;
      ++option_bytes;
    } else {
      ++counts.question_bytes;
    }
    if (info.lower == ' ' && last == ' ') continue;
    last = info.lower;
    window = (window << 8) | info.lower;
    Insert(kWordBuckets + ((window * kMix) >> kCharShift), chars, char_count);
  }
  if (in_word) end_word();
  if (in_options) end_option();
  counts.bytes += static_cast<std::uint32_t>(text.size());
  word_count_ = word_count;
  char_count_ = char_count;
}

void Features::InsertTag(char kind, std::string_view text) {
  if (text.empty()) return;
  constexpr std::size_t kRead = 256;
  std::uint32_t hash = (kWordSeed ^ static_cast<unsigned char>(kind)) * kWordPrime;
  for (const char c : text.substr(0, kRead)) {
    hash = (hash ^ kTable[static_cast<unsigned char>(c)].lower) * kWordPrime;
  }
  Insert(kUnigramBuckets + ((hash * kMix) >> kBigramShift), words_.get(), word_count_);
}

void Features::Extract(std::span<const llm::Turn> turns, const llm::Needs& needs,
                       const llm::Context& context, std::int64_t max_output_tokens) {
  Clear();
  std::string_view last;
  std::string_view previous;
  std::size_t user_turns = 0;
  std::size_t system_bytes = 0;
  std::string_view system;
  for (const llm::Turn& turn : turns) {
    if (turn.role == llm::Role::kUser) {
      previous = last;
      last = turn.text;
      ++user_turns;
    } else if (turn.role == llm::Role::kSystem) {
      system_bytes += turn.text.size();
      if (system.empty()) system = turn.text;
    }
  }
  const auto scan = [this](std::string_view text, std::size_t head, Counts& counts) {
    if (text.size() <= 2 * head) {
      Scan(text, counts);
      return false;
    }
    Scan(text.substr(0, head), counts);
    Scan(text.substr(text.size() - head), counts);
    return true;
  };
  Counts counts;
  const bool cut = scan(last, kHead, counts);
  Counts before;  // its n-grams count, its shape does not
  scan(previous, kPreviousHead, before);
  // Kinds of traffic by one bucket each: boiler-plate tells what it is for, its words nothing.
  InsertTag('f', context.feature);
  InsertTag('s', system);

  const auto set = [this](Shape which, float value) {
    shape_[static_cast<std::size_t>(which)] = value;
  };
  const float bytes = static_cast<float>(std::max(1U, counts.bytes));
  const auto share = [&](std::uint32_t count, float scale) {
    return std::min(2.0F, static_cast<float>(count) / bytes * scale);
  };
  const float length = Log(static_cast<double>(last.size()), 12);
  set(Shape::kOne, 1);
  set(Shape::kLength, length);
  set(Shape::kLengthSquared, length * length);
  set(Shape::kLines, Log(counts.of[kNewline], 6));
  set(Shape::kWordLength,
      std::min(2.0F, static_cast<float>(counts.of[kLower] + counts.of[kUpperCase]) /
                         static_cast<float>(std::max(1U, counts.words)) / 8));
  set(Shape::kDigits, share(counts.of[kDigit], 4));
  set(Shape::kUpper, share(counts.of[kUpperCase], 8));
  set(Shape::kMaths, share(counts.of[kMath], 10));
  set(Shape::kLatex, share(counts.of[kBackslash], 20));
  set(Shape::kCode, share(counts.of[kBrace], 10));
  set(Shape::kQuestions, Log(counts.of[kQuestion], 3));
  set(Shape::kOptions, std::min(2.0F, static_cast<float>(counts.options) / 10));
  if (counts.options > 0) {
    set(Shape::kOptionLength, Log(static_cast<double>(counts.option_bytes) / counts.options, 8));
    set(Shape::kOptionDigits, static_cast<float>(counts.option_digits) /
                                  static_cast<float>(std::max(1U, counts.option_bytes)) * 2);
  }
  set(Shape::kTable, share(counts.of[kBar], 10));
  set(Shape::kNonAscii, share(counts.of[kLatinLead] + counts.of[kForeignLead], 2));
  set(Shape::kOtherScript, share(counts.of[kForeignLead], 3));
  set(Shape::kList, Log(counts.list_lines, 5));
  set(Shape::kNumbers, Log(counts.numbers, 7));
  set(Shape::kTurns, user_turns > 1 ? Log(static_cast<double>(user_turns - 1), 6) : 0);
  set(Shape::kPreviousLength, Log(static_cast<double>(previous.size()), 12));
  set(Shape::kSystemLength, Log(static_cast<double>(system_bytes), 16));
  set(Shape::kTools, needs.tools ? 1 : 0);
  set(Shape::kSchema, needs.json_schema || needs.json_object ? 1 : 0);
  set(Shape::kVision, needs.vision ? 1 : 0);
  set(Shape::kChoices, needs.several_choices ? 1 : 0);
  set(Shape::kOutputLimit,
      max_output_tokens > 0 ? Log(static_cast<double>(max_output_tokens), 16) : 0);
  set(Shape::kImpact,
      (static_cast<float>(context.impact) - static_cast<float>(llm::Impact::kNormal)) / 2);
  set(Shape::kTolerance,
      static_cast<float>(context.error_tolerance) - static_cast<float>(llm::Tolerance::kNormal));
  set(Shape::kTruncated, cut ? 1 : 0);
  set(Shape::kQuestionLength, Log(counts.question_bytes, 12));
  if (counts.options > 1) {
    set(Shape::kOptionSpread,
        Log(static_cast<double>(counts.longest_option) / std::max(1U, counts.shortest_option), 5));
  }
  set(Shape::kMagnitude, std::min(2.0F, static_cast<float>(counts.longest_number) / 8));
  set(Shape::kDecimals, Log(counts.decimals, 5));
  set(Shape::kNegation, Log(counts.negations, 3));
  set(Shape::kBlanks, Log(counts.blanks, 3));
  set(Shape::kVocabulary,
      counts.words > 0 ? static_cast<float>(counts.distinct) / static_cast<float>(counts.words)
                       : 0);
}

void Features::Serialize(std::string& out) const {
  PutVarint(out, kFeatureSchema);
  for (const float value : shape_) {
    // Shape lies in -2..2; 1/8192 is finer than any weight can feel.
    const auto fixed =
        static_cast<std::int32_t>(std::lround(std::clamp(value, -3.9F, 3.9F) * 8192));
    PutVarint(out,
              (static_cast<std::uint32_t>(fixed) << 1) ^ static_cast<std::uint32_t>(fixed >> 31));
  }
  for (const auto list : {words(), chars()}) {
    std::vector<std::uint32_t> sorted(list.begin(), list.end());
    std::sort(sorted.begin(), sorted.end());
    PutVarint(out, static_cast<std::uint32_t>(sorted.size()));
    std::uint32_t last = 0;
    for (const std::uint32_t bucket : sorted) {
      PutVarint(out, bucket - last);
      last = bucket;
    }
  }
}

Result<void> Features::Restore(std::string_view bytes) {
  Clear();
  const Error broken{.code = ErrorCode::kInvalidRequest, .message = "broken feature vector"};
  std::uint32_t value = 0;
  if (!GetVarint(bytes, value)) return broken;
  if (value != kFeatureSchema) {
    return Error{.code = ErrorCode::kUnsupported, .message = "features of another schema version"};
  }
  for (float& shape : shape_) {
    if (!GetVarint(bytes, value)) return broken;
    const auto fixed = static_cast<std::int32_t>((value >> 1) ^ (~(value & 1U) + 1U));
    shape = static_cast<float>(fixed) / 8192;
  }
  for (const bool is_chars : {false, true}) {
    std::uint32_t size = 0;
    if (!GetVarint(bytes, size) || size > kCapacity) return broken;
    std::uint64_t bucket = 0;
    for (std::uint32_t i = 0; i < size; ++i) {
      if (!GetVarint(bytes, value)) return broken;
      bucket += value;
      if (bucket >= kBuckets || (bucket >= kWordBuckets) != is_chars) return broken;
      const auto index = static_cast<std::uint32_t>(bucket);
      is_chars ? Insert(index, chars_.get(), char_count_)
               : Insert(index, words_.get(), word_count_);
    }
  }
  if (!bytes.empty()) return broken;
  return {};
}

}  // namespace triage::learn
