#include "net/session.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "net/tls.h"

namespace triage::net {
namespace {

constexpr std::size_t kMaxPipelined = 256 * 1024;
constexpr std::size_t kKeptCapacity = 16 * 1024;

/// Where bytes are received before they are appended to a session's own buffers, so that idle
/// connections hold none. Never used across a suspension.
std::span<char> Scratch() {
  static thread_local std::array<char, 64 * 1024> scratch;
  return scratch;
}

/// The Date field's value, made once a second per thread.
std::string_view HttpDate() {
  static thread_local std::time_t made = 0;
  static thread_local std::array<char, 40> text{};
  static thread_local std::size_t length = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made = now;
  }
  return {text.data(), length};
}

void AppendNumber(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  out.append(digits.data() + at, digits.size() - at);
}

/// The line in front of a chunk.
class ChunkSize {
 public:
  explicit ChunkSize(std::size_t size) {
    constexpr std::string_view kHex = "0123456789abcdef";
    text_[--at_] = '\n';
    text_[--at_] = '\r';
    for (; size > 0; size /= 16) text_[--at_] = kHex[size % 16];
  }

  std::string_view text() const { return {text_.data() + at_, text_.size() - at_}; }

 private:
  std::array<char, 20> text_{};
  std::size_t at_ = text_.size();
};

iovec Piece(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

void Release(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) buffer.shrink_to_fit();
}

}  // namespace

Session::Session(Loop& loop, int descriptor, SessionOwner& owner)
    : loop_(loop),
      owner_(owner),
      socket_(loop, descriptor),
      quiet_([](void* self) { static_cast<Session*>(self)->WriteKeepAlive(); }, this) {
  scope_.emplace();
}

void Session::Close() {
  scope_->Cancel();
  socket_.Close();
}

void Session::CloseIfIdle() {
  if (idle_) socket_.Close();
}

Task<void> Session::Run() {
  if (owner_.options().tls != nullptr) {
    SSL* ssl = owner_.options().tls->NewConnection();
    if (ssl == nullptr) co_return;
    socket_.AttachTls(ssl);
    const Result<void> handshake = co_await socket_.Handshake(owner_.options().head_limit, nullptr);
    if (!handshake) {
      owner_.OnProtocolError();
      co_return;
    }
  }
  while (true) {
    const Received received = co_await ReadRequest();
    if (received == Received::kEnd) break;
    scope_.emplace();
    answer_ = Answer::kNone;
    quiet_limit_ = std::chrono::milliseconds(0);
    owner_.OnRequestStart();
    Watch();
    co_await owner_.handler().Handle(request_, *this);
    quiet_.Disarm();
    owner_.OnRequestEnd();
    socket_.StopWatching();
    if (scope_->cancelled() || socket_.closed()) break;
    if (answer_ == Answer::kNone) {
      co_await Refuse(500, "the request was not answered");
      break;
    }
    if (answer_ != Answer::kDone) break;  // a stream without its end: closing says so
    if (!keep_alive_) {
      co_await Linger();
      break;
    }
    in_.append(pipelined_);
    Release(pipelined_);
    Release(body_);
    if (in_.empty()) Release(in_);
  }
  socket_.Close();
}

void Session::Watch() {
  if (pipelined_.size() > kMaxPipelined) return;
  socket_.WatchReadable([](void* self) { static_cast<Session*>(self)->OnWatched(); }, this);
}

void Session::OnWatched() {
  const std::span<char> scratch = Scratch();
  while (pipelined_.size() <= kMaxPipelined) {
    const IoResult read = socket_.TryRead(scratch.data(), scratch.size());
    if (read.state == IoState::kOk) {
      pipelined_.append(scratch.data(), read.bytes);
      continue;
    }
    if (read.state == IoState::kWouldBlock) {
      Watch();
    } else {
      scope_->Cancel();
    }
    return;
  }
}

Task<bool> Session::Fill(std::chrono::milliseconds limit) {
  while (true) {
    const std::span<char> scratch = Scratch();
    const IoResult read = socket_.TryRead(scratch.data(), scratch.size());
    if (read.state == IoState::kOk) {
      in_.append(scratch.data(), read.bytes);
      co_return true;
    }
    if (read.state != IoState::kWouldBlock) co_return false;
    const WaitResult wait = co_await socket_.WaitReadable(limit, nullptr);
    if (wait != WaitResult::kReady) co_return false;
  }
}

