#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace triage::dispatch {

/// Defaults as in Triage's routing notes 2.9, compared with Envoy, Hystrix and resilience4j.
struct BreakerOptions {
  int min_volume = 20;         ///< attempts in 10 s below which shares mean nothing
  double failure_share = 0.5;  ///< of the attempts of 10 s: opens
  int consecutive = 5;         ///< failures in a row: opens
  int quiet_consecutive = 3;   ///< the same below `min_volume`
  double slow_share = 0.6;     ///< of the attempts of 60 s with a slow first token: opens
  std::chrono::milliseconds open_for{15'000};  ///< the first time; doubles with every further time
  std::chrono::milliseconds open_most{300'000};
  double jitter = 0.2;    ///< ± share of `open_for`, so that gateways do not probe in step
  int probes = 3;         ///< attempts in a half-open state, one at a time
  int probes_needed = 2;  ///< of them successful: traffic is let back in
  std::chrono::milliseconds ramp{30'000};  ///< over which 10, 25, 50, 100 % are let in

  bool operator==(const BreakerOptions&) const = default;
};

/// Circuit breaker of one model at one endpoint under one credential: closed → open → half-open →
/// ramping → closed. Pure: the caller brings the time and the chance. What counts as a failure is
/// the caller's to say; a 429 does not. Not synchronised.
class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen, kRamping };

  /// What an attempt may do; it is to be given back to exactly one of Succeeded, Failed and
  /// Abandoned, unless it is kNo.
  enum class Permit : std::uint8_t { kNo, kYes, kProbe };

  explicit Breaker(BreakerOptions options = {}) : options_(options) {}

  /// `chance` is uniform in [0, 1): who gets in while traffic ramps up.
  Permit Ask(SteadyTime now, double chance);

  /// For when nothing else is left: the ramp keeps nobody out, and an open breaker is probed before
  /// its time, one attempt at a time until one has succeeded. Such a probe counts when it succeeds;
  /// when it fails, the breaker stays open as long as it would have.
  Permit AskLast(SteadyTime now);

  /// The answer to a probe has begun, which is what it was to find out: the permit becomes kYes.
  void Began(Permit& permit, SteadyTime now);

  /// Whether Ask could say yes, without taking a probe.
  bool MayPass(SteadyTime now) const;

  /// `slow`: the first token came far later than this model's usual.
  void Succeeded(Permit permit, SteadyTime now, bool slow, double chance);
  /// `wait`: the provider's own word on when to come back. An open breaker is never shortened.
  void Failed(Permit permit, SteadyTime now, std::optional<std::chrono::milliseconds> wait,
              double chance);
  /// Nothing was learned: the client left.
  void Abandoned(Permit permit);

  State state(SteadyTime now) const;

  /// When an open breaker lets a probe through; the past for any other.
  SteadyTime open_until() const { return open_until_; }

 private:
  struct Bucket {
    std::int64_t second = -1;
    int attempts = 0;
    int failures = 0;
    int slow = 0;
  };

  void Count(SteadyTime now, bool failed, bool slow);
  Bucket Sum(SteadyTime now, int seconds) const;
  void Open(SteadyTime now, std::optional<std::chrono::milliseconds> wait, double chance);
  void StartHalfOpen();
  void OnProbe(SteadyTime now, bool succeeded, double chance);
  double RampShare(SteadyTime now) const;

  BreakerOptions options_;
  State state_ = State::kClosed;
  SteadyTime open_until_{};
  SteadyTime ramp_start_{};
  int opened_ = 0;  // times in a row
  int consecutive_ = 0;
  int probes_left_ = 0;
  int probes_ok_ = 0;
  bool probing_ = false;
  std::array<Bucket, 60> buckets_{};  // by second
};

std::string_view Name(Breaker::State state);

}  // namespace triage::dispatch
