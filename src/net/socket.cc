#include "net/socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace triage::net {

using boost::asio::ip::tcp;

/// Shared with the handlers that Asio holds, because they may run after the Socket has gone.
struct Socket::State : std::enable_shared_from_this<Socket::State> {
  State(Loop& owner, int descriptor) : loop(owner), socket(owner.context()) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length);
    boost::system::error_code ignored;
    socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, ignored);
    socket.native_non_blocking(true, ignored);
    int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fd = descriptor;
  }

  void Arm(Direction direction) {
    bool& armed = direction == Direction::kRead ? read_armed : write_armed;
    if (armed || closed) return;
    armed = true;
    if (direction == Direction::kRead) {
      socket.async_wait(
          tcp::socket::wait_read,
          [self = shared_from_this()](const boost::system::error_code&) { self->OnReadable(); });
    } else {
      socket.async_wait(
          tcp::socket::wait_write,
          [self = shared_from_this()](const boost::system::error_code&) { self->OnWritable(); });
    }
  }

  void OnReadable() {
    read_armed = false;
    if (reader != nullptr) {
      reader->Finish(WaitResult::kReady);
    } else if (watch != nullptr && !closed) {
      std::exchange(watch, nullptr)(watch_owner);
    }
  }

  void OnWritable() {
    write_armed = false;
    if (writer != nullptr) writer->Finish(WaitResult::kReady);
  }

  Loop& loop;
  tcp::socket socket;
  int fd = -1;
  bool closed = false;
  bool read_armed = false;
  bool write_armed = false;
  Waiter* reader = nullptr;
  Waiter* writer = nullptr;
  void (*watch)(void*) = nullptr;
  void* watch_owner = nullptr;
};

Socket::Socket(Loop& loop, int descriptor) : state_(std::make_shared<State>(loop, descriptor)) {}

Socket::~Socket() {
  Close();
}

bool Socket::closed() const {
  return state_->closed;
}

void Socket::Close() {
  if (state_->closed) return;
  state_->closed = true;
  state_->watch = nullptr;
  if (ssl_ != nullptr) {
    SSL_free(std::exchange(ssl_, nullptr));
  }
  boost::system::error_code ignored;
  state_->socket.close(ignored);
  if (state_->reader != nullptr) state_->reader->FinishLater(WaitResult::kClosed);
  if (state_->writer != nullptr) state_->writer->FinishLater(WaitResult::kClosed);
}

void Socket::ShutdownWrite() {
  if (state_->closed) return;
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(state_->fd, SHUT_WR);
}

void Socket::AttachTls(SSL* ssl) {
  ssl_ = ssl;
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS);
  SSL_set_fd(ssl_, state_->fd);
}

IoResult Socket::FromTls(int result) {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {IoState::kWouldBlock};
    case SSL_ERROR_ZERO_RETURN: return {IoState::kClosed};
    default: return {IoState::kFailed};
  }
}

IoResult Socket::TryRead(char* data, std::size_t size) {
  if (state_->closed) return {IoState::kFailed};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
    if (got > 0) return {IoState::kOk, static_cast<std::size_t>(got)};
    return FromTls(got);
  }
  while (true) {
    const ssize_t got = ::recv(state_->fd, data, size, 0);
    if (got > 0) return {IoState::kOk, static_cast<std::size_t>(got)};
    if (got == 0) return {IoState::kClosed};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? IoState::kWouldBlock : IoState::kFailed};
  }
}

