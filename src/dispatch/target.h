#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
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

/// A stream begins with its first token, a whole answer comes with its last one: what is usual
/// differs.
enum class AnswerKind : std::uint8_t { kStream, kWhole };

/// All that has been learned about calling one model at one endpoint: a breaker and a limiter for
/// each of its credentials, and how fast it is. Shared by all threads, and kept over a reload.
class Target {
 public:
  /// A breaker has changed its state, or was found to have.
  struct Transition {
    std::size_t credential = 0;
    Breaker::State from = Breaker::State::kClosed;
    Breaker::State to = Breaker::State::kClosed;
    std::chrono::milliseconds open_for{0};  ///< of kOpen
  };

  /// Told of each transition, from whichever thread caused it; may not call back and may not wait.
  using Watch = std::function<void(const Transition&)>;

  explicit Target(std::size_t credentials = 1, BreakerOptions options = {}, Watch watch = {});

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
    AnswerKind kind = AnswerKind::kStream;
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
  std::chrono::microseconds Load(SteadyTime now, AnswerKind kind = AnswerKind::kStream) const;

  /// When an attempt that has said nothing is late enough for a hedge: the model's own p95.
  std::optional<std::chrono::microseconds> UsualFirstToken(AnswerKind kind) const;

  /// An exchange waits for this model's rate limit to end.
  void WaitsForLimit();

  struct View {
    Breaker::State state = Breaker::State::kClosed;  ///< of the best credential
    SteadyTime retry_at{};
    std::size_t retired = 0;
    int in_flight = 0;
  };

  View Look(SteadyTime now) const;

  Breaker::State StateOf(std::size_t credential, SteadyTime now) const;

  /// How often, ever.
  struct Counts {
    std::array<std::int64_t, 4> transitions{};  ///< by the state that was reached
    std::int64_t limited = 0;                   ///< passed over because of a rate limit
    std::int64_t limit_waits = 0;
    std::int64_t last_resorts = 0;  ///< attempts although it should not have been asked
  };

  Counts counts() const;

 private:
  struct Credential {
    Breaker breaker;
    Limiter limiter;
    SteadyTime retired_until{};
    Breaker::State seen = Breaker::State::kClosed;
  };

  // After whatever may have changed the breaker. mutex_ is held.
  void Notice(std::size_t index, SteadyTime now);

  // `now` and what follows: as Ask. mutex_ is held.
  Answer Consider(Credential& credential, SteadyTime now, std::int64_t tokens, double chance);

  const BreakerOptions options_;
  const Watch watch_;
  mutable std::mutex mutex_;
  std::vector<Credential> credentials_;
  std::array<Latency, 2> latency_;  // by AnswerKind
  std::size_t turn_ = 0;
  int in_flight_ = 0;
  std::uint64_t failed_probes_ = 0;
  Counts counts_;
};

std::string_view Name(Target::Refusal refusal);

}  // namespace triage::dispatch
