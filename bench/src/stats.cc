#include "bench/src/stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace triage::bench {

std::uint64_t Percentile(const std::vector<std::uint64_t>& sorted, double percent) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
  const auto position = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(position, sorted.size() - 1)];
}

Summary Summarize(std::vector<std::uint64_t> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
  return {.count = samples.size(),
          .p50 = Percentile(samples, 50),
          .p90 = Percentile(samples, 90),
          .p95 = Percentile(samples, 95),
          .p99 = Percentile(samples, 99),
          .max = samples.back(),
          .mean = sum / static_cast<double>(samples.size())};
}

std::string SummaryJson(const Summary& nanoseconds) {
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1000.0; };
  return fmt::format(
      R"({{"count":{},"p50_us":{:.1f},"p90_us":{:.1f},"p95_us":{:.1f},"p99_us":{:.1f},"max_us":{:.1f},"mean_us":{:.1f}}})",
      nanoseconds.count, us(nanoseconds.p50), us(nanoseconds.p90), us(nanoseconds.p95),
      us(nanoseconds.p99), us(nanoseconds.max), nanoseconds.mean / 1000.0);
}

std::uint64_t DueNs(std::uint64_t start, std::uint64_t n, double per_second) {
  return start + static_cast<std::uint64_t>(static_cast<double>(n) * 1e9 / per_second);
}

}  // namespace triage::bench
