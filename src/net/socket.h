#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sys/uio.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/task.h"
#include "net/deadline_wheel.h"
#include "net/loop.h"

using SSL = struct ssl_st;

namespace triage::net {

enum class IoState : std::uint8_t {
  kOk,
  kWouldBlock,
  kClosed,  ///< the peer ended its direction in an orderly way
  kFailed,  ///< reset, TLS error, closed by us
};

struct IoResult {
  IoState state = IoState::kOk;
  std::size_t bytes = 0;
};

enum class WaitResult : std::uint8_t { kReady, kTimeout, kCancelled, kClosed };

/// One non-blocking TCP connection of a loop, plain or TLS. Attempts are plain functions; only when
/// one would block is there something to await. At most one coroutine waits for reading and one for
/// writing. Timeouts and cancellation end the wait, not the connection.
class Socket {
 public:
  /// Takes over a connected or connecting descriptor.
  Socket(Loop& loop, int descriptor);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  IoResult TryRead(char* data, std::size_t size);
  /// Sends the front of `pieces` (at most what one system call takes) and removes what was sent
  /// from them.
  IoResult TryWrite(std::span<iovec>& pieces);

  class Waiter;
  /// `limit` zero = none; `cancel` may be null.
  Waiter WaitReadable(std::chrono::milliseconds limit, CancelScope* cancel);
  Waiter WaitWritable(std::chrono::milliseconds limit, CancelScope* cancel);

  /// Reads at least one byte, waiting for it.
  Task<Result<std::size_t>> Read(char* data, std::size_t size, std::chrono::milliseconds limit,
                                 CancelScope* cancel);
  /// Sends everything, waiting where the peer reads slowly.
  Task<Result<void>> WriteAll(std::span<iovec> pieces, std::chrono::milliseconds limit,
                              CancelScope* cancel);

  /// Calls `hook(owner)` whenever the peer may have sent something or closed while nobody waits for
  /// reading. One shot: call again to go on watching. The wait stays armed and serves the next
  /// WaitReadable, so watching costs nothing extra.
  void WatchReadable(void (*hook)(void* owner), void* owner);
  void StopWatching();

  /// Ends everything at once; waiting coroutines resume with kClosed.
  void Close();
  bool closed() const;
  /// Sends FIN (and TLS close_notify) but keeps reading possible.
  void ShutdownWrite();

  /// Makes it a TLS connection over the same descriptor; the socket owns `ssl`. Then run Handshake.
  void AttachTls(SSL* ssl);
  Task<Result<void>> Handshake(std::chrono::milliseconds limit, CancelScope* cancel);
  /// Error of a connect in progress: 0 once connected.
  int ConnectError();

 private:
  struct State;
  enum class Direction : std::uint8_t { kRead, kWrite };

  IoResult FromTls(int result);

  std::shared_ptr<State> state_;
  SSL* ssl_ = nullptr;
  std::string tls_out_;
};

/// Suspends until the socket is ready, the limit has passed, the scope is cancelled or the socket
/// is closed.
class Socket::Waiter {
 public:
  Waiter(std::shared_ptr<State> state, Direction direction, std::chrono::milliseconds limit,
         CancelScope* cancel);
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> handle);
  WaitResult await_resume();

 private:
  friend Socket;
  friend struct Socket::State;

  bool Detach(WaitResult result);       // false: it does not wait any more
  void Finish(WaitResult result);       // resumes in place
  void FinishLater(WaitResult result);  // resumes from the loop

  std::shared_ptr<State> state_;
  Direction direction_;
  std::chrono::milliseconds limit_;
  CancelScope* cancel_;
  WaitResult result_ = WaitResult::kReady;
  std::coroutine_handle<> handle_;
  DeadlineWheel::Entry deadline_;
};

/// The Error for a wait that did not end in kReady.
Error WaitError(WaitResult result, std::string_view what);

}  // namespace triage::net
