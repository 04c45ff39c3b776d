#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/task.h"
#include "llm/types.h"

namespace triage::llm {

/// Time limits of one attempt. Zero = none.
struct AttemptLimits {
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds first_byte{60'000};     ///< request sent → response headers
  std::chrono::milliseconds first_token{120'000};   ///< call begun → first event of a stream
  std::chrono::milliseconds between_bytes{60'000};  ///< silence inside a body
  std::chrono::milliseconds total{600'000};
};

/// One attempt: which model of the provider, under which limits, and who may cancel it.
struct Call {
  const Request* request = nullptr;  ///< outlives the reply
  std::string_view model;            ///< the provider's own name of the model
  AttemptLimits limits;
  CancelScope* cancel = nullptr;  ///< outlives the reply; never null
  std::size_t credential = 0;     ///< which of the endpoint's credentials is used
};

/// What is known when a reply has ended; before that only what has been seen so far.
struct ReplySummary {
  std::optional<Usage> usage;  ///< nothing when the provider told none
  FinishReason finish = FinishReason::kUnknown;
  std::string served_model;     ///< what the provider says it ran
  std::string raw_finish = {};  ///< the provider's own word for `finish`
  bool complete = false;        ///< ended as its dialect says it must
  std::int64_t events = 0;      ///< of a stream: events that carried a part of the answer
};

/// A successful (2xx) answer of a provider in the dialect of the request, pulled by whoever writes
/// it on. Destroying it before the end cancels the call.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual int status() const = 0;
  virtual std::string_view content_type() const = 0;
  /// Length of the body when the provider gave it.
  virtual std::optional<std::uint64_t> content_length() const = 0;
  /// The next bytes of the body, valid until the next call; empty at the end. For streams: whole or
  /// partial SSE events as they arrived, without usage chunks that the client did not ask for. A
  /// body that ends too early is an error.
  virtual Task<Result<std::string_view>> Next() = 0;
  virtual const ReplySummary& summary() const = 0;

  /// Of a stream: the event that tells the client that it has failed. Nothing follows it.
  virtual std::string ErrorEvent(const Error& error) = 0;

  /// What of the request the provider's dialect could not say: "seed", "logit_bias"; for the
  /// client's x-triage-warning.
  virtual std::span<const std::string> warnings() const { return {}; }
};

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

/// What is known of a call beside its answer; zero = not reached.
struct CallTiming {
  std::chrono::microseconds connect{0};
  std::chrono::microseconds first_byte{0};
  HeaderFields limits = {};  ///< what a 2xx answer's head says of rate limits; Error::headers else
};

/// One endpoint of a provider. Belongs to one I/O thread.
class Provider {
 public:
  virtual ~Provider() = default;
  /// Sends the call and waits until the answer has begun: status 2xx, and for a stream its first
  /// event, which is not an error event. Everything else is an Error: kUnavailable (no connection),
  /// kTimeout, kCancelled, kRateLimited (429), kUpstream (5xx, broken or error answer),
  /// kInvalidRequest (other 4xx; its message is the provider's), kUnsupported (its dialect cannot
  /// say the request; nothing was sent).
  virtual Task<Result<std::unique_ptr<Reply>>> Start(const Call& call, CallTiming& timing) = 0;
};

}  // namespace triage::llm
