#include "wire/sse.h"

#include <algorithm>
#include <cstring>

namespace triage::wire {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

// Offset of the first LF or CR at or behind `from`; npos when there is none.
std::size_t FindLineEnd(std::string_view text, std::size_t from) {
  const std::size_t lf = text.find('\n', from);
  // A CR is rare; look for one only in front of the LF.
  const std::size_t cr = text.substr(0, lf).find('\r', from);
  return std::min(lf, cr);
}

}  // namespace

void SseFramer::Feed(std::string_view bytes) {
  if (window_is_kept_) {
    // Everything before begin_ has been handed out.
    kept_.erase(0, begin_);
    Rebase();
  }
  if (kept_.empty()) {
    window_ = bytes;
    window_is_kept_ = false;
    if (kept_.capacity() > 64 * 1024) kept_.shrink_to_fit();
  } else {
    kept_.append(bytes);
    window_ = kept_;
    window_is_kept_ = true;
  }
}

std::optional<SseEvent> SseFramer::Next() {
  while (true) {
    const std::size_t end = FindLineEnd(window_, searched_);
    if (end == std::string_view::npos) {
      searched_ = window_.size();
      break;
    }
    std::size_t next = end + 1;
    if (window_[end] == '\r') {
      if (next == window_.size()) {  // an LF may follow
        searched_ = end;
        break;
      }
      if (window_[next] == '\n') ++next;
    }
    std::size_t begin = line_;
    if (at_start_) {
      at_start_ = false;
      if (Slice(begin, end).starts_with(kBom)) begin += kBom.size();
    }
    line_ = searched_ = next;
    if (begin == end) return TakeEvent(next);
    TakeLine(begin, end);
  }
  KeepRest();
  return std::nullopt;
}

std::optional<SseEvent> SseFramer::Finish() {
  if (begin_ == window_.size()) return std::nullopt;
  std::size_t begin = line_;
  std::size_t end = window_.size();
  if (end > begin && window_[end - 1] == '\r') --end;
  if (at_start_ && Slice(begin, end).starts_with(kBom)) begin += kBom.size();
  at_start_ = false;
  // A CR alone that was waited for is the blank line.
  const bool terminated = begin == end && window_.size() > line_;
  if (begin < end) TakeLine(begin, end);
  SseEvent event = TakeEvent(window_.size());
  event.terminated = terminated;
  return event;
}

void SseFramer::Rebase() {
  line_ -= begin_;
  searched_ -= begin_;
  data_begin_ -= std::min(begin_, data_begin_);
  data_end_ -= std::min(begin_, data_end_);
  name_begin_ -= std::min(begin_, name_begin_);
  name_end_ -= std::min(begin_, name_end_);
  begin_ = 0;
}

void SseFramer::TakeLine(std::size_t begin, std::size_t end) {
  const std::string_view line = Slice(begin, end);
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view field = line.substr(0, colon);
  std::size_t value = begin + std::min(colon + 1, line.size());
  if (value < end && window_[value] == ' ') ++value;
  if (field == "data") {
    if (data_lines_ == 0) {
      data_begin_ = value;
      data_end_ = end;
    } else {
      if (data_lines_ == 1) joined_ = Slice(data_begin_, data_end_);
      joined_ += '\n';
      joined_ += Slice(value, end);
    }
    ++data_lines_;
  } else if (field == "event") {
    name_begin_ = value;
    name_end_ = end;
  }
}

SseEvent SseFramer::TakeEvent(std::size_t end) {
  SseEvent event;
  event.bytes = Slice(begin_, end);
  event.name = Slice(name_begin_, name_end_);
  event.has_data = data_lines_ > 0;
  if (data_lines_ == 1) event.data = Slice(data_begin_, data_end_);
  if (data_lines_ > 1) event.data = joined_;
  begin_ = line_ = searched_ = end;
  name_begin_ = name_end_ = end;
  data_lines_ = 0;
  return event;
}

void SseFramer::KeepRest() {
  if (window_.size() - begin_ > max_event_bytes_) overflowed_ = true;
  if (window_is_kept_ || begin_ == window_.size()) {
    if (!window_is_kept_) {
      window_ = {};
      begin_ = line_ = searched_ = name_begin_ = name_end_ = 0;
    }
    return;
  }
  kept_.assign(window_.substr(begin_));
  window_ = kept_;
  window_is_kept_ = true;
  Rebase();
}

}  // namespace triage::wire
