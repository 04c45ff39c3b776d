#include "dispatch/latency.h"

#include <algorithm>
#include <cmath>

namespace triage::dispatch {
namespace {

using std::chrono::microseconds;

constexpr double kFirstBucketUs = 1'000;
constexpr double kFactor = 1.15;
constexpr std::chrono::seconds kForget{10};
// Halving the counts so often weighs the last day with about three quarters.
constexpr std::chrono::hours kHalfLife{12};
constexpr std::uint64_t kEnough = 50;

std::size_t BucketOf(double us, std::size_t buckets) {
  if (us <= kFirstBucketUs) return 0;
  const double index = std::log(us / kFirstBucketUs) / std::log(kFactor);
  return std::min(static_cast<std::size_t>(index) + 1, buckets - 1);
}

double Decay(std::chrono::nanoseconds age) {
  return std::exp(-std::chrono::duration<double>(age) / std::chrono::duration<double>(kForget));
}

}  // namespace

void Latency::Add(SteadyTime now, microseconds sample) {
  const auto us = static_cast<double>(std::max<std::int64_t>(sample.count(), 1));
  if (total_ == 0) halved_ = now;
  if (us >= expected_us_) {
    expected_us_ = us;
  } else {
    const double weight = Decay(now - last_);
    expected_us_ = expected_us_ * weight + us * (1 - weight);
  }
  last_ = now;
  for (; now - halved_ >= kHalfLife; halved_ += kHalfLife) {
    total_ = 0;
    for (std::uint32_t& count : counts_) {
      count /= 2;
      total_ += count;
    }
    if (total_ == 0) halved_ = now;
  }
  ++counts_[BucketOf(us, kBuckets)];
  ++total_;
}

microseconds Latency::Expected(SteadyTime now) const {
  // Without new samples a peak fades towards what is usual, so that the model is tried again.
  const auto usual = Usual(0.5);
  const double base = usual ? static_cast<double>(usual->count()) : 0;
  const double weight = Decay(now - last_);
  const double value = expected_us_ > base ? base + (expected_us_ - base) * weight : expected_us_;
  return microseconds(static_cast<std::int64_t>(value));
}

std::optional<microseconds> Latency::Usual(double share) const {
  if (total_ < kEnough) return std::nullopt;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen < wanted) continue;
    const double upper = kFirstBucketUs * std::pow(kFactor, static_cast<double>(i));
    return microseconds(static_cast<std::int64_t>(upper));
  }
  return std::nullopt;
}

}  // namespace triage::dispatch
