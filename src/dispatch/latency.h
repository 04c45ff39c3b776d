#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace triage::dispatch {

/// Time to first token of one model: what to expect of it now, and what is usual. Not synchronised.
class Latency {
 public:
  void Add(SteadyTime now, std::chrono::microseconds sample);

  /// Peak-EWMA (Finagle): jumps up with a slow answer at once, forgets it over about ten seconds.
  /// Zero while nothing is known.
  std::chrono::microseconds Expected(SteadyTime now) const;

  /// The p-th quantile of about the last day; nothing before 50 samples. `share` in (0, 1).
  std::optional<std::chrono::microseconds> Usual(double share) const;

 private:
  static constexpr std::size_t kBuckets = 96;  // 1 ms … 10 min, a factor 1.15 apart

  double expected_us_ = 0;
  SteadyTime last_{};
  SteadyTime halved_{};
  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace triage::dispatch
