#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace triage::wire {

/// One server-sent event, or a run of lines without data (comments, a lone blank line), up to and
/// with its blank line.
struct SseEvent {
  std::string_view bytes;  ///< as they arrived, terminator included
  std::string_view name;   ///< last `event:` field
  std::string_view data;   ///< `data:` lines joined by "\n"; valid until the next call of Next
  bool has_data = false;   ///< false = nothing that a client would dispatch
  bool terminated = true;  ///< false = the stream ended in its middle
};

/// Cuts a byte stream into events (WHATWG HTML §9.2.6: LF, CRLF or CR line ends, one BOM at the
/// start). Bytes may be split anywhere. Copies only what a split forces it to keep. Order of calls:
/// Feed, Next until nothing, Feed, …, at the end of the stream Finish once.
class SseFramer {
 public:
  /// `max_event_bytes` bounds what is kept while an event is incomplete; see `overflowed`.
  explicit SseFramer(std::size_t max_event_bytes = kMaxEventBytes)
      : max_event_bytes_(max_event_bytes) {}

  /// `bytes` must stay valid until the next Feed or Finish, and so are the `bytes` of events made
  /// from them.
  void Feed(std::string_view bytes);
  /// The next complete event; nothing when more bytes are needed.
  std::optional<SseEvent> Next();
  /// What is left when the stream has ended: an event without its blank line.
  std::optional<SseEvent> Finish();

  /// True once an unfinished event is longer than allowed. The stream is then of no use.
  bool overflowed() const { return overflowed_; }

  static constexpr std::size_t kMaxEventBytes =
      8 * 1024 * 1024;  // an image of a few MB in base64 fits

 private:
  void TakeLine(std::size_t begin, std::size_t end);
  SseEvent TakeEvent(std::size_t end);
  void KeepRest();
  void Rebase();  // makes begin_ the window's first byte

  std::string_view Slice(std::size_t begin, std::size_t end) const {
    return window_.substr(begin, end - begin);
  }

  const std::size_t max_event_bytes_;
  bool overflowed_ = false;
  bool at_start_ = true;

  std::string kept_;         // an incomplete event from earlier feeds, then what was fed behind it
  std::string_view window_;  // the bytes being cut: those fed, or `kept_`
  bool window_is_kept_ = false;

  // Offsets into window_.
  std::size_t begin_ = 0;     // of the event
  std::size_t line_ = 0;      // of the line
  std::size_t searched_ = 0;  // no line end before this
  std::size_t data_begin_ = 0, data_end_ = 0;
  std::size_t name_begin_ = 0, name_end_ = 0;

  int data_lines_ = 0;
  std::string joined_;  // data of events with several data lines
};

}  // namespace triage::wire
