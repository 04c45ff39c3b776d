#include "verify/loose_json.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "verify/schema.h"
#include "wire/json.h"

namespace triage::verify {
namespace {

constexpr std::string_view kOpenQuote = "\xE2\x80\x9C";   // U+201C
constexpr std::string_view kCloseQuote = "\xE2\x80\x9D";  // U+201D
constexpr std::string_view kLowQuote = "\xE2\x80\x9E";    // U+201E

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

class Reader {
 public:
  Reader(std::string_view text, std::size_t at) : text_(text), begin_(at), at_(at) {}

  bool Value(std::size_t depth);

  std::size_t read() const { return at_ - begin_; }

  LooseValue Take() { return {std::move(out_), at_, std::move(what_)}; }

 private:
  std::string_view rest() const { return text_.substr(std::min(at_, text_.size())); }

  bool Next(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void Note(std::string_view what) {
    if (std::ranges::find(what_, what) == what_.end()) what_.push_back(what);
  }

  bool Blanks();
  bool Object(std::size_t depth);
  bool Array(std::size_t depth);
  bool Key();
  bool Word();
  bool Number();
  bool String();
  bool Quoted(std::string_view close, std::string_view other_close);
  bool Escape(char quote);
  bool EndsHere(std::size_t behind) const;

  std::string_view text_;
  std::size_t begin_;
  std::size_t at_;
  std::string out_;
  std::vector<std::string_view> what_;
};

/// White space and comments; false for a comment that does not end.
bool Reader::Blanks() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else if (c == '#' || rest().starts_with("//")) {
      Note("took out comments");
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (rest().starts_with("/*")) {
      Note("took out comments");
      const std::size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) {
        at_ = text_.size();  // all of it was read
        return false;
      }
      at_ = end + 2;
    } else if (rest().starts_with("\xC2\xA0")) {
      at_ += 2;  // no-break space
    } else {
      break;
    }
  }
  return true;
}

bool Reader::Value(std::size_t depth) {
  if (depth > Schema::kMostInstanceDepth || at_ >= text_.size()) return false;
  const char c = text_[at_];
  if (c == '{') return Object(depth);
  if (c == '[') return Array(depth);
  if (c == '-' || IsDigit(c)) return Number();
  if (IsLetter(c)) return Word();
  return String();
}

bool Reader::Object(std::size_t depth) {
  ++at_;
  out_ += '{';
  for (bool first = true;; first = false) {
    if (!Blanks()) return false;
    if (Next('}')) break;
    if (!first) {
      if (!Next(',') || !Blanks()) return false;
      if (Next('}')) {
        Note("took out a trailing comma");
        break;
      }
      out_ += ',';
    }
    if (!Key() || !Blanks() || !Next(':')) return false;
    out_ += ':';
    if (!Blanks() || !Value(depth + 1)) return false;
  }
  out_ += '}';
  return true;
}

bool Reader::Array(std::size_t depth) {
  ++at_;
  out_ += '[';
  for (bool first = true;; first = false) {
    if (!Blanks()) return false;
    if (Next(']')) break;
    if (!first) {
      if (!Next(',') || !Blanks()) return false;
      if (Next(']')) {
        Note("took out a trailing comma");
        break;
      }
      out_ += ',';
    }
    if (!Value(depth + 1)) return false;
  }
  out_ += ']';
  return true;
}

bool Reader::Key() {
  if (at_ >= text_.size()) return false;
  const auto is_name = [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '_' || c == '$' || c == '-';
  };
  if (IsDigit(text_[at_]) || !is_name(text_[at_])) return String();
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_name(text_[at_])) ++at_;
  Note("put quotes round keys");
  wire::AppendJsonString(out_, text_.substr(begin, at_ - begin));
  return true;
}

bool Reader::Word() {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWords = {
      {{"true", "true"},
       {"false", "false"},
       {"null", "null"},
       {"True", "true"},
       {"False", "false"},
       {"None", "null"}}};
  const std::size_t begin = at_;
  while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]) || text_[at_] == '_')) {
    ++at_;
  }
  const std::string_view word = text_.substr(begin, at_ - begin);
  for (const auto& [written, json] : kWords) {
    if (word != written) continue;
    if (written != json) Note("took Python's True, False and None for JSON's");
    out_ += json;
    return true;
  }
  return false;
}

