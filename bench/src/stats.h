#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace triage::bench {

/// What a sample of durations says; all in the unit of the samples, all zero for an empty sample.
struct Summary {
  std::size_t count = 0;
  std::uint64_t p50 = 0;
  std::uint64_t p90 = 0;
  std::uint64_t p95 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t max = 0;
  double mean = 0;
};

/// The smallest value that at least `percent` of the sorted samples do not exceed (nearest rank).
/// `percent` is in (0, 100]. Zero for an empty sample.
std::uint64_t Percentile(const std::vector<std::uint64_t>& sorted, double percent);

Summary Summarize(std::vector<std::uint64_t> samples);

/// `{"count":…,"p50":…,…}` with nanoseconds shown as microseconds.
std::string SummaryJson(const Summary& nanoseconds);

/// When the n-th request of an open loop is due: a constant rate from `start`, without drift.
std::uint64_t DueNs(std::uint64_t start, std::uint64_t n, double per_second);

}  // namespace triage::bench
