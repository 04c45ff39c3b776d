#include "net/server.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <sys/socket.h>

#include "net/session.h"
#include "net/socket.h"
#include "net/tls.h"

namespace triage::net {

using boost::asio::ip::tcp;

namespace {

constexpr int kBacklog = 4096;

Result<void> Bind(tcp::acceptor& acceptor, const std::string& host, std::uint16_t port,
                  bool reuse_port) {
  auto fail = [&](const std::string& why) {
    return Error{.code = ErrorCode::kIo,
                 .message = "cannot listen on " + host + ":" + std::to_string(port) + ": " + why};
  };
  boost::system::error_code error;
  const auto address =
      boost::asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) return fail("not an IP address");
  const tcp::endpoint endpoint(address, port);
  acceptor.open(endpoint.protocol(), error);
  if (error) return fail(error.message());
  int on = 1;
  ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (reuse_port) ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  acceptor.bind(endpoint, error);
  if (!error) acceptor.native_non_blocking(true, error);
  if (!error) return {};
  boost::system::error_code ignored;
  acceptor.close(ignored);
  return fail(error.message());
}

}  // namespace

Result<void> CheckPortFree(const std::string& host, std::uint16_t port) {
  boost::asio::io_context context;
  tcp::acceptor acceptor(context);
  // Bound, not listening: a client that comes now must not be accepted by what is about to close.
  return Bind(acceptor, host, port, false);
}

/// Listener and owner of the sessions.
class Server::State final : public SessionOwner {
 public:
  State(Loop& loop, ServerOptions options, Handler& handler)
      : loop_(loop), options_(std::move(options)), handler_(handler), acceptor_(loop.context()) {}

  ~State() override {
    StopAccepting();
    CloseAll();
    // Sessions end when their sockets have; this runs on the loop's thread or when nobody runs the
    // loop.
    while (sessions_running_.active() > 0) {
      if (loop_.context().stopped()) loop_.context().restart();
      loop_.context().poll_one();
    }
  }

  Result<std::uint16_t> Listen() {
    Result<void> bound = Bind(acceptor_, options_.host, options_.port, options_.reuse_port);
    if (!bound) return std::move(bound).error();
    boost::system::error_code failed;
    acceptor_.listen(kBacklog, failed);
    if (failed) {
      return Error{.code = ErrorCode::kIo,
                   .message = "cannot listen on " + options_.host + ": " + failed.message()};
    }
    boost::system::error_code ignored;
    const std::uint16_t port = acceptor_.local_endpoint(ignored).port();
    WaitForConnections();
    return port;
  }

  void Drain() {
    draining_ = true;
    StopAccepting();
    // Closing only posts, so the set does not change under the loop.
    for (Session* session : sessions_) session->CloseIfIdle();
  }

  void CloseAll() {
    draining_ = true;
    for (Session* session : sessions_) session->Close();
  }

  ServerStats stats() const {
    return {.connections_open = connections_.load(std::memory_order_relaxed),
            .requests_active = requests_.load(std::memory_order_relaxed),
            .protocol_errors = protocol_errors_.load(std::memory_order_relaxed)};
  }

  // SessionOwner
  const ServerOptions& options() const override { return options_; }

  Handler& handler() override { return handler_; }

  bool draining() const override { return draining_; }

  void OnRequestStart() override { requests_.fetch_add(1, std::memory_order_relaxed); }

  void OnRequestEnd() override { requests_.fetch_sub(1, std::memory_order_relaxed); }

  void OnProtocolError() override { protocol_errors_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void StopAccepting() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

  void WaitForConnections() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const boost::system::error_code& error) {
      if (!error && acceptor_.is_open()) Accept();
    });
  }

  void Accept() {
    constexpr int kAtOnce = 64;
    for (int i = 0; i < kAtOnce; ++i) {
      const int descriptor =
          ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          // Out of descriptors: the backlog waits a moment instead of spinning here.
          loop_.After(std::chrono::milliseconds(100), [this] {
            if (acceptor_.is_open()) WaitForConnections();
          });
          return;
        }
        break;
      }
      if (sessions_.size() >= options_.max_connections) {
        ::close(descriptor);
        continue;
      }
      sessions_running_.Spawn(Serve(descriptor));
    }
    WaitForConnections();
  }

  Task<void> Serve(int descriptor) {
    Session session(loop_, descriptor, *this);
    sessions_.insert(&session);
    connections_.store(sessions_.size(), std::memory_order_relaxed);
    try {
      co_await session.Run();
    } catch (const std::exception& error) {
      // The one catch-all of a connection: nothing of ours throws, so this is a bug that costs only
      // this connection.
      protocol_errors_.fetch_add(1, std::memory_order_relaxed);
      std::fprintf(stderr, "triage: a connection ended with an exception: %s\n", error.what());
    }
    sessions_.erase(&session);
    connections_.store(sessions_.size(), std::memory_order_relaxed);
  }

  Loop& loop_;
  ServerOptions options_;
  Handler& handler_;
  tcp::acceptor acceptor_;
  std::unordered_set<Session*> sessions_;
  TaskGroup sessions_running_;
  bool draining_ = false;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> protocol_errors_{0};
};

Server::Server(Loop& loop, ServerOptions options, Handler& handler)
    : state_(std::make_unique<State>(loop, std::move(options), handler)) {}

Server::~Server() = default;

Result<std::uint16_t> Server::Listen() {
  return state_->Listen();
}

void Server::Drain() {
  state_->Drain();
}

void Server::CloseAll() {
  state_->CloseAll();
}

ServerStats Server::stats() const {
  return state_->stats();
}

}  // namespace triage::net
