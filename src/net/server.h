#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "base/task.h"
#include "net/http.h"
#include "net/loop.h"

namespace triage::net {

class TlsServerContext;

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;   ///< 0 = the system chooses
  bool reuse_port = false;  ///< several loops listen on one port (SO_REUSEPORT)
  std::size_t max_head_bytes = 32 * 1024;
  std::size_t max_body_bytes = 32 * 1024 * 1024;
  std::chrono::milliseconds head_limit{15'000};  ///< first byte of a request → end of its head
  std::chrono::milliseconds body_limit{60'000};  ///< end of head → end of body
  std::chrono::milliseconds idle_limit{75'000};  ///< between requests on a kept connection
  std::chrono::milliseconds write_limit{
      60'000};  ///< a client that takes nothing for so long is cut off
  std::size_t max_connections = 20'000;
  std::shared_ptr<TlsServerContext> tls = {};  ///< null = plain
};

/// How a handler answers. Either one Send, or Begin, any number of Write, End. Errors mean that the
/// client is gone or does not read: the handler should return. A handler that returns without an
/// answer gets a 500 sent for it; one that returns between Begin and End has its connection cut, so
/// that the client sees an incomplete stream.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  /// A whole response with Content-Length.
  virtual Task<Result<void>> Send(int status, std::span<const Header> headers,
                                  std::string_view body) = 0;
  /// Starts a chunked response. The head goes out with the first Write or sign of life; until then
  /// it can be begun anew, or answered by Send instead.
  virtual Task<Result<void>> Begin(int status, std::span<const Header> headers) = 0;
  /// One chunk of the body, sent at once. Waits when the client reads slowly.
  virtual Task<Result<void>> Write(std::string_view bytes) = 0;
  virtual Task<Result<void>> End() = 0;
  /// From now on a response that has begun and in which nothing was written for `interval` gets
  /// `bytes` (which outlive it) written by itself, as often as that happens, until its end. Zero
  /// ends it.
  virtual void KeepAlive(std::chrono::milliseconds interval, std::string_view bytes) = 0;
  /// Closes the connection in the middle of a response, without a terminator. For simulated faults
  /// and broken streams.
  virtual void Cut() = 0;

  /// Cancelled as soon as the client has closed its connection; watched while the handler waits for
  /// something else.
  virtual CancelScope& client_gone() = 0;
  /// Whether a head has gone out, so that status and headers are settled.
  virtual bool begun() const = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  /// One request from its last byte to the last byte of its answer. Request and writer outlive the
  /// task.
  virtual Task<void> Handle(const HttpRequest& request, ResponseWriter& writer) = 0;
};

/// Counts that anyone may read at any time.
struct ServerStats {
  std::uint64_t connections_open = 0;
  std::uint64_t requests_active = 0;
  std::uint64_t protocol_errors = 0;
};

/// Whether `port` can be listened on by this process alone, which SO_REUSEPORT would hide. Error
/// kIo as of Listen.
Result<void> CheckPortFree(const std::string& host, std::uint16_t port);

/// An HTTP/1.1 server on one loop: keep-alive, safe with pipelined requests (answered one after the
/// other, in order), strict grammar (RFC 9112; no obs-fold, no bare LF, no conflicting lengths).
/// All calls on the loop's thread.
class Server {
 public:
  Server(Loop& loop, ServerOptions options, Handler& handler);
  ~Server();  ///< closes everything; the loop must not be running or this must be its thread

  /// Binds and starts to accept. Gives the port. Error kIo with one clear line when the port is
  /// taken or forbidden.
  Result<std::uint16_t> Listen();
  /// Stops accepting, lets running requests finish, closes idle connections.
  void Drain();
  /// Closes all connections at once.
  void CloseAll();
  ServerStats stats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace triage::net