Task<bool> Session::FillBefore(SteadyTime deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) co_return false;  // zero would mean no limit
  const bool filled = co_await Fill(left);
  co_return filled;
}

Task<bool> Session::ReadHead() {
  std::size_t searched = 0;
  SteadyTime begun{};
  while (true) {
    // RFC 9112, 2.2: an empty line before the request line is to be ignored; one is enough.
    if (searched == 0 && in_.starts_with("\r\n")) in_.erase(0, 2);
    if (const auto end = FindHeadEnd(in_, searched);
        end && *end <= owner_.options().max_head_bytes) {
      head_.assign(in_, 0, *end);
      in_.erase(0, *end);
      co_return true;
    }
    if (in_.size() > owner_.options().max_head_bytes) {
      co_await Refuse(431, "the request head is too large");
      co_return false;
    }
    searched = in_.size();
    idle_ = in_.empty();
    if (idle_ && owner_.draining()) co_return false;
    std::chrono::milliseconds limit = owner_.options().idle_limit;
    if (!idle_) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (begun == SteadyTime{}) begun = now;
      limit = owner_.options().head_limit -
              std::chrono::duration_cast<std::chrono::milliseconds>(now - begun);
    }
    const bool filled = limit.count() > 0 && co_await Fill(limit);
    idle_ = false;
    if (!filled) {
      if (!in_.empty() && !socket_.closed())
        co_await Refuse(408, "the request head did not arrive in time");
      co_return false;
    }
  }
}

Task<Session::Received> Session::ReadRequest() {
  keep_alive_ = false;  // until a request says otherwise; refusals close
  const bool head = co_await ReadHead();
  if (!head) co_return Received::kEnd;
  const Result<void> parsed = ParseRequestHead(head_, parsed_);
  if (!parsed) {
    owner_.OnProtocolError();
    const ErrorCode code = parsed.error().code;
    co_await Refuse(code == ErrorCode::kUnsupported ? 505
                    : code == ErrorCode::kTooLarge  ? 431
                                                    : 400,
                    parsed.error().message);
    co_return Received::kEnd;
  }
  body_.clear();
  if (parsed_.content_length > owner_.options().max_body_bytes) {
    co_await Refuse(413, "the request body is larger than the configured limit");
    co_return Received::kEnd;
  }
  if (parsed_.expect_continue && in_.empty() && parsed_.framing != BodyFraming::kNone) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    std::array<iovec, 1> pieces{Piece(kContinue)};
    const Result<void> sent = co_await Flush(pieces);
    if (!sent) co_return Received::kEnd;
  }
  if (parsed_.framing == BodyFraming::kLength) {
    const bool read = co_await ReadFixedBody();
    if (!read) co_return Received::kEnd;
  } else if (parsed_.framing == BodyFraming::kChunked) {
    const bool read = co_await ReadChunkedBody();
    if (!read) co_return Received::kEnd;
  }
  keep_alive_ = parsed_.keep_alive;
  request_.method = parsed_.method;
  request_.target = parsed_.target;
  request_.headers.swap(parsed_.headers);
  request_.body = body_;
  request_.keep_alive = keep_alive_;
  request_.http_1_0 = parsed_.http_1_0;
  co_return Received::kRequest;
}

Task<bool> Session::ReadFixedBody() {
  const auto length = static_cast<std::size_t>(parsed_.content_length);
  const SteadyTime deadline = std::chrono::steady_clock::now() + owner_.options().body_limit;
  // A length is only a claim: memory follows the bytes that arrive.
  body_.reserve(std::min<std::size_t>(length, 1 << 20));
  while (true) {
    const std::size_t take = std::min(length - body_.size(), in_.size());
    body_.append(in_, 0, take);
    in_.erase(0, take);
    if (body_.size() == length) co_return true;
    const bool filled = co_await FillBefore(deadline);
    if (!filled) {
      if (!socket_.closed()) co_await Refuse(408, "the request body did not arrive in time");
      co_return false;
    }
  }
}

