#include "dispatch/promotion.h"

#include <algorithm>

namespace triage::dispatch {
namespace {

constexpr std::chrono::minutes kLoadWindow{1};
constexpr std::chrono::hours kCostWindow{1};
// A share is only known so exactly; a busy tier need not remember each of its exchanges.
constexpr std::size_t kMostRemembered = 4096;

void ForgetBefore(std::deque<SteadyTime>& times, SteadyTime before) {
  while (!times.empty() && (times.front() < before || times.size() > kMostRemembered))
    times.pop_front();
}

}  // namespace

void Promotion::Forget(SteadyTime now) {
  ForgetBefore(own_, now - kLoadWindow);
  ForgetBefore(promoted_, now - kLoadWindow);
  for (; !paid_.empty() && paid_.front().time < now - kCostWindow; paid_.pop_front())
    cost_ = cost_ - paid_.front().cost;
}

void Promotion::OnOwn(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  own_.push_back(now);
  ForgetBefore(own_, now - kLoadWindow);
}

bool Promotion::Take(SteadyTime now, NanoDollars expected_cost) {
  const std::lock_guard lock(mutex_);
  Forget(now);
  const double room = Cap(static_cast<int>(own_.size()));
  const bool crowded = static_cast<double>(promoted_.size()) + 1 > room;
  const bool dear =
      options_.most_per_hour > NanoDollars() && cost_ + expected_cost > options_.most_per_hour;
  if (crowded || dear) {
    ++refused_;
    return false;
  }
  ++taken_;
  promoted_.push_back(now);
  paid_.push_back({now, expected_cost});
  cost_ += expected_cost;
  return true;
}

double Promotion::Cap(int own) const {
  return std::max(options_.share * static_cast<double>(own),
                  static_cast<double>(options_.always_per_minute));
}

Promotion::Load Promotion::Look(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Forget(now);
  return {.own = static_cast<int>(own_.size()),
          .promoted = static_cast<int>(promoted_.size()),
          .cost = cost_,
          .taken = taken_,
          .refused = refused_};
}

}  // namespace triage::dispatch
