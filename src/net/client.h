#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "net/http.h"
#include "net/loop.h"

namespace triage::net {

/// Where a server is: "https://api.example.com:443/v1" → {https, host, port, "/v1"}.
struct Origin {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string base_path;  ///< without a slash at the end

  /// Error kInvalidRequest for anything but http:// and https:// URLs without user, query and
  /// fragment.
  static Result<Origin> Parse(std::string_view url);
};

struct ClientOptions {
  std::size_t max_head_bytes = 64 * 1024;
  std::chrono::milliseconds idle_limit{
      60'000};  ///< a pooled connection unused for longer is closed
  std::size_t max_idle_connections = 512;
  std::chrono::milliseconds dns_lifetime{30'000};  ///< addresses are looked up again after this
  std::string ca_file = {};                        ///< empty = the system's certificates
  bool verify_tls = true;
};

/// Limits of one call; zero = none.
struct CallLimits {
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds first_byte{60'000};     ///< end of sending → response head
  std::chrono::milliseconds between_bytes{60'000};  ///< silence inside the body
  std::chrono::milliseconds total{600'000};
};

/// One call whose response head has arrived. Reading to the end gives its connection back to the
/// pool; destroying it earlier closes the connection, which is how a call is cancelled.
class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual int status() const = 0;
  virtual std::span<const Header> headers() const = 0;
  virtual std::optional<std::uint64_t> content_length() const = 0;
  /// The next decoded body bytes, valid until the next call; empty at the end. Errors: kTimeout,
  /// kCancelled, kProtocol (broken framing), kUnavailable (closed before the end).
  virtual Task<Result<std::string_view>> Next() = 0;
  /// Reads from now on end by then with kTimeout, whatever comes; max() = only the call's limits.
  virtual void EndBy(SteadyTime until) = 0;
};

/// Keep-alive connections of one loop, per origin.
class Client {
 public:
  Client(Loop& loop, ClientOptions options);
  ~Client();

  struct Timing {
    std::chrono::microseconds connect{0};     ///< 0 for a reused connection
    std::chrono::microseconds first_byte{0};  ///< start of the call → response head
    bool reused = false;
  };

  /// Sends a request whose head fields are complete but for Host and Content-Length, and whose body
  /// is the concatenation of `body`; waits for the response head. One free retry on a new
  /// connection when a reused one turns out closed before any response byte. Errors: kUnavailable
  /// (DNS, connect, TLS, closed), kTimeout, kCancelled, kProtocol.
  Task<Result<std::unique_ptr<ClientResponse>>> Start(const Origin& origin, std::string_view method,
                                                      std::string_view path,
                                                      std::span<const Header> headers,
                                                      std::span<const std::string_view> body,
                                                      const CallLimits& limits, CancelScope& cancel,
                                                      Timing& timing);

  /// Reads a whole body of at most `limit` bytes. kTooLarge beyond.
  static Task<Result<std::string>> ReadAll(ClientResponse& response, std::size_t limit);

  std::size_t idle_connections() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace triage::net
