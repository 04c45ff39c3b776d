#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace triage::wire {

// Framing of application/vnd.amazon.eventstream: each message is its length, the length of its
// headers, a CRC-32 of both, the headers, a payload, and a CRC-32 of all that, big-endian. Source:
// https://smithy.io/2.0/aws/amazon-eventstream.html

struct AwsHeader {
  enum class Type : std::uint8_t {
    kTrue = 0,
    kFalse = 1,
    kByte = 2,
    kShort = 3,
    kInteger = 4,
    kLong = 5,
    kBytes = 6,
    kString = 7,
    kTimestamp = 8,  ///< milliseconds since 1970
    kUuid = 9,
  };

  std::string_view name;
  Type type = Type::kString;
  /// The value's bytes as they are on the wire: none for kTrue and kFalse, big-endian for numbers,
  /// without their length for kBytes and kString.
  std::string_view value;
};

/// Views into the decoder, valid until its next Feed or Next.
struct AwsMessage {
  std::string_view type;     ///< :event-type, :exception-type or :error-code
  std::string_view payload;  ///< of an unmodelled error, which has none: {"message":…}
  bool exception = false;    ///< :message-type is "exception" or "error"
  std::span<const AwsHeader> headers;
};

/// Cuts a byte stream into messages. Bytes may be split anywhere. Order of calls: Feed, Next until
/// nothing, Feed, …
class AwsEventStreamDecoder {
 public:
  /// Larger messages are an error before they are kept. AWS allows 16 MiB of payload.
  explicit AwsEventStreamDecoder(std::size_t max_message_bytes = kMaxMessageBytes)
      : max_message_bytes_(max_message_bytes) {}

  void Feed(std::string_view bytes);
  /// The next whole message; nothing when more bytes are needed or there is an error.
  std::optional<AwsMessage> Next();

  /// kUpstream: a length out of bounds, a checksum that does not match, broken headers. The stream
  /// is then of no use.
  const std::optional<Error>& error() const { return error_; }

  /// True when the bytes fed so far end within a message.
  bool within_message() const { return begin_ < kept_.size(); }

  static constexpr std::size_t kMaxMessageBytes = 16 * 1024 * 1024;

 private:
  std::optional<AwsMessage> Fail(std::string_view detail);
  bool ReadHeaders(std::string_view bytes);
  AwsMessage MakeMessage(std::string_view payload);

  const std::size_t max_message_bytes_;
  std::string kept_;
  std::size_t begin_ = 0;  // of the message being read
  std::vector<AwsHeader> headers_;
  std::string error_payload_;
  std::optional<Error> error_;
};

/// Appends one message. A header that does not fit its length field is left out.
void AppendAwsMessage(std::string& out, std::span<const AwsHeader> headers,
                      std::string_view payload);

/// Appends an event, or an exception, whose payload is JSON.
void AppendAwsEvent(std::string& out, std::string_view type, std::string_view payload,
                    bool exception = false);

/// The bytes of a stream that is written down as lines of "TYPE PAYLOAD"; a type …Exception is one.
std::string AwsEventsOf(std::string_view lines);

}  // namespace triage::wire