Task<bool> Session::ReadChunkedBody() {
  ChunkedDecoder decoder;
  const SteadyTime deadline = std::chrono::steady_clock::now() + owner_.options().body_limit;
  while (true) {
    std::string_view rest = in_;
    ChunkedDecoder::State state = ChunkedDecoder::State::kMore;
    while (!rest.empty() && state == ChunkedDecoder::State::kMore) {
      const ChunkedDecoder::Step step = decoder.Next(rest);
      body_.append(step.data);
      rest.remove_prefix(step.consumed);
      state = step.state;
      if (body_.size() > owner_.options().max_body_bytes) {
        co_await Refuse(413, "the request body is larger than the configured limit");
        co_return false;
      }
    }
    in_.erase(0, in_.size() - rest.size());
    if (state == ChunkedDecoder::State::kDone) co_return true;
    if (state == ChunkedDecoder::State::kError) {
      owner_.OnProtocolError();
      co_await Refuse(400, "malformed chunked body");
      co_return false;
    }
    const bool filled = co_await FillBefore(deadline);
    if (!filled) {
      if (!socket_.closed()) co_await Refuse(408, "the request body did not arrive in time");
      co_return false;
    }
  }
}

Task<void> Session::Refuse(int status, std::string_view message) {
  keep_alive_ = false;
  answer_ = Answer::kNone;
  request_.method = "GET";  // whatever it was, a refusal has a body
  std::string body = R"({"error":{"message":")";
  body.append(message).append(R"(","type":"invalid_request_error","param":null,"code":null}})");
  const Header header{"Content-Type", "application/json"};
  const Result<void> sent = co_await Send(status, std::span(&header, 1), body);
  if (sent) co_await Linger();
}

/// Closing with unread bytes resets the connection and may take the answer with it: stop writing,
/// read a little more.
Task<void> Session::Linger() {
  constexpr std::chrono::milliseconds kLinger{500};
  constexpr std::size_t kMaxDiscarded = 1 << 20;
  socket_.ShutdownWrite();
  const SteadyTime deadline = std::chrono::steady_clock::now() + kLinger;
  std::size_t discarded = 0;
  while (discarded < kMaxDiscarded) {
    in_.clear();
    const bool filled = co_await FillBefore(deadline);
    if (!filled) break;
    discarded += in_.size();
  }
}

void Session::AppendHead(int status, std::span<const Header> headers) {
  out_.append("HTTP/1.1 ");
  AppendNumber(out_, static_cast<std::uint64_t>(status));
  out_.append(" ").append(ReasonPhrase(status)).append("\r\n");
  for (const Header& header : headers)
    out_.append(header.name).append(": ").append(header.value).append("\r\n");
  out_.append("Date: ").append(HttpDate()).append("\r\n");
  if (owner_.draining()) keep_alive_ = false;
  if (!keep_alive_) {
    out_.append("Connection: close\r\n");
  } else if (request_.http_1_0) {
    out_.append("Connection: keep-alive\r\n");
  }
}

Task<Result<void>> Session::Flush(std::span<iovec> pieces) {
  // Most writes fit into the socket's buffer: try before there is anything to wait for.
  flushing_ = true;
  std::array<iovec, 1> owed{Piece(owed_)};
  std::span<iovec> first(owed.data(), owed_.empty() ? 0 : 1);
  while (!first.empty() || !pieces.empty()) {
    const IoResult written = socket_.TryWrite(first.empty() ? pieces : first);
    if (written.state == IoState::kOk) continue;
    if (written.state == IoState::kWouldBlock) {
      const WaitResult wait = co_await socket_.WaitWritable(owner_.options().write_limit, nullptr);
      if (wait == WaitResult::kReady) continue;
    }
    flushing_ = false;
    scope_->Cancel();
    socket_.Close();
    co_return Error{.code = ErrorCode::kCancelled,
                    .message = "the client does not take the answer"};
  }
  flushing_ = false;
  owed_.clear();
  if (quiet_limit_.count() > 0) loop_.wheel().Arm(quiet_, quiet_limit_);
  co_return Result<void>();
}

