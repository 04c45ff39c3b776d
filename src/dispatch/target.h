#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "dispatch/breaker.h"
#include "dispatch/latency.h"
#include "dispatch/limiter.h"

namespace triage::dispatch {

/// All that has been learned about calling one model at one endpoint: a breaker and a limiter for
/// each of its credentials, and how fast it is. Shared by all threads, and kept over a reload.
class Target {
 public:
  explicit Target(std::size_t credentials = 1, BreakerOptions options = {});

  std::size_t credentials() const { return credentials_.size(); }

  const BreakerOptions& options() const { return options_; }

  enum class Refusal : std::uint8_t {
    kNone,
    kOpen,     ///< the breaker is open
    kLimited,  ///< the provider's rate limit is used up
    kRetired,  ///< its credentials were refused (401, 403)
    kProbing,  ///< of AskLast: an attempt is under way that will tell whether it is well
  };

  /// Leave for one attempt; to be closed by exactly one of Succeeded, Failed and Abandoned.
  struct Ticket {
    Breaker::Permit permit = Breaker::Permit::kNo;
    std::size_t credential = 0;
  };

  struct Answer {
    std::optional<Ticket> ticket;
    Refusal refusal = Refusal::kNone;
    SteadyTime retry_at{};  ///< of a refusal: when asking again makes sense
    /// Of kProbing: a later answer with more has seen the probe fail.
    std::uint64_t failed_probes = 0;
  };

  /// Credentials are taken in turn; one that may not be used now is passed over.
  Answer Ask(SteadyTime now, std::int64_t tokens, double chance);

  /// As Ask, when nothing else is left (Breaker::AskLast): the credential whose breaker is open for
  /// the shortest time first. Of limits only what the provider has said counts, not what the
  /// attempt is thought to need.
  Answer AskLast(SteadyTime now, std::int64_t tokens);

  /// Whether Ask could give a ticket; for the decision, which takes none.
  bool MayPass(SteadyTime now) const;

  /// The answer has begun: no limit refused it, a probe has succeeded, and its head tells of
  /// limits.
  void Began(Ticket& ticket, SteadyTime now, const RateLimits& limits);
  void Succeeded(const Ticket& ticket, SteadyTime now, std::chrono::microseconds first_token,
                 double chance);
  /// Sorts the error: what is the client's fault counts as a sign of life, a 429 is the limiter's,
  /// a 401 or 403 retires the credential, a departed client says nothing, all else is a failure.
  void Failed(const Ticket& ticket, SteadyTime now, const Error& error, const RateLimits& limits,
              double chance);
  void Abandoned(const Ticket& ticket);

  /// For balancing: expected time to first token, times the attempts under way.
  std::chrono::microseconds Load(SteadyTime now) const;

  /// When an attempt that has said nothing is late enough for a hedge: the model's own p95.
  std::optional<std::chrono::microseconds> UsualFirstToken() const;

  struct View {
    Breaker::State state = Breaker::State::kClosed;  ///< of the best credential
    SteadyTime retry_at{};
    std::size_t retired = 0;
    int in_flight = 0;
  };

  View Look(SteadyTime now) const;

 private:
  struct Credential {
    Breaker breaker;
    Limiter limiter;
    SteadyTime retired_until{};
  };

  // `now` and what follows: as Ask. mutex_ is held.
  Answer Consider(Credential& credential, SteadyTime now, std::int64_t tokens, double chance);

  const BreakerOptions options_;
  mutable std::mutex mutex_;
  std::vector<Credential> credentials_;
  Latency latency_;
  std::size_t turn_ = 0;
  int in_flight_ = 0;
  std::uint64_t failed_probes_ = 0;
};

std::string_view Name(Target::Refusal refusal);

}  // namespace triage::dispatch
