#include "wire/json.h"

#include <array>
#include <cstdint>

namespace triage::wire {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::uint8_t Byte(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// The four hex digits at `at`; nothing when they are not.
std::optional<std::uint32_t> Hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    std::uint32_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

void AppendCodePoint(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

// What a one-letter escape stands for; 0 when the letter is none.
char SimpleEscape(char letter) {
  switch (letter) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::uint8_t byte = Byte(text, at);
    if (byte >= 0x80) {
      const std::size_t length = Utf8SequenceLength(text, at);
      out += length == 0 ? kReplacement : text.substr(at, length);
      at += length == 0 ? 1 : length;
      continue;
    }
    ++at;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          out += "\\u00";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::string JsonString(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  AppendJsonString(out, text);
  return out;
}

bool AppendUnescaped(std::string& out, std::string_view raw) {
  for (std::size_t at = 0; at < raw.size();) {
    const std::size_t slash = raw.find('\\', at);
    if (slash == std::string_view::npos) {
      out += raw.substr(at);
      return true;
    }
    out += raw.substr(at, slash - at);
    if (slash + 1 == raw.size()) return false;
    const char letter = raw[slash + 1];
    at = slash + 2;
    if (letter != 'u') {
      const char meant = SimpleEscape(letter);
      if (meant == 0) return false;
      out += meant;
      continue;
    }
    const auto high = Hex4(raw, at);
    if (!high) return false;
    at += 4;
    if (*high < 0xD800 || *high > 0xDFFF) {
      AppendCodePoint(out, *high);
      continue;
    }
    const bool pair = *high < 0xDC00 && raw.substr(at, 2) == "\\u";
    const auto low = pair ? Hex4(raw, at + 2) : std::nullopt;
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      AppendCodePoint(out, 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00));
      at += 6;
    } else {
      out += kReplacement;
    }
  }
  return true;
}

bool ValidEscapes(std::string_view raw) {
  for (std::size_t at = raw.find('\\'); at != std::string_view::npos; at = raw.find('\\', at)) {
    if (at + 1 == raw.size()) return false;
    if (raw[at + 1] == 'u' ? !Hex4(raw, at + 2).has_value() : SimpleEscape(raw[at + 1]) == 0) {
      return false;
    }
    at += 2;
  }
  return true;
}

bool IsJsonNumber(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

std::size_t Utf8SequenceLength(std::string_view text, std::size_t at) {
  const std::uint8_t lead = Byte(text, at);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (at + length > text.size()) return 0;
  if (Byte(text, at + 1) < low || Byte(text, at + 1) > high) return 0;
  for (std::size_t i = at + 2; i < at + length; ++i) {
    if ((Byte(text, i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::size_t WholeCharacters(std::string_view text) {
  const std::size_t from = text.size() < 3 ? 0 : text.size() - 3;
  for (std::size_t at = text.size(); at-- > from;) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) break;
    if (byte < 0xC0) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return at + length > text.size() ? at : text.size();
  }
  return text.size();
}

std::string_view Utf8Prefix(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (Byte(text, end) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

namespace {

class ProblemFinder {
 public:
  ProblemFinder(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  std::optional<JsonProblem> Run() {
    SkipBlanks();
    if (at_ == text_.size()) return JsonProblem{0, "the text is empty"};
    if (!Value(0)) return problem_;
    SkipBlanks();
    if (at_ != text_.size()) return JsonProblem{at_, "something follows the JSON value"};
    return std::nullopt;
  }

 private:
  bool Fail(std::string_view reason) {
    problem_ = JsonProblem{at_, at_ < text_.size() ? std::string(reason)
                                                   : std::string(reason) + ", but the text ends"};
    return false;
  }

  void SkipBlanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool At(char c) const { return at_ < text_.size() && text_[at_] == c; }

  bool Value(int depth) {
    if (At('{')) return Container(depth + 1, '}');
    if (At('[')) return Container(depth + 1, ']');
    if (At('"')) return String();
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,:[]{}\"", at_), text_.size());
    const std::string_view token = text_.substr(at_, end - at_);
    if (token != "true" && token != "false" && token != "null" && !IsJsonNumber(token)) {
      return Fail("expected a JSON value");
    }
    at_ = end;
    return true;
  }

  bool Container(int depth, char close) {
    if (depth > max_depth_) return Fail("nested too deeply");
    ++at_;
    SkipBlanks();
    if (At(close)) {
      ++at_;
      return true;
    }
    while (true) {
      if (close == '}') {
        if (!At('"')) return Fail("expected a key in double quotes");
        if (!String()) return false;
        SkipBlanks();
        if (!At(':')) return Fail("expected ':'");
        ++at_;
        SkipBlanks();
      }
      if (!Value(depth)) return false;
      SkipBlanks();
      if (At(close)) {
        ++at_;
        return true;
      }
      if (!At(',')) return Fail(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
      ++at_;
      SkipBlanks();
    }
  }

  bool String() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      const std::uint8_t byte = Byte(text_, at_);
      if (byte < 0x20) return Fail("a control character in a string must be escaped");
      if (byte == '\\') {
        const std::size_t length = text_.substr(at_, 2) == "\\u" ? 6 : 2;
        if (!ValidEscapes(text_.substr(at_, length))) return Fail("unknown escape in a string");
        at_ += length;
        continue;
      }
      const std::size_t length = Utf8SequenceLength(text_, at_);
      if (length == 0) return Fail("invalid UTF-8");
      at_ += length;
    }
    if (at_ >= text_.size()) {
      at_ = text_.size();
      return Fail("a string is not closed");
    }
    ++at_;
    return true;
  }

  const std::string_view text_;
  const int max_depth_;
  std::size_t at_ = 0;
  JsonProblem problem_;
};

}  // namespace

std::optional<JsonProblem> FindJsonProblem(std::string_view text, int max_depth) {
  return ProblemFinder(text, max_depth).Run();
}

namespace {

// Calls `visit(quote, value, end)` for each member of the top-level object, until it says false.
template <class Visit>
void EachMember(std::string_view text, Visit&& visit) {
  int depth = 0;
  bool at_key = false;  // the next string at depth 1 is a key
  std::size_t quote = 0;
  std::size_t value = 0;  // 0 = not come to yet
  bool inside = false;    // a member
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (inside && value == 0 && !blank && c != ':') value = at;
    if (c == '"') {
      const std::size_t begin = at;
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
      }
      if (depth == 1 && at_key) {
        quote = begin;
        value = 0;
        inside = true;
        at_key = false;
      }
    } else if (c == '{' || c == '[') {
      at_key = ++depth == 1;
    } else if (c == '}' || c == ']' || c == ',') {
      if (depth == 1 && inside && value != 0) {
        std::size_t end = at;
        while (end > value && (text[end - 1] == ' ' || text[end - 1] == '\t' ||
                               text[end - 1] == '\n' || text[end - 1] == '\r')) {
          --end;
        }
        if (!visit(quote, value, end)) return;
        inside = false;
      }
      if (c == ',') {
        at_key = depth == 1;
      } else {
        --depth;
      }
    }
  }
}

}  // namespace

llm::ByteRange FindMember(std::string_view text, std::string_view key) {
  llm::ByteRange range;
  EachMember(text, [&](std::size_t quote, std::size_t value, std::size_t end) {
    const std::string_view rest = text.substr(quote + 1);
    if (!rest.starts_with(key) || !rest.substr(key.size()).starts_with('"')) return true;
    range = {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(end)};
    return false;
  });
  return range;
}

std::vector<std::uint32_t> FindKeys(std::string_view text) {
  std::vector<std::uint32_t> keys;
  EachMember(text, [&](std::size_t quote, std::size_t, std::size_t) {
    keys.push_back(static_cast<std::uint32_t>(quote));
    return true;
  });
  return keys;
}

}  // namespace triage::wire