void Session::KeepAlive(std::chrono::milliseconds interval, std::string_view bytes) {
  quiet_limit_ = interval;
  quiet_bytes_ = bytes;
  if (interval.count() == 0) {
    quiet_.Disarm();
  } else {
    loop_.wheel().Arm(quiet_, interval);
  }
}

void Session::WriteKeepAlive() {
  if (answer_ != Answer::kStreaming || scope_->cancelled() || socket_.closed()) return;
  // A client that does not even take what is being written needs no sign of life.
  if (!flushing_ && owed_.empty()) {
    owed_.swap(out_);  // the head, when nothing has been written yet
    if (request_.http_1_0) {
      owed_ += quiet_bytes_;
    } else {
      ChunkSize size(quiet_bytes_.size());
      owed_.append(size.text()).append(quiet_bytes_).append("\r\n");
    }
    std::array<iovec, 1> pieces{Piece(owed_)};
    std::span<iovec> left(pieces);
    IoResult written;
    do {
      written = socket_.TryWrite(left);
    } while (written.state == IoState::kOk && !left.empty());
    owed_.erase(0, owed_.size() - (left.empty() ? 0 : left.front().iov_len));
    if (written.state != IoState::kOk && written.state != IoState::kWouldBlock) {
      scope_->Cancel();
      return;
    }
  }
  loop_.wheel().Arm(quiet_, quiet_limit_);
}

Task<Result<void>> Session::Send(int status, std::span<const Header> headers,
                                 std::string_view body) {
  TRIAGE_CHECK(answer_ == Answer::kNone || head_waits());
  answer_ = Answer::kDone;
  out_.clear();
  AppendHead(status, headers);
  out_.append("Content-Length: ");
  AppendNumber(out_, body.size());
  out_.append("\r\n\r\n");
  std::array<iovec, 2> pieces{Piece(out_),
                              Piece(request_.method == "HEAD" ? std::string_view{} : body)};
  Result<void> sent = co_await Flush(std::span(pieces).first(pieces[1].iov_len > 0 ? 2 : 1));
  co_return sent;
}

Task<Result<void>> Session::Begin(int status, std::span<const Header> headers) {
  TRIAGE_CHECK(answer_ == Answer::kNone || head_waits());
  answer_ = Answer::kStreaming;
  out_.clear();
  if (request_.http_1_0) keep_alive_ = false;
  AppendHead(status, headers);
  if (!request_.http_1_0) out_.append("Transfer-Encoding: chunked\r\n");
  out_.append("\r\n");
  co_return Result<void>();
}

Task<Result<void>> Session::Write(std::string_view bytes) {
  TRIAGE_CHECK(answer_ == Answer::kStreaming || answer_ == Answer::kCut);
  if (answer_ == Answer::kCut)
    co_return Error{.code = ErrorCode::kCancelled, .message = "the connection was cut"};
  if (bytes.empty()) co_return Result<void>();
  std::array<iovec, 4> pieces{Piece(out_)};
  std::size_t count = out_.empty() ? 0 : 1;
  ChunkSize size(bytes.size());
  if (request_.http_1_0) {
    pieces[count++] = Piece(bytes);
  } else {
    pieces[count++] = Piece(size.text());
    pieces[count++] = Piece(bytes);
    pieces[count++] = Piece("\r\n");
  }
  Result<void> sent = co_await Flush(std::span(pieces).first(count));
  out_.clear();
  co_return sent;
}

Task<Result<void>> Session::End() {
  TRIAGE_CHECK(answer_ == Answer::kStreaming || answer_ == Answer::kCut);
  if (answer_ == Answer::kCut)
    co_return Error{.code = ErrorCode::kCancelled, .message = "the connection was cut"};
  answer_ = Answer::kDone;
  if (!request_.http_1_0) out_.append("0\r\n\r\n");
  std::array<iovec, 1> pieces{Piece(out_)};
  Result<void> sent = co_await Flush(std::span(pieces).first(out_.empty() ? 0 : 1));
  out_.clear();
  co_return sent;
}

void Session::Cut() {
  answer_ = Answer::kCut;
  socket_.Close();
}

}  // namespace triage::net
