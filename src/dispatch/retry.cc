#include "dispatch/retry.h"

#include <algorithm>

namespace triage::dispatch {
namespace {

constexpr double kMostTokens = 50;
constexpr std::chrono::seconds kRefill{10};  // one token of the reserve

}  // namespace

std::chrono::milliseconds Backoff(const RetryPolicy& policy, int round, double chance,
                                  std::optional<std::chrono::milliseconds> wait) {
  constexpr int kMostDoublings = 16;
  const auto longest =
      std::min(policy.backoff * (1 << std::min(round, kMostDoublings)), policy.longest);
  const auto jittered = std::chrono::duration_cast<std::chrono::milliseconds>(longest * chance);
  return std::max(jittered, wait.value_or(std::chrono::milliseconds(0)));
}

void RetryBudget::OnRequest() {
  const std::lock_guard lock(mutex_);
  tokens_ = std::min(tokens_ + share_, kMostTokens);
}

bool RetryBudget::Take(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (refilled_ == SteadyTime{}) refilled_ = now;
  const auto periods = (now - refilled_) / kRefill;
  if (periods > 0) {
    refilled_ += periods * kRefill;
    if (tokens_ < reserve_) tokens_ = std::min(tokens_ + static_cast<double>(periods), reserve_);
  }
  if (tokens_ < 1) {
    ++refused_;
    return false;
  }
  tokens_ -= 1;
  return true;
}

RetryBudget::View RetryBudget::Look() const {
  const std::lock_guard lock(mutex_);
  return {.left = tokens_, .refused = refused_};
}

}  // namespace triage::dispatch
