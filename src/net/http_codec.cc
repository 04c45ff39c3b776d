#include "net/http_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace triage::net {
namespace {

constexpr std::size_t kMaxFields = 100;
constexpr std::size_t kMaxChunkOverhead = 16 * 1024;

constexpr std::uint8_t kToken = 1;       // RFC 9110 tchar
constexpr std::uint8_t kFieldValue = 2;  // VCHAR, obs-text, SP, HTAB
constexpr std::uint8_t kTargetChar = 4;  // visible ASCII

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    std::uint8_t bits = 0;
    const bool letter_or_digit =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter_or_digit ||
        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos) {
      bits |= kToken;
    }
    if (c == '\0') bits = 0;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kFieldValue;
    if (c > 0x20 && c < 0x7f) bits |= kTargetChar;
    classes[c] = bits;
  }
  return classes;
}();

bool AllOf(std::string_view text, std::uint8_t kind) {
  for (const char c : text) {
    if ((kClasses[static_cast<unsigned char>(c)] & kind) == 0) return false;
  }
  return true;
}

Error Protocol(std::string message) {
  return Error{.code = ErrorCode::kProtocol, .message = std::move(message)};
}

bool IsName(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() && EqualsIgnoreCaseAscii(name, lower);
}

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What the fields that matter for framing say.
struct FramingFields {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  bool expect_continue = false;
  int hosts = 0;
};

Result<std::uint64_t> ParseContentLength(std::string_view value) {
  if (value.empty() || value.size() > 18) return Protocol("bad Content-Length");
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return Protocol("bad Content-Length");
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

bool ReadConnection(std::string_view value, FramingFields& fields) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = TrimBlanks(value.substr(0, comma));
    if (!AllOf(option, kToken)) return false;
    if (IsName(option, "close")) fields.close = true;
    if (IsName(option, "keep-alive")) fields.keep_alive = true;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  return true;
}

Result<void> ReadFramingField(std::string_view name, std::string_view value,
                              FramingFields& fields) {
  // The length picks the few names that matter before any comparison of letters.
  switch (name.size()) {
    case 4:
      if (IsName(name, "host")) ++fields.hosts;
      break;
    case 6:
      if (IsName(name, "expect")) fields.expect_continue = IsName(value, "100-continue");
      break;
    case 10:
      if (IsName(name, "connection") && !ReadConnection(value, fields)) {
        return Protocol("malformed Connection");
      }
      break;
    case 14:
      if (IsName(name, "content-length")) {
        if (fields.content_length) return Protocol("more than one Content-Length");
        Result<std::uint64_t> length = ParseContentLength(value);
        if (!length) return std::move(length).error();
        fields.content_length = *length;
      }
      break;
    case 17:
      if (IsName(name, "transfer-encoding")) {
        if (fields.chunked || !IsName(value, "chunked"))
          return Protocol("unsupported Transfer-Encoding");
        fields.chunked = true;
      }
      break;
    default: break;
  }
  return {};
}

/// Parses the field lines that follow the first line. `rest` ends with the empty line.
Result<void> ParseFields(std::string_view rest, std::vector<Header>& headers,
                         FramingFields& fields) {
  headers.clear();
  while (true) {
    const std::size_t end = rest.find('\r');
    if (end == std::string_view::npos || end + 1 >= rest.size() || rest[end + 1] != '\n') {
      return Protocol("a header line does not end in CRLF");
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || !AllOf(line.substr(0, colon), kToken)) {
      return Protocol("a header line has no valid field name");
    }
    const std::string_view value = TrimBlanks(line.substr(colon + 1));
    if (!AllOf(value, kFieldValue)) return Protocol("a header value has control characters");
    if (headers.size() == kMaxFields) {
      return Error{.code = ErrorCode::kTooLarge, .message = "more than 100 header fields"};
    }
    headers.push_back({line.substr(0, colon), value});
    Result<void> read = ReadFramingField(headers.back().name, value, fields);
    if (!read) return read;
  }
  if (!rest.empty()) return Protocol("bytes behind the head");
  if (fields.chunked && fields.content_length)
    return Protocol("both Content-Length and Transfer-Encoding");
  return {};
}

std::string_view FirstLine(std::string_view& head) {
  const std::size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
  return line;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::size_t> FindHeadEnd(std::string_view bytes, std::size_t searched) {
  // The end may straddle what was searched and what is new.
  const std::size_t from = searched > 3 ? searched - 3 : 0;
  const void* found = memmem(bytes.data() + from, bytes.size() - from, "\r\n\r\n", 4);
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) + 4;
}

