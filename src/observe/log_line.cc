#include "observe/log_line.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace triage::observe {
namespace {

template <class T>
void AppendNumber(std::string& out, T value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

bool IsContinuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

/// Length of the UTF-8 sequence that starts at `at`, 0 when it is broken, overlong, a surrogate or
/// out of range (RFC 3629).
std::size_t SequenceLength(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !IsContinuation(text, at + 1)) return 0;
  if (first < 0xE0) return 2;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  if (!IsContinuation(text, at + 2)) return 0;
  if (first < 0xF0) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0)) return 0;
    return 3;
  }
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90)) return 0;
  return IsContinuation(text, at + 3) ? 4 : 0;
}

void AppendEscapedByte(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u00";
  out += kHex[byte >> 4U];
  out += kHex[byte & 0xFU];
}

bool NeedsEscape(unsigned char byte) {
  return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F;
}

/// A JSON string with its quotes; valid JSON whatever the bytes are.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SequenceLength(text, at);
    if (length == 0) {
      out += "\\ufffd";
      ++at;
    } else if (length == 1 && NeedsEscape(static_cast<unsigned char>(text[at]))) {
      AppendEscapedByte(out, static_cast<unsigned char>(text[at]));
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  out += '"';
}

bool ReadsAsOneWord(std::string_view text) {
  if (text.empty()) return false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SequenceLength(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte == ' ' || byte == '=' || NeedsEscape(byte)) return false;
    at += length;
  }
  return true;
}

struct ScalarWriter {
  std::string& out;

  void operator()(std::int64_t value) const { AppendNumber(out, value); }

  void operator()(std::uint64_t value) const { AppendNumber(out, value); }

  void operator()(bool value) const { out += value ? "true" : "false"; }

  void operator()(double value) const {
    if (std::isfinite(value)) {
      AppendNumber(out, value);
    } else {
      out += "null";
    }
  }
};

struct HumanWriter : ScalarWriter {
  using ScalarWriter::operator();

  void operator()(std::string_view value) const {
    if (ReadsAsOneWord(value)) {
      out += value;
    } else {
      AppendQuoted(out, value);
    }
  }
};

struct JsonWriter : ScalarWriter {
  using ScalarWriter::operator();

  void operator()(std::string_view value) const { AppendQuoted(out, value); }
};

}  // namespace

void AppendHumanLine(std::string& out, std::string_view event, std::span<const Field> fields) {
  out += event;
  for (const Field& field : fields) {
    out += ' ';
    out += field.key();
    out += '=';
    std::visit(HumanWriter{{out}}, field.value());
  }
}

void AppendJsonLine(std::string& out, std::string_view event, std::span<const Field> fields) {
  out += "\"event\":";
  AppendQuoted(out, event);
  for (const Field& field : fields) {
    out += ',';
    AppendQuoted(out, field.key());
    out += ':';
    std::visit(JsonWriter{{out}}, field.value());
  }
}

}  // namespace triage::observe