bool Reader::Number() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && (IsDigit(text_[at_]) || IsLetter(text_[at_]) || text_[at_] == '.' ||
                                text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '_')) {
    ++at_;
  }
  const std::string_view number = text_.substr(begin, at_ - begin);
  if (!wire::IsJsonNumber(number)) return false;
  out_ += number;
  return true;
}

bool Reader::String() {
  if (rest().starts_with('"')) {
    ++at_;
    return Quoted("\"", "\"");
  }
  if (rest().starts_with('\'')) {
    ++at_;
    Note("took single quotes for double ones");
    return Quoted("'", "'");
  }
  for (const std::string_view open : {kOpenQuote, kCloseQuote, kLowQuote}) {
    if (!rest().starts_with(open)) continue;
    at_ += open.size();
    Note("took typographic quotes for plain ones");
    return Quoted(kCloseQuote, kOpenQuote);
  }
  return false;
}

/// Whether what follows can stand behind a string: otherwise a quote belonged to its text, and
/// where the text ends is anybody's guess.
bool Reader::EndsHere(std::size_t behind) const {
  const std::size_t next = text_.find_first_not_of(" \t\r\n", behind);
  if (next == std::string_view::npos) return false;
  const std::string_view follows = text_.substr(next);
  return follows[0] == ',' || follows[0] == ':' || follows[0] == '}' || follows[0] == ']' ||
         follows[0] == '#' || follows.starts_with("//") || follows.starts_with("/*");
}

bool Reader::Quoted(std::string_view close, std::string_view other_close) {
  const bool plain = close == "\"";
  out_ += '"';
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (rest().starts_with(close) || rest().starts_with(other_close)) {
      // An apostrophe within a word ends nothing.
      if (c == '\'' && at_ + 1 < text_.size() && IsLetter(text_[at_ + 1]) &&
          IsLetter(text_[at_ - 1])) {
        out_ += c;
        ++at_;
        continue;
      }
      at_ += close.size();
      out_ += '"';
      return EndsHere(at_);
    }
    if (c == '\\') {
      if (!Escape(close[0])) return false;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      Note("escaped line breaks in strings");
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else if (c == '"' && !plain) {
      out_ += "\\\"";
    } else {
      out_ += c;
    }
    ++at_;
  }
  return false;
}

/// A backslash in front of what is no escape is a backslash: formulas and patterns have them.
bool Reader::Escape(char quote) {
  if (at_ + 1 >= text_.size()) return false;
  const char c = text_[at_ + 1];
  if (c == 'x' || IsDigit(c)) return false;  // other languages' escapes
  if (c == 'u') {
    const std::string_view digits = text_.substr(at_ + 2, 4);
    if (digits.size() == 4 && std::ranges::all_of(digits, IsHex)) {
      out_ += text_.substr(at_, 6);
      at_ += 6;
      return true;
    }
  } else if (std::string_view("\"\\/bfnrt").contains(c)) {
    out_ += text_.substr(at_, 2);
    at_ += 2;
    return true;
  } else if (c == '\'' && quote == '\'') {
    out_ += c;
    at_ += 2;
    return true;
  }
  Note("doubled backslashes that escape nothing");
  out_ += "\\\\";
  ++at_;
  return true;
}

}  // namespace

std::optional<LooseValue> ReadLooseJson(std::string_view text, std::size_t at,
                                        std::size_t& budget) {
  if (at >= text.size() || (text[at] != '{' && text[at] != '[')) return std::nullopt;
  Reader reader(text.substr(0, std::min(text.size(), at + budget)), at);
  const bool whole = reader.Value(1);
  budget -= std::min(budget, reader.read() + 1);
  if (!whole) return std::nullopt;
  return reader.Take();
}

}  // namespace triage::verify
