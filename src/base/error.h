#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace triage {

/// Why something failed. Closed: every consumer switches over all of it. HTTP statuses are chosen
/// in `api/error_response`.
enum class ErrorCode {
  kInvalidRequest,  ///< the caller's bytes or values are wrong; retrying the same will fail again
  kUnauthorized,    ///< no or unknown credentials
  kForbidden,       ///< known credentials that may not do this
  kNotFound,        ///< no such model, exchange, route, file
  kTooLarge,        ///< a size limit was passed
  kContextLength,   ///< request and answer do not fit into a model's context window
  kRateLimited,     ///< a rate limit, ours or a provider's
  kBudgetExceeded,  ///< a hard budget
  kTimeout,         ///< a deadline passed
  kCancelled,       ///< the client went away or the process is stopping
  kUnavailable,     ///< nothing could serve it now: connection refused, all of a chain failed
  kUpstream,        ///< a provider answered with an error status or a broken answer
  kProtocol,        ///< bytes that are not valid HTTP, SSE or JSON where they had to be
  kUnsupported,     ///< valid, but not something this build or target can do
  kUnacceptable,    ///< answers came, but none that passes the checks the client relies on
  kIo,              ///< files, databases, sockets
  kInternal,        ///< a bug of ours that was contained
};

/// Stable lower-case name, e.g. "rate_limited"; for logs and metric labels.
std::string_view Name(ErrorCode code);

/// A failure as a value. `message` may be shown to a client; `detail` goes to the log only and
/// never holds prompt text or secrets.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string detail = {};
  std::string field = {};  ///< JSON pointer or header name at fault, if one is
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< when trying again may help
  int upstream_status = 0;  ///< HTTP status of the provider, 0 when there was none
  /// What the provider said of its limits (x-ratelimit-…, anthropic-ratelimit-…), for the client.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// What a function that can fail returns.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;

  // NOLINTNEXTLINE(google-explicit-constructor): `return Error{...};` is how failures are written.
  Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

/// Puts "context: " in front of the log detail (not of the client's message) when an error crosses
/// a layer.
Error WithContext(Error error, std::string_view context);

/// Ends the process with file and line when `condition` is false: a bug, never reachable from
/// input.
#define TRIAGE_CHECK(condition)                                              \
  do {                                                                       \
    if (!(condition)) ::triage::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace triage
