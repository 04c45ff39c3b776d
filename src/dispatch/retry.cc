#include "dispatch/retry.h"

#include <algorithm>

namespace triage::dispatch {
namespace {

constexpr double kShare = 0.1;
constexpr double kMostTokens = 50;
constexpr double kReserve = 3;
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
  tokens_ = std::min(tokens_ + kShare, kMostTokens);
}

bool RetryBudget::Take(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (refilled_ == SteadyTime{}) refilled_ = now;
  const auto periods = (now - refilled_) / kRefill;
  if (periods > 0) {
    refilled_ += periods * kRefill;
    if (tokens_ < kReserve) tokens_ = std::min(tokens_ + static_cast<double>(periods), kReserve);
  }
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace triage::dispatch
