#include "wire/aws_event_stream.h"

#include <array>
#include <limits>
#include <utility>

#include <zlib.h>

#include "wire/json.h"

namespace triage::wire {
namespace {

using Type = AwsHeader::Type;

constexpr std::size_t kPreludeBytes = 12;  // two lengths and their checksum
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kOverhead = kPreludeBytes + kChecksumBytes;
constexpr std::size_t kMaxHeaderBytes = 128 * 1024;  // AWS's limit

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::uint32_t ReadNumber(std::string_view bytes, std::size_t at, std::size_t length) {
  std::uint32_t number = 0;
  for (const char c : bytes.substr(at, length))
    number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

void AppendNumber(std::string& out, std::size_t number, int length) {
  for (int shift = 8 * (length - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xFF);
  }
}

// Bytes of a value; nothing for types that begin with their length.
std::optional<std::size_t> FixedLength(Type type) {
  switch (type) {
    case Type::kTrue:
    case Type::kFalse: return 0;
    case Type::kByte: return 1;
    case Type::kShort: return 2;
    case Type::kInteger: return 4;
    case Type::kLong:
    case Type::kTimestamp: return 8;
    case Type::kUuid: return 16;
    case Type::kBytes:
    case Type::kString: break;
  }
  return std::nullopt;
}

bool Fits(const AwsHeader& header) {
  const auto fixed = FixedLength(header.type);
  return !header.name.empty() && header.name.size() <= std::numeric_limits<std::uint8_t>::max() &&
         (fixed ? header.value.size() == *fixed
                : header.value.size() <= std::numeric_limits<std::int16_t>::max());
}

}  // namespace

void AwsEventStreamDecoder::Feed(std::string_view bytes) {
  if (error_) return;
  kept_.erase(0, std::exchange(begin_, 0));
  kept_ += bytes;
}

std::optional<AwsMessage> AwsEventStreamDecoder::Next() {
  const std::string_view rest = std::string_view(kept_).substr(begin_);
  if (error_ || rest.size() < kPreludeBytes) return std::nullopt;
  const std::size_t length = ReadNumber(rest, 0, 4);
  const std::size_t headers = ReadNumber(rest, 4, 4);
  // First of all: lengths that were damaged must not be waited for.
  if (ReadNumber(rest, 8, 4) != Checksum(rest.substr(0, 8))) {
    return Fail("checksum of a prelude does not match");
  }
  if (length > max_message_bytes_) return Fail("message too long");
  if (headers > kMaxHeaderBytes || length < kOverhead + headers) return Fail("lengths are wrong");
  if (rest.size() < length) return std::nullopt;
  const std::string_view message = rest.substr(0, length);
  if (ReadNumber(message, length - kChecksumBytes, 4) !=
      Checksum(message.substr(0, length - kChecksumBytes))) {
    return Fail("checksum of a message does not match");
  }
  if (!ReadHeaders(message.substr(kPreludeBytes, headers))) return Fail("headers are broken");
  begin_ += length;
  return MakeMessage(message.substr(kPreludeBytes + headers, length - kOverhead - headers));
}

std::optional<AwsMessage> AwsEventStreamDecoder::Fail(std::string_view detail) {
  error_ = Error{.code = ErrorCode::kUpstream,
                 .message = "The provider's stream is broken.",
                 .detail = "event stream: " + std::string(detail)};
  kept_.clear();
  begin_ = 0;
  return std::nullopt;
}

bool AwsEventStreamDecoder::ReadHeaders(std::string_view bytes) {
  headers_.clear();
  const auto take = [&](std::size_t length) {
    const std::string_view taken = bytes.substr(0, length);
    bytes.remove_prefix(length);
    return taken;
  };
  while (!bytes.empty()) {
    AwsHeader header;
    const std::size_t name = ReadNumber(take(1), 0, 1);
    if (name == 0 || bytes.size() < name + 1) return false;
    header.name = take(name);
    const std::uint32_t type = ReadNumber(take(1), 0, 1);
    if (type > static_cast<std::uint32_t>(Type::kUuid)) return false;
    header.type = static_cast<Type>(type);
    std::size_t length = 0;
    if (const auto fixed = FixedLength(header.type)) {
      length = *fixed;
    } else {
      if (bytes.size() < 2) return false;
      length = ReadNumber(take(2), 0, 2);
    }
    if (bytes.size() < length) return false;
    header.value = take(length);
    headers_.push_back(header);
  }
  return true;
}

AwsMessage AwsEventStreamDecoder::MakeMessage(std::string_view payload) {
  const auto find = [&](std::string_view name) -> std::string_view {
    for (const AwsHeader& header : headers_) {
      if (header.name == name && header.type == Type::kString) return header.value;
    }
    return {};
  };
  AwsMessage message{.type = find(":event-type"), .payload = payload, .headers = headers_};
  const std::string_view kind = find(":message-type");
  if (kind == "exception") {
    message.type = find(":exception-type");
    message.exception = true;
  } else if (kind == "error") {
    message.type = find(":error-code");
    message.exception = true;
    error_payload_ = R"({"message":)" + JsonString(find(":error-message")) + "}";
    message.payload = error_payload_;
  }
  return message;
}

void AppendAwsMessage(std::string& out, std::span<const AwsHeader> headers,
                      std::string_view payload) {
  std::string block;
  for (const AwsHeader& header : headers) {
    if (!Fits(header)) continue;
    AppendNumber(block, header.name.size(), 1);
    block += header.name;
    AppendNumber(block, static_cast<std::size_t>(header.type), 1);
    if (!FixedLength(header.type)) AppendNumber(block, header.value.size(), 2);
    block += header.value;
  }
  const std::size_t begin = out.size();
  AppendNumber(out, kOverhead + block.size() + payload.size(), 4);
  AppendNumber(out, block.size(), 4);
  AppendNumber(out, Checksum(std::string_view(out).substr(begin)), 4);
  out += block;
  out += payload;
  AppendNumber(out, Checksum(std::string_view(out).substr(begin)), 4);
}

void AppendAwsEvent(std::string& out, std::string_view type, std::string_view payload,
                    bool exception) {
  const std::array<AwsHeader, 3> headers = {{
      {.name = exception ? ":exception-type" : ":event-type", .value = type},
      {.name = ":content-type", .value = "application/json"},
      {.name = ":message-type", .value = exception ? "exception" : "event"},
  }};
  AppendAwsMessage(out, headers, payload);
}

std::string AwsEventsOf(std::string_view lines) {
  std::string bytes;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view type = line.substr(0, blank);
    AppendAwsEvent(bytes, type, line.substr(std::min(blank + 1, line.size())),
                   type.ends_with("Exception"));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return bytes;
}

}  // namespace triage::wire
