#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace triage::dispatch {

/// What a provider said of one of its limits.
struct LimitState {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> remaining;
  std::optional<std::chrono::milliseconds> reset;  ///< from the answer on

  bool operator==(const LimitState&) const = default;
};

/// Requests and tokens are limited separately; of several token limits (input, output) the tightest
/// counts.
struct RateLimits {
  LimitState requests;
  LimitState tokens;

  bool operator==(const RateLimits&) const = default;
};

/// Reads `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (OpenAI, Groq, Azure, Together …)
/// and `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`
/// from an answer's header fields. Resets are durations ("6m0s", "20ms", "1.5") or RFC 3339 times.
/// What cannot be read is left out.
RateLimits ReadRateLimits(std::span<const std::pair<std::string, std::string>> headers,
                          WallTime now);

/// "1h2m3.5s", "250ms", "12" (seconds); at most a day, nothing for anything else.
std::optional<std::chrono::milliseconds> ParseReset(std::string_view text, WallTime now);

/// Paces attempts under one credential of one endpoint, so that its limits are met before the
/// provider has to refuse. A refusal blocks; it is no failure of the breaker. Pure: the caller
/// brings the time. Not synchronised.
class Limiter {
 public:
  /// When an attempt of about `tokens` may start: `now` or earlier when at once.
  SteadyTime EarliestStart(SteadyTime now, std::int64_t tokens) const;

  /// An attempt of about `tokens` has been sent.
  void Started(SteadyTime now, std::int64_t tokens);

  /// What an answer of any status said.
  void Learned(SteadyTime now, const RateLimits& limits);

  /// A 429. `wait`: its Retry-After; without one a second, doubling while refusals follow each
  /// other, at most a minute. Never shortens an earlier block.
  void Refused(SteadyTime now, std::optional<std::chrono::milliseconds> wait);

  /// An answer that was no 429.
  void Accepted() { refusals_ = 0; }

  SteadyTime blocked_until() const { return blocked_until_; }

 private:
  struct Window {
    std::optional<std::int64_t> limit;
    std::int64_t remaining = 0;
    SteadyTime reset{};  // the past = nothing is known

    SteadyTime EarliestStart(SteadyTime now, std::int64_t amount) const;
    void Learned(SteadyTime now, const LimitState& state);
  };

  Window requests_;
  Window tokens_;
  SteadyTime blocked_until_{};
  int refusals_ = 0;
};

}  // namespace triage::dispatch
