#include "admit/gate.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace triage::admit {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int kEnoughGrants = 8;      // before how fast the queue moves is believed
constexpr double kGrantWeight = 0.1;  // of the newest in the average

}  // namespace

std::string_view Name(Priority priority) {
  switch (priority) {
    case Priority::kInteractive: return "interactive";
    case Priority::kBulk: return "bulk";
  }
  return "interactive";
}

std::string_view Name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "none";
    case Refusal::kQueueFull: return "queue_full";
    case Refusal::kOverload: return "overload";
    case Refusal::kExpectedWait: return "expected_wait";
    case Refusal::kTimeout: return "timeout";
    case Refusal::kEvicted: return "evicted";
    case Refusal::kClientLimit: return "client_limit";
  }
  return "none";
}

Gate::Waiter::~Waiter() {
  if (state_ == State::kQueued) gate_->Remove(*this);
  if (state_ == State::kGranted) gate_->Leave();
}

void Gate::Configure(const GateOptions& options) {
  options_ = options;
  limit_ = options.concurrency == 0 ? SIZE_MAX : options.concurrency;
  bulk_limit_ = limit_;
  if (options.concurrency > 1) {
    const auto reserved = static_cast<std::size_t>(
        std::ceil(options.reserve * static_cast<double>(options.concurrency)));
    bulk_limit_ = std::max<std::size_t>(limit_ - std::min(reserved, limit_), 1);
  }
  Grant();
}

bool Gate::standing(Priority priority) const {
  return clock_.Now().time_since_epoch().count() >=
         standing_from_[static_cast<std::size_t>(priority)].load(std::memory_order_relaxed);
}

std::optional<nanoseconds> Gate::ExpectedWait(Priority priority) const {
  if (grants_ < kEnoughGrants) return std::nullopt;
  const std::size_t ahead =
      priority == Priority::kBulk ? AllWaiting() : waiting(Priority::kInteractive);
  return per_grant_ * static_cast<std::int64_t>(ahead + 1);
}

Refusal Gate::Queue(Priority priority, SteadyTime deadline, Waiter& waiter) {
  const SteadyTime now = clock_.Now();
  milliseconds patience = LongestWait(priority);
  if (priority == Priority::kBulk) {
    if (standing(Priority::kInteractive) || standing(Priority::kBulk)) return Refusal::kOverload;
  } else if (standing(Priority::kInteractive)) {
    patience = std::min(patience, options_.target_wait);
  }
  const SteadyTime until = std::min<SteadyTime>(now + patience, deadline);
  const auto expected = ExpectedWait(priority);
  if (until <= now || (expected && now + *expected > until)) return Refusal::kExpectedWait;
  if (AllWaiting() >= options_.queue) {
    Line& bulk = LineOf(Priority::kBulk);
    if (priority == Priority::kBulk || bulk.empty()) return Refusal::kQueueFull;
    Waiter& newest = *bulk.back();
    Remove(newest);
    newest.state_ = Waiter::State::kEvicted;
    newest.wake_.Cancel();
  }
  if (AllWaiting() == 0) {
    grants_ = 0;
    granted_at_ = now;
  }
  Line& line = LineOf(priority);
  if (line.empty()) StandsFrom(priority, now + LongestWait(priority));
  waiter.gate_ = this;
  waiter.priority_ = priority;
  waiter.since_ = now;
  waiter.until_ = until;
  waiter.state_ = Waiter::State::kQueued;
  waiter.place_ = line.insert(line.end(), &waiter);
  waiting_[static_cast<std::size_t>(priority)].store(line.size(), std::memory_order_relaxed);
  return Refusal::kNone;
}

void Gate::Remove(Waiter& waiter) {
  Line& line = LineOf(waiter.priority_);
  line.erase(waiter.place_);
  waiter.state_ = Waiter::State::kDone;
  waiting_[static_cast<std::size_t>(waiter.priority_)].store(line.size(),
                                                             std::memory_order_relaxed);
  if (line.empty()) StandsFrom(waiter.priority_, SteadyTime::max());
}

Refusal Gate::Finish(Waiter& waiter) {
  const Waiter::State state = waiter.state_;
  if (state == Waiter::State::kQueued) Remove(waiter);
  waiter.state_ = Waiter::State::kDone;
  if (state == Waiter::State::kGranted) return Refusal::kNone;
  return state == Waiter::State::kEvicted ? Refusal::kEvicted : Refusal::kTimeout;
}

void Gate::Leave() {
  in_use_.store(in_use() - 1, std::memory_order_relaxed);
  if (AllWaiting() > 0) Grant();
}

void Gate::Grant() {
  while (AllWaiting() > 0) {
    const Priority priority =
        waiting(Priority::kInteractive) > 0 ? Priority::kInteractive : Priority::kBulk;
    if (in_use() >= Limit(priority)) return;
    Waiter& next = *LineOf(priority).front();
    Remove(next);
    next.state_ = Waiter::State::kGranted;
    in_use_.store(in_use() + 1, std::memory_order_relaxed);
    const SteadyTime now = clock_.Now();
    const nanoseconds took = now - granted_at_;
    granted_at_ = now;
    per_grant_ = grants_ == 0 ? took
                              : per_grant_ + std::chrono::duration_cast<nanoseconds>(
                                                 (took - per_grant_) * kGrantWeight);
    ++grants_;
    next.wake_.Cancel();
  }
}

milliseconds Gate::RetryAfter() const {
  constexpr milliseconds kLeast{1'000};
  constexpr milliseconds kMost{30'000};
  const auto expected = ExpectedWait(Priority::kBulk);
  if (!expected) return kLeast;
  return std::clamp(std::chrono::ceil<milliseconds>(*expected), kLeast, kMost);
}

}  // namespace triage::admit