Result<void> ParseRequestHead(std::string_view head, RequestHead& out) {
  const std::string_view line = FirstLine(head);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Protocol("malformed request line");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (out.method.empty() || !AllOf(out.method, kToken)) return Protocol("malformed method");
  if (out.target.empty() || !AllOf(out.target, kTargetChar))
    return Protocol("malformed request target");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (version.starts_with("HTTP/")) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "only HTTP/1.1 and HTTP/1.0 are spoken here"};
    }
    return Protocol("malformed request line");
  }
  out.http_1_0 = version == "HTTP/1.0";
  FramingFields fields;
  Result<void> parsed = ParseFields(head, out.headers, fields);
  if (!parsed) return parsed;
  if (fields.hosts > 1 || (fields.hosts == 0 && !out.http_1_0))
    return Protocol("exactly one Host is needed");
  if (out.http_1_0 && fields.chunked) return Protocol("Transfer-Encoding in HTTP/1.0");
  out.framing = fields.chunked          ? BodyFraming::kChunked
                : fields.content_length ? BodyFraming::kLength
                                        : BodyFraming::kNone;
  out.content_length = fields.content_length.value_or(0);
  out.keep_alive = out.http_1_0 ? fields.keep_alive && !fields.close : !fields.close;
  out.expect_continue = fields.expect_continue && !out.http_1_0;
  return {};
}

Result<void> ParseResponseHead(std::string_view head, ResponseHead& out) {
  const std::string_view line = FirstLine(head);
  const bool digits = line.size() >= 12 && std::all_of(line.begin() + 9, line.begin() + 12,
                                                       [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !line.starts_with("HTTP/1.") || (line[7] != '1' && line[7] != '0') ||
      line[8] != ' ' || (line.size() > 12 && line[12] != ' ') || !AllOf(line, kFieldValue)) {
    return Protocol("malformed status line");
  }
  out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  FramingFields fields;
  Result<void> parsed = ParseFields(head, out.headers, fields);
  if (!parsed) return parsed;
  const bool bodiless = out.status < 200 || out.status == 204 || out.status == 304;
  if (bodiless) {
    out.framing = BodyFraming::kNone;
  } else if (fields.chunked) {
    out.framing = BodyFraming::kChunked;
  } else {
    out.framing = fields.content_length ? BodyFraming::kLength : BodyFraming::kUntilClose;
  }
  out.content_length = bodiless ? 0 : fields.content_length.value_or(0);
  out.keep_alive = line[7] == '1' ? !fields.close : fields.keep_alive && !fields.close;
  if (out.framing == BodyFraming::kUntilClose) out.keep_alive = false;
  return {};
}

ChunkedDecoder::Step ChunkedDecoder::Next(std::string_view input) {
  Step step;
  auto fail = [&] {
    phase_ = Phase::kError;
    step.state = State::kError;
    return step;
  };
  while (step.consumed < input.size()) {
    if (phase_ == Phase::kDone || phase_ == Phase::kError) break;
    if (phase_ == Phase::kData) {
      const std::size_t take = static_cast<std::size_t>(
          std::min<std::uint64_t>(remaining_, input.size() - step.consumed));
      step.data = input.substr(step.consumed, take);
      step.consumed += take;
      remaining_ -= take;
      if (remaining_ == 0) phase_ = Phase::kDataCr;
      return step;
    }
    const char c = input[step.consumed++];
    switch (phase_) {
      case Phase::kSize:
        if (const int digit = HexDigit(c); digit >= 0) {
          if (++digits_ > 15) return fail();
          remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
        } else if (digits_ == 0) {
          return fail();
        } else if (c == '\r') {
          phase_ = Phase::kSizeLf;
        } else if (c == ';' || c == ' ' || c == '\t') {
          phase_ = Phase::kExtension;
        } else {
          return fail();
        }
        break;
      case Phase::kExtension:
        if (c == '\r') {
          phase_ = Phase::kSizeLf;
        } else if ((kClasses[static_cast<unsigned char>(c)] & kFieldValue) == 0 ||
                   ++overhead_ > kMaxChunkOverhead) {
          return fail();
        }
        break;
      case Phase::kSizeLf:
        if (c != '\n') return fail();
        digits_ = 0;
        line_ = 0;
        phase_ = remaining_ == 0 ? Phase::kTrailer : Phase::kData;
        break;
      case Phase::kDataCr:
        if (c != '\r') return fail();
        phase_ = Phase::kDataLf;
        break;
      case Phase::kDataLf:
        if (c != '\n') return fail();
        phase_ = Phase::kSize;
        break;
      case Phase::kTrailer:
        if (c == '\r') {
          phase_ = Phase::kTrailerLf;
        } else if ((kClasses[static_cast<unsigned char>(c)] & kFieldValue) == 0 ||
                   ++overhead_ > kMaxChunkOverhead) {
          return fail();
        } else {
          ++line_;
        }
        break;
      case Phase::kTrailerLf:
        if (c != '\n') return fail();
        if (line_ == 0) {
          phase_ = Phase::kDone;
          step.state = State::kDone;
          return step;
        }
        line_ = 0;
        phase_ = Phase::kTrailer;
        break;
      default: return fail();
    }
  }
  if (phase_ == Phase::kDone) step.state = State::kDone;
  if (phase_ == Phase::kError) step.state = State::kError;
  return step;
}

}  // namespace triage::net
