#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace triage::bench {

/// Reads one HTTP/1.1 response from bytes as they arrive and counts what a benchmark needs. It
/// trusts its peer's grammar no further than needed to notice that an answer is broken; it is a
/// measuring tool, not a codec.
class ResponseReader {
 public:
  enum class State { kHead, kLength, kChunkSize, kChunkData, kChunkEnd, kTrailer, kDone, kBroken };

  /// Takes the bytes of one read. Bytes after the response's end make it kBroken: nobody here
  /// pipelines.
  State Feed(std::string_view bytes);
  /// Ready for the next response.
  void Reset();

  State state() const { return state_; }

  int status() const { return status_; }

  std::uint64_t body_bytes() const { return body_bytes_; }

  /// Lines of the body that begin with "data:".
  std::uint64_t events() const { return events_; }

  /// Whether the body held "data: [DONE]" (or any event that begins with a bracket).
  bool saw_done() const { return saw_done_; }

  /// The server said that it closes the connection after this response.
  bool closes() const { return closes_; }

 private:
  void ParseHead(std::string_view head);
  void CountBody(std::string_view bytes);
  std::string_view TakeLine(std::string_view& bytes);

  State state_ = State::kHead;
  std::string pending_;  ///< an unfinished head or chunk-size line
  int status_ = 0;
  bool closes_ = false;
  std::uint64_t remaining_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t events_ = 0;
  std::size_t line_match_ =
      0;  ///< how much of "data: [" the present line has matched; npos = it does not
  bool saw_done_ = false;
};

}  // namespace triage::bench
