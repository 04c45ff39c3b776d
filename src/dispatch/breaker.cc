#include "dispatch/breaker.h"

#include <algorithm>

namespace triage::dispatch {
namespace {

using std::chrono::milliseconds;

constexpr int kRateSeconds = 10;
constexpr int kSlowSeconds = 60;
constexpr std::array kRampShares = {0.10, 0.25, 0.50};

std::int64_t SecondOf(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string_view Name(Breaker::State state) {
  switch (state) {
    case Breaker::State::kClosed: return "closed";
    case Breaker::State::kOpen: return "open";
    case Breaker::State::kHalfOpen: return "half_open";
    case Breaker::State::kRamping: return "ramping";
  }
  return "closed";
}

Breaker::State Breaker::state(SteadyTime now) const {
  if (state_ == State::kOpen && now >= open_until_) return State::kHalfOpen;
  if (state_ == State::kRamping && now >= ramp_start_ + options_.ramp) return State::kClosed;
  return state_;
}

double Breaker::RampShare(SteadyTime now) const {
  const auto step = (now - ramp_start_) * static_cast<int>(kRampShares.size()) / options_.ramp;
  return kRampShares[std::min(static_cast<std::size_t>(std::max<std::int64_t>(step, 0)),
                              kRampShares.size() - 1)];
}

bool Breaker::MayPass(SteadyTime now) const {
  switch (state(now)) {
    case State::kClosed:
    case State::kRamping: return true;
    case State::kHalfOpen: return !probing_;
    case State::kOpen: return false;
  }
  return true;
}

Breaker::Permit Breaker::Ask(SteadyTime now, double chance) {
  switch (state(now)) {
    case State::kClosed:
      if (state_ == State::kRamping) {
        state_ = State::kClosed;
        opened_ = 0;
      }
      return Permit::kYes;
    case State::kRamping: return chance < RampShare(now) ? Permit::kYes : Permit::kNo;
    case State::kHalfOpen:
      if (state_ == State::kOpen) StartHalfOpen();
      if (probing_) return Permit::kNo;
      probing_ = true;
      return Permit::kProbe;
    case State::kOpen: return Permit::kNo;
  }
  return Permit::kNo;
}

Breaker::Permit Breaker::AskLast(SteadyTime now) {
  const State at = state(now);
  if (at == State::kClosed || at == State::kRamping) return Ask(now, 0);
  if (!probing_) {
    if (at == State::kHalfOpen && state_ == State::kOpen) StartHalfOpen();
    probing_ = true;
    return Permit::kProbe;
  }
  return state_ == State::kHalfOpen && probes_ok_ > 0 ? Permit::kYes : Permit::kNo;
}

void Breaker::Began(Permit& permit, SteadyTime now) {
  if (permit != Permit::kProbe) return;
  permit = Permit::kYes;
  OnProbe(now, true, 0);
}

void Breaker::StartHalfOpen() {
  state_ = State::kHalfOpen;
  probes_left_ = options_.probes;
  probes_ok_ = 0;
}

void Breaker::Succeeded(Permit permit, SteadyTime now, bool slow, double chance) {
  Count(now, false, slow);
  if (permit == Permit::kProbe) {
    OnProbe(now, true, chance);
    return;
  }
  // An answer to an attempt from before says nothing about now.
  if (state_ != State::kClosed && state_ != State::kRamping) return;
  consecutive_ = 0;
  const Bucket lately = Sum(now, kSlowSeconds);
  if (slow && lately.attempts >= options_.min_volume &&
      lately.slow >= options_.slow_share * lately.attempts) {
    Open(now, std::nullopt, chance);
  }
}

void Breaker::Failed(Permit permit, SteadyTime now, std::optional<milliseconds> wait,
                     double chance) {
  Count(now, true, false);
  if (permit == Permit::kProbe) {
    OnProbe(now, false, chance);
    if (wait) open_until_ = std::max(open_until_, now + *wait);
    return;
  }
  ++consecutive_;
  if (state_ == State::kOpen || state_ == State::kHalfOpen) {
    if (wait) open_until_ = std::max(open_until_, now + *wait);
    return;
  }
  const Bucket lately = Sum(now, kRateSeconds);
  const bool busy = lately.attempts >= options_.min_volume;
  const bool row = consecutive_ >= (busy ? options_.consecutive : options_.quiet_consecutive);
  const bool rate = busy && lately.failures >= options_.failure_share * lately.attempts;
  if (row || rate) Open(now, wait, chance);
}

void Breaker::Abandoned(Permit permit) {
  if (permit == Permit::kProbe) probing_ = false;
}

void Breaker::OnProbe(SteadyTime now, bool succeeded, double chance) {
  probing_ = false;
  if (state_ == State::kOpen && succeeded) StartHalfOpen();  // before its time, for a last resort
  if (state_ != State::kHalfOpen) return;
  --probes_left_;
  if (succeeded) ++probes_ok_;
  if (probes_ok_ >= options_.probes_needed) {
    state_ = State::kRamping;
    ramp_start_ = now;
    consecutive_ = 0;
    buckets_ = {};  // what went wrong before is settled
  } else if (probes_ok_ + probes_left_ < options_.probes_needed) {
    Open(now, std::nullopt, chance);
  }
}

void Breaker::Open(SteadyTime now, std::optional<milliseconds> wait, double chance) {
  constexpr int kMostDoublings = 10;
  const milliseconds grown = options_.open_for * (1 << std::min(opened_, kMostDoublings));
  const double shift = 1 + options_.jitter * (2 * chance - 1);
  const auto jittered =
      std::chrono::duration_cast<milliseconds>(std::min(grown, options_.open_most) * shift);
  state_ = State::kOpen;
  ++opened_;
  consecutive_ = 0;
  open_until_ = std::max(open_until_, now + std::max(jittered, wait.value_or(milliseconds(0))));
}

void Breaker::Count(SteadyTime now, bool failed, bool slow) {
  const std::int64_t second = SecondOf(now);
  Bucket& bucket = buckets_[static_cast<std::size_t>(second) % buckets_.size()];
  if (bucket.second != second) bucket = {.second = second};
  ++bucket.attempts;
  if (failed) ++bucket.failures;
  if (slow) ++bucket.slow;
}

Breaker::Bucket Breaker::Sum(SteadyTime now, int seconds) const {
  const std::int64_t second = SecondOf(now);
  Bucket sum;
  for (const Bucket& bucket : buckets_) {
    if (bucket.second > second || bucket.second <= second - seconds) continue;
    sum.attempts += bucket.attempts;
    sum.failures += bucket.failures;
    sum.slow += bucket.slow;
  }
  return sum;
}

}  // namespace triage::dispatch
