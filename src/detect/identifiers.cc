#include "detect/identifiers.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include "base/text.h"
#include "detect/checksum.h"

namespace triage::detect {
namespace {

constexpr std::size_t kWindow = 48;  // longest candidate: an IBAN in groups has 42 bytes
constexpr int kFewestDigits = 6;     // a British national insurance number has six
constexpr std::size_t kGroup = 5;    // digits of a group inside a longer number

bool Digit(char c) {
  return c >= '0' && c <= '9';
}

bool Letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool LetterOrDigit(char c) {
  return Digit(c) || Letter(c);
}

char Upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

re2::StringPiece Piece(std::string_view text) {
  return {text.data(), text.size()};
}

RE2::Options Quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

/// Whether enough digits follow to make any pattern possible.
bool HasDigits(std::string_view window) {
  int digits = 0;
  char last = 0;
  for (const char c : window) {
    if (Digit(c)) {
      ++digits;
    } else if (c >= 'a' && c <= 'z') {
      break;
    } else if (!Letter(c)) {
      const bool separator =
          c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')' || c == '+';
      if (!separator || (c == ' ' && last == ' ')) break;
    }
    if (digits >= kFewestDigits) return true;
    last = c;
  }
  return false;
}

/// Whether the word at `at` goes on with what stands before it: a path, a version, a longer number.
bool GoesOn(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  const char before = text[at - 1];
  const char earlier = at > 1 ? text[at - 2] : ' ';
  if (before == '#' || before == '_') return true;
  if (before == '-' || before == '/' || before == '.') return LetterOrDigit(earlier);
  if (before != ' ' || !Digit(earlier)) return false;
  std::size_t digits = 0;
  while (at + digits < text.size() && Digit(text[at + digits])) ++digits;
  return digits <= kGroup;
}

/// "AB 12 34 56 C": the number began with letters that are a word of their own.
bool BehindTwoCapitals(std::string_view text, std::size_t at) {
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  return at >= 3 && text[at - 1] == ' ' && capital(text[at - 2]) && capital(text[at - 3]) &&
         (at == 3 || !LetterOrDigit(text[at - 4]));
}

/// Whether the number ends there.
bool Ends(std::string_view text, std::size_t end) {
  if (end >= text.size()) return true;
  const char next = text[end];
  const char later = end + 1 < text.size() ? text[end + 1] : ' ';
  if (LetterOrDigit(next) || next == '_') return false;
  if (next == '-' || next == '/') return !LetterOrDigit(later);
  return next != '.' || !Digit(later);
}

struct Compact {
  std::array<char, kWindow> bytes{};
  std::size_t size = 0;

  explicit Compact(std::string_view text) {
    for (const char c : text) {
      if (LetterOrDigit(c) && size < bytes.size()) bytes[size++] = Upper(c);
    }
  }

  std::string_view view() const { return {bytes.data(), size}; }
};

/// An IBAN's pattern takes what follows too; its country says where it ends.
std::size_t IbanEnd(std::string_view match) {
  const int length = IbanLength(match.substr(0, 2));
  int seen = 0;
  for (std::size_t i = 0; i < match.size(); ++i) {
    if (LetterOrDigit(match[i]) && ++seen == length) return i + 1;
  }
  return match.size();
}

Error Bad(std::size_t line, std::string_view why) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("identifiers, line {}: {}", line, why)};
}

std::string_view NextWord(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

}  // namespace

struct Identifiers::Patterns {
  struct Pattern {
    Finding finding = Finding::kCardNumber;
    Check check = Check::kNone;
    const std::vector<std::string>* context = nullptr;
    std::unique_ptr<RE2> expression;
  };

  std::map<std::string, std::vector<std::string>, std::less<>> contexts;
  std::vector<Pattern> numbers;
  std::vector<Pattern> announced;  // only behind a word of their context
  std::unique_ptr<RE2::Set> set = std::make_unique<RE2::Set>(Quiet(), RE2::ANCHOR_START);
  std::unique_ptr<RE2::Set> announced_set = std::make_unique<RE2::Set>(Quiet(), RE2::ANCHOR_START);
  std::vector<Pattern> addresses;
  std::vector<std::string> words;

