#include "simulate/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace triage::simulate {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Told to clients of a model without a limit, as providers tell their largest customers.
constexpr std::int64_t kManyRequests = 10'000;
constexpr std::int64_t kManyTokens = 10'000'000;

milliseconds TimeFor(double missing, std::int64_t per_minute) {
  return milliseconds(std::llround(std::ceil(missing * 60'000 / static_cast<double>(per_minute))));
}

Allowance Of(double level, std::int64_t per_minute) {
  return {.limit = per_minute,
          .remaining = std::max<std::int64_t>(0, std::llround(std::floor(level))),
          .reset = TimeFor(static_cast<double>(per_minute) - level, per_minute)};
}

}  // namespace

Admission RateLimits::Take(const ModelSpec& spec, std::int64_t tokens, microseconds elapsed) {
  Admission admission{
      .requests = {kManyRequests, kManyRequests - 1, milliseconds(6)},
      .tokens = {kManyTokens, std::max<std::int64_t>(0, kManyTokens - tokens), milliseconds(6)}};
  if (spec.requests_per_minute == 0 && spec.tokens_per_minute == 0) return admission;

  const std::scoped_lock lock(mutex_);
  Buckets& buckets = models_[spec.name];
  const double minutes = std::max(0.0, static_cast<double>((elapsed - buckets.at).count()) / 60e6);
  buckets.at = std::max(buckets.at, elapsed);
  const auto refill = [&](Bucket& bucket, std::int64_t per_minute) {
    const auto full = static_cast<double>(per_minute);
    bucket.level = bucket.used ? std::min(full, bucket.level + minutes * full) : full;
    bucket.used = true;
  };
  refill(buckets.requests, spec.requests_per_minute);
  refill(buckets.tokens, spec.tokens_per_minute);
  // A request larger than the whole limit passes when the bucket is full, else it never would.
  const double wanted =
      std::min(static_cast<double>(tokens), static_cast<double>(spec.tokens_per_minute));
  if (spec.requests_per_minute > 0 && buckets.requests.level < 1)
    admission.retry_after = TimeFor(1 - buckets.requests.level, spec.requests_per_minute);
  if (spec.tokens_per_minute > 0 && buckets.tokens.level < wanted)
    admission.retry_after = std::max(
        admission.retry_after, TimeFor(wanted - buckets.tokens.level, spec.tokens_per_minute));
  admission.allowed = admission.retry_after == milliseconds(0);
  if (admission.allowed) {
    buckets.requests.level -= 1;
    buckets.tokens.level -= wanted;
  }
  if (spec.requests_per_minute > 0)
    admission.requests = Of(buckets.requests.level, spec.requests_per_minute);
  if (spec.tokens_per_minute > 0)
    admission.tokens = Of(buckets.tokens.level, spec.tokens_per_minute);
  return admission;
}

}  // namespace triage::simulate