IoResult Socket::TryWrite(std::span<iovec>& pieces) {
  if (state_->closed) return {IoState::kFailed};
  ssize_t sent = 0;
  if (ssl_ != nullptr) {
    constexpr std::size_t kRecord = 16 * 1024;
    tls_out_.clear();
    for (const iovec& piece : pieces) {
      const std::size_t room = kRecord - tls_out_.size();
      tls_out_.append(static_cast<const char*>(piece.iov_base), std::min(piece.iov_len, room));
      if (tls_out_.size() == kRecord) break;
    }
    ERR_clear_error();
    const int written = SSL_write(ssl_, tls_out_.data(), static_cast<int>(tls_out_.size()));
    if (written <= 0) return FromTls(written);
    sent = written;
  } else {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = std::min<std::size_t>(pieces.size(), 64);
    do {
      sent = ::sendmsg(state_->fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
      return {errno == EAGAIN || errno == EWOULDBLOCK ? IoState::kWouldBlock : IoState::kFailed};
  }
  auto left = static_cast<std::size_t>(sent);
  while (!pieces.empty() && left >= pieces.front().iov_len) {
    left -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (left > 0) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + left;
    pieces.front().iov_len -= left;
  }
  return {IoState::kOk, static_cast<std::size_t>(sent)};
}

Socket::Waiter Socket::WaitReadable(std::chrono::milliseconds limit, CancelScope* cancel) {
  return Waiter(state_, Direction::kRead, limit, cancel);
}

Socket::Waiter Socket::WaitWritable(std::chrono::milliseconds limit, CancelScope* cancel) {
  return Waiter(state_, Direction::kWrite, limit, cancel);
}

Task<Result<std::size_t>> Socket::Read(char* data, std::size_t size,
                                       std::chrono::milliseconds limit, CancelScope* cancel) {
  while (true) {
    const IoResult read = TryRead(data, size);
    if (read.state == IoState::kOk) co_return read.bytes;
    if (read.state != IoState::kWouldBlock) {
      co_return Error{.code = ErrorCode::kUnavailable, .message = "the connection was closed"};
    }
    const WaitResult wait = co_await WaitReadable(limit, cancel);
    if (wait != WaitResult::kReady) co_return WaitError(wait, "reading");
  }
}

Task<Result<void>> Socket::WriteAll(std::span<iovec> pieces, std::chrono::milliseconds limit,
                                    CancelScope* cancel) {
  while (!pieces.empty()) {
    const IoResult written = TryWrite(pieces);
    if (written.state == IoState::kOk) continue;
    if (written.state != IoState::kWouldBlock) {
      co_return Error{.code = ErrorCode::kUnavailable, .message = "the connection was closed"};
    }
    const WaitResult wait = co_await WaitWritable(limit, cancel);
    if (wait != WaitResult::kReady) co_return WaitError(wait, "writing");
  }
  co_return Result<void>();
}

void Socket::WatchReadable(void (*hook)(void*), void* owner) {
  state_->watch = hook;
  state_->watch_owner = owner;
  state_->Arm(Direction::kRead);
}

void Socket::StopWatching() {
  state_->watch = nullptr;
}

Task<Result<void>> Socket::Handshake(std::chrono::milliseconds limit, CancelScope* cancel) {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) co_return Result<void>();
    const int error = SSL_get_error(ssl_, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      std::string detail = "TLS handshake failed";
      const long verified = SSL_get_verify_result(ssl_);
      if (verified != X509_V_OK) {
        detail.append(": ").append(X509_verify_cert_error_string(verified));
      } else if (const unsigned long code = ERR_get_error(); code != 0) {
        char text[200];
        ERR_error_string_n(code, text, sizeof(text));
        detail.append(": ").append(text);
      }
      ERR_clear_error();
      co_return Error{.code = ErrorCode::kUnavailable,
                      .message = "TLS handshake failed",
                      .detail = std::move(detail)};
    }
    Waiter waiter =
        error == SSL_ERROR_WANT_READ ? WaitReadable(limit, cancel) : WaitWritable(limit, cancel);
    const WaitResult wait = co_await waiter;
    if (wait != WaitResult::kReady) co_return WaitError(wait, "TLS handshake");
    if (ssl_ == nullptr) co_return WaitError(WaitResult::kClosed, "TLS handshake");
  }
}

int Socket::ConnectError() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (state_->closed || ::getsockopt(state_->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
    return EBADF;
  return error;
}

Socket::Waiter::Waiter(std::shared_ptr<State> state, Direction direction,
                       std::chrono::milliseconds limit, CancelScope* cancel)
    : state_(std::move(state)),
      direction_(direction),
      limit_(limit),
      cancel_(cancel),
      deadline_([](void* self) { static_cast<Waiter*>(self)->Finish(WaitResult::kTimeout); },
                this) {}

Socket::Waiter::~Waiter() {
  // Only when the frame goes while it waits, which owners avoid; the handlers must not see a dead
  // waiter.
  Waiter*& slot = direction_ == Direction::kRead ? state_->reader : state_->writer;
  if (slot == this) slot = nullptr;
}

bool Socket::Waiter::await_ready() {
  if (state_->closed) {
    result_ = WaitResult::kClosed;
    return true;
  }
  if (cancel_ != nullptr && cancel_->cancelled()) {
    result_ = WaitResult::kCancelled;
    return true;
  }
  return false;
}

void Socket::Waiter::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  (direction_ == Direction::kRead ? state_->reader : state_->writer) = this;
  if (cancel_ != nullptr) {
    cancel_->SetWaiter(
        [](void* self) { static_cast<Waiter*>(self)->FinishLater(WaitResult::kCancelled); }, this);
  }
  if (limit_.count() > 0) state_->loop.wheel().Arm(deadline_, limit_);
  state_->Arm(direction_);
}

WaitResult Socket::Waiter::await_resume() {
  return result_;
}

bool Socket::Waiter::Detach(WaitResult result) {
  Waiter*& slot = direction_ == Direction::kRead ? state_->reader : state_->writer;
  if (slot != this) return false;
  slot = nullptr;
  deadline_.Disarm();
  if (cancel_ != nullptr) cancel_->ClearWaiter();
  result_ = result;
  return true;
}

void Socket::Waiter::Finish(WaitResult result) {
  if (Detach(result)) handle_.resume();
}

void Socket::Waiter::FinishLater(WaitResult result) {
  if (!Detach(result)) return;
  boost::asio::post(state_->loop.context(), [handle = handle_] { handle.resume(); });
}

Error WaitError(WaitResult result, std::string_view what) {
  switch (result) {
    case WaitResult::kTimeout:
      return Error{.code = ErrorCode::kTimeout,
                   .message = "timed out",
                   .detail = std::string(what) + " timed out"};
    case WaitResult::kCancelled:
      return Error{.code = ErrorCode::kCancelled,
                   .message = "cancelled",
                   .detail = std::string(what) + " cancelled"};
    default:
      return Error{.code = ErrorCode::kUnavailable,
                   .message = "the connection was closed",
                   .detail = std::string(what)};
  }
}

}  // namespace triage::net