  Result<void> ReadLine(std::string_view line, std::size_t number) {
    if (line.starts_with("context ")) return ReadContext(line.substr(8), number);
    const std::optional<Finding> finding = ParseFinding(NextWord(line));
    if (!finding) return Bad(number, "unknown label");
    NextWord(line);  // the country, for readers
    const std::optional<Check> check = ParseCheck(NextWord(line));
    if (!check) return Bad(number, "unknown check");
    Pattern pattern;
    pattern.finding = *finding;
    pattern.check = *check;
    if (const std::string_view context = NextWord(line); context != "-") {
      const auto found = contexts.find(context);
      if (found == contexts.end()) return Bad(number, "unknown context");
      pattern.context = &found->second;
    }
    if (line.empty()) return Bad(number, "no pattern");
    if (*finding == Finding::kEmail) return Add(pattern, "(?i)(" + std::string(line) + ')', number);
    // So that a part of a longer number is refused at once; an IBAN's end is its country's matter.
    const std::string_view end = *finding == Finding::kIban ? "" : "(?:[^0-9A-Za-z_]|$)";
    return Add(pattern, fmt::format("({}){}", line, end), number);
  }

  Result<void> Add(Pattern& pattern, const std::string& expression, std::size_t number) {
    pattern.expression = std::make_unique<RE2>(expression, Quiet());
    if (!pattern.expression->ok()) {
      return Bad(number, "not a pattern: " + pattern.expression->error());
    }
    if (pattern.finding == Finding::kEmail) {
      addresses.push_back(std::move(pattern));
      return {};
    }
    RE2::Set& expressions = pattern.context == nullptr ? *set : *announced_set;
    if (expressions.Add(expression, nullptr) < 0) return Bad(number, "not a pattern");
    (pattern.context == nullptr ? numbers : announced).push_back(std::move(pattern));
    return {};
  }

  Result<void> ReadContext(std::string_view line, std::size_t number) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return Bad(number, "context NAME: word, word");
    std::vector<std::string>& context = contexts[std::string(line.substr(0, colon))];
    std::string_view rest = line.substr(colon + 1);
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      context.push_back(ToLowerAscii(Trim(rest.substr(0, comma))));
      words.push_back(context.back() +
                      (context.back().find(' ') < 4 || context.back().size() < 4 ? "" : "*"));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return {};
  }

  static bool HasContext(std::string_view before, const std::vector<std::string>& context) {
    before = before.substr(before.size() - std::min(before.size(), kContext));
    const std::string lower = ToLowerAscii(before);
    return std::ranges::any_of(context, [&](const std::string& word) {
      for (std::size_t at = lower.find(word); at != std::string::npos;
           at = lower.find(word, at + 1)) {
        if (at == 0 || !LetterOrDigit(lower[at - 1])) return true;
      }
      return false;
    });
  }

  static std::vector<int> Candidates(const RE2::Set& set, std::string_view window) {
    std::vector<int> candidates;
    // Without the list no memory is needed, and nearly all are refused.
    if (set.Match(Piece(window), nullptr)) set.Match(Piece(window), &candidates);
    std::ranges::sort(candidates);
    return candidates;
  }

  std::optional<Match> Find(std::string_view text, std::size_t begin, bool context) const {
    const std::string_view window = text.substr(begin, kWindow);
    for (const int candidate : Candidates(*set, window)) {
      const auto match = Try(numbers[static_cast<std::size_t>(candidate)], text, begin);
      if (match) return match;
    }
    if (!context) return std::nullopt;
    for (const int candidate : Candidates(*announced_set, window)) {
      const auto match = Try(announced[static_cast<std::size_t>(candidate)], text, begin);
      if (match) return match;
    }
    return std::nullopt;
  }

  std::optional<Match> Try(const Pattern& pattern, std::string_view text, std::size_t begin) const {
    const std::string_view window = text.substr(begin, kWindow);
    std::array<re2::StringPiece, 2> found;
    const re2::StringPiece piece = Piece(window);
    if (!pattern.expression->Match(piece, 0, piece.size(), RE2::ANCHOR_START, found.data(), 2)) {
      return std::nullopt;
    }
    std::size_t size = found[1].size();
    if (pattern.finding == Finding::kIban) size = IbanEnd(window.substr(0, size));
    if (!Ends(text, begin + size)) return std::nullopt;
    if (!Valid(pattern.check, Compact(window.substr(0, size)).view())) return std::nullopt;
    if (pattern.context != nullptr && !HasContext(text.substr(0, begin), *pattern.context)) {
      return std::nullopt;
    }
    return Match{pattern.finding, begin + size};
  }
};

