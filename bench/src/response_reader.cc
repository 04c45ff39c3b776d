#include "bench/src/response_reader.h"

#include <algorithm>
#include <charconv>

#include <strings.h>

namespace triage::bench {
namespace {

constexpr std::string_view kEventStart = "data: [";
constexpr std::size_t kEventPrefix = 5;  // "data:"
constexpr std::size_t kMaxHead = 64 * 1024;

bool SameText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void ResponseReader::Reset() {
  *this = ResponseReader{};
}

ResponseReader::State ResponseReader::Feed(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::kBroken) {
    switch (state_) {
      case State::kHead: {
        pending_.append(bytes);
        const auto end = pending_.find("\r\n\r\n");
        if (end == std::string::npos) {
          if (pending_.size() > kMaxHead) state_ = State::kBroken;
          return state_;
        }
        const auto used_before = pending_.size() - bytes.size();
        bytes.remove_prefix(end + 4 - used_before);
        pending_.resize(end + 2);
        ParseHead(pending_);
        pending_.clear();
        break;
      }
      case State::kLength:
      case State::kChunkData: {
        const auto take = std::min<std::uint64_t>(remaining_, bytes.size());
        CountBody(bytes.substr(0, take));
        bytes.remove_prefix(take);
        remaining_ -= take;
        if (remaining_ == 0) {
          state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
        }
        break;
      }
      case State::kChunkSize: {
        const auto line = TakeLine(bytes);
        if (line.empty()) break;
        std::uint64_t size = 0;
        const auto parsed = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        if (parsed.ec != std::errc{} || parsed.ptr == line.data()) {
          state_ = State::kBroken;
          break;
        }
        remaining_ = size;
        state_ = size == 0 ? State::kTrailer : State::kChunkData;
        pending_.clear();
        break;
      }
      case State::kChunkEnd:
      case State::kTrailer: {
        const auto line = TakeLine(bytes);
        if (line.empty()) break;
        if (state_ == State::kChunkEnd) {
          state_ = line == "\r\n" ? State::kChunkSize : State::kBroken;
        } else if (line == "\r\n") {
          state_ = State::kDone;
        }
        pending_.clear();
        break;
      }
      case State::kDone: state_ = State::kBroken; break;
      case State::kBroken: break;
    }
  }
  return state_;
}

// The line up to and with its LF once it is whole, else empty. The caller clears pending_ after
// use.
std::string_view ResponseReader::TakeLine(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto take = end == std::string_view::npos ? bytes.size() : end + 1;
  pending_.append(bytes.substr(0, take));
  bytes.remove_prefix(take);
  if (pending_.size() > kMaxHead) state_ = State::kBroken;
  return end == std::string_view::npos ? std::string_view{} : std::string_view{pending_};
}

void ResponseReader::ParseHead(std::string_view head) {
  state_ = State::kBroken;
  if (head.size() < 14 || !head.starts_with("HTTP/1.1 ")) return;
  if (std::from_chars(head.data() + 9, head.data() + 12, status_).ec != std::errc{}) return;
  bool chunked = false;
  bool has_length = false;
  head.remove_prefix(std::min(head.size(), head.find("\r\n") + 2));
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (SameText(name, "content-length")) {
      has_length =
          std::from_chars(value.data(), value.data() + value.size(), remaining_).ec == std::errc{};
    } else if (SameText(name, "transfer-encoding")) {
      chunked = SameText(value, "chunked");
    } else if (SameText(name, "connection")) {
      closes_ = SameText(value, "close");
    }
  }
  if (chunked == has_length) return;  // neither or both: where it ends is unknown
  if (chunked) {
    state_ = State::kChunkSize;
  } else {
    state_ = remaining_ == 0 ? State::kDone : State::kLength;
  }
}

void ResponseReader::CountBody(std::string_view bytes) {
  body_bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (line_match_ == std::string_view::npos) {
      const auto end = bytes.find('\n');
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      line_match_ = 0;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\n') {
      line_match_ = 0;
    } else if (c != kEventStart[line_match_]) {
      line_match_ = std::string_view::npos;
    } else if (++line_match_ == kEventPrefix) {
      ++events_;
    } else if (line_match_ == kEventStart.size()) {
      saw_done_ = true;
      line_match_ = std::string_view::npos;
    }
  }
}

}  // namespace triage::bench
