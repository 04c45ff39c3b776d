#include "base/json_writer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include <fmt/format.h>

namespace triage {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0 when
/// there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (first < 0xF0) {
    const bool second = in(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
    return second && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  const bool second = in(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
  return second && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
}

}  // namespace

void JsonWriter::Separate() {
  if (comma_) text_ += ',';
  comma_ = true;
}

void JsonWriter::Begin(char bracket) {
  Separate();
  text_ += bracket;
  comma_ = false;
}

void JsonWriter::End(char bracket) {
  text_ += bracket;
  comma_ = true;
}

void JsonWriter::Key(std::string_view key) {
  const bool plain = std::all_of(
      key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  if (plain) {
    Separate();
    text_ += '"';
    text_ += key;
    text_ += '"';
  } else {
    String(key);
  }
  text_ += ':';
  comma_ = false;
}

void JsonWriter::String(std::string_view value) {
  Separate();
  text_ += '"';
  std::size_t plain = 0;  // start of what has been read and can be copied as it is
  std::size_t at = 0;
  const auto replace = [&](std::string_view with) {
    text_ += value.substr(plain, at - plain);
    text_ += with;
    plain = ++at;
  };
  while (at < value.size()) {
    const auto c = static_cast<unsigned char>(value[at]);
    if (c == '"') {
      replace("\\\"");
    } else if (c == '\\') {
      replace("\\\\");
    } else if (c == '\n') {
      replace("\\n");
    } else if (c < 0x20) {
      replace(fmt::format("\\u{:04x}", c));
    } else if (c < 0x80) {
      ++at;
    } else if (const std::size_t length = SequenceLength(value.substr(at)); length > 0) {
      at += length;
    } else {
      replace("\xEF\xBF\xBD");
    }
  }
  text_ += value.substr(plain);
  text_ += '"';
}

void JsonWriter::Integer(std::int64_t value) {
  Separate();
  fmt::format_to(std::back_inserter(text_), FMT_STRING("{}"), value);
}

void JsonWriter::Number(double value) {
  if (!std::isfinite(value)) return Null();
  Separate();
  fmt::format_to(std::back_inserter(text_), FMT_STRING("{}"), value);
}

void JsonWriter::Bool(bool value) {
  Raw(value ? "true" : "false");
}

void JsonWriter::Null() {
  Raw("null");
}

void JsonWriter::Raw(std::string_view json) {
  Separate();
  text_ += json;
}

void JsonWriter::Member(std::string_view key, std::string_view value) {
  Key(key);
  String(value);
}

void JsonWriter::Member(std::string_view key, std::int64_t value) {
  Key(key);
  Integer(value);
}

void JsonWriter::Member(std::string_view key, const std::optional<double>& value) {
  Key(key);
  value ? Number(*value) : Null();
}

void JsonWriter::Flag(std::string_view key, bool value) {
  Key(key);
  Bool(value);
}

void JsonWriter::Strings(std::string_view key, std::span<const std::string> values) {
  Key(key);
  Begin('[');
  for (const std::string& value : values) String(value);
  End(']');
}

}  // namespace triage