Identifiers::Identifiers(std::unique_ptr<Patterns> patterns) : patterns_(std::move(patterns)) {}

Identifiers::Identifiers(Identifiers&&) noexcept = default;
Identifiers& Identifiers::operator=(Identifiers&&) noexcept = default;
Identifiers::~Identifiers() = default;

Result<Identifiers> Identifiers::Parse(std::string_view text) {
  auto patterns = std::make_unique<Patterns>();
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (Result<void> read = patterns->ReadLine(line, number); !read) return std::move(read).error();
  }
  if (!patterns->set->Compile() || !patterns->announced_set->Compile())
    return Bad(number, "the patterns are too many");
  return Identifiers(std::move(patterns));
}

const std::vector<std::string>& Identifiers::ContextWords() const {
  return patterns_->words;
}

std::optional<Identifiers::Match> Identifiers::NumberAt(std::string_view text, std::size_t at,
                                                        bool context) const {
  if (!HasDigits(text.substr(at, kWindow)) || GoesOn(text, at)) return std::nullopt;
  if (at > 0 && (text[at - 1] == '+' || text[at - 1] == '('))
    return patterns_->Find(text, at - 1, context);
  if (BehindTwoCapitals(text, at)) {
    if (const std::optional<Match> match = patterns_->Find(text, at - 3, context)) return match;
  }
  return patterns_->Find(text, at, context);
}

std::optional<Identifiers::Match> Identifiers::AddressAt(std::string_view text,
                                                         std::size_t at) const {
  const auto local = [](char c) {
    return LetterOrDigit(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
  };
  std::size_t begin = at;
  while (begin > 0 && at - begin < 64 && local(text[begin - 1])) --begin;
  if (begin == at) return std::nullopt;
  // https://user:password@host is no address.
  std::size_t word = begin;
  while (word > 0 && begin - word < 64 && text[word - 1] > ' ') --word;
  if (text.substr(word, begin - word).find("://") != std::string_view::npos) return std::nullopt;
  const std::string_view window = text.substr(begin, 64 + 1 + 255);
  for (const Patterns::Pattern& pattern : patterns_->addresses) {
    re2::StringPiece found;
    const re2::StringPiece piece = Piece(window);
    if (!pattern.expression->Match(piece, 0, piece.size(), RE2::ANCHOR_START, &found, 1)) continue;
    const std::string_view address = window.substr(0, found.size());
    const std::size_t end = begin + found.size();
    // git@example.com:path, and what only begins like a domain.
    const char next = end < text.size() ? text[end] : ' ';
    const char later = end + 1 < text.size() ? text[end + 1] : ' ';
    if (LetterOrDigit(next) || (next == ':' && LetterOrDigit(later))) continue;
    std::string upper(address);
    std::ranges::transform(upper, upper.begin(), Upper);
    if (Valid(pattern.check, upper)) return Match{pattern.finding, end};
  }
  return std::nullopt;
}

}  // namespace triage::detect
