#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"

namespace triage::net {

/// How the length of a message body is known (RFC 9112, 6.3).
enum class BodyFraming : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::vector<Header> headers;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool expect_continue = false;
};

struct ResponseHead {
  int status = 0;
  std::vector<Header> headers;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
};

/// Length of the head at the start of `bytes` including its empty line; nothing when it is not
/// complete yet. `searched` bytes are known not to hold its end.
std::optional<std::size_t> FindHeadEnd(std::string_view bytes, std::size_t searched);

/// Parses a complete head (as FindHeadEnd delimits it). One strict grammar, because every leniency
/// is a request smuggled past somebody else: no obs-fold, no bare CR or LF, no space before a
/// colon, no repeated or conflicting lengths, only "chunked" as transfer coding, exactly one Host
/// in HTTP/1.1. Views point into `head`; `out.headers` keeps its capacity. Error kProtocol,
/// kTooLarge (more than 100 fields) or kUnsupported (version).
Result<void> ParseRequestHead(std::string_view head, RequestHead& out);

/// The same for a response to a request that was not HEAD.
Result<void> ParseResponseHead(std::string_view head, ResponseHead& out);

/// Takes the chunked transfer coding apart, incrementally and in place.
class ChunkedDecoder {
 public:
  enum class State : std::uint8_t { kMore, kDone, kError };

  struct Step {
    State state = State::kMore;
    std::size_t consumed = 0;  ///< bytes of the input that are dealt with
    std::string_view data;     ///< body bytes among them, a view into the input; may be empty
  };

  /// Deals with input up to the end of one run of data. Call again with the rest until `consumed`
  /// covers it.
  Step Next(std::string_view input);

 private:
  enum class Phase : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kDone,
    kError
  };

  Phase phase_ = Phase::kSize;
  std::uint64_t remaining_ = 0;
  unsigned digits_ = 0;
  std::size_t line_ = 0;      // bytes of the present trailer line
  std::size_t overhead_ = 0;  // bytes of extensions and trailers, bounded
};

}  // namespace triage::net
