#pragma once

#include <cstdint>

namespace triage {

/// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. Not for secrets. One per
/// thread or per test.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  /// Seeded from the operating system.
  static Random FromEntropy();

  std::uint64_t Next();

  /// Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  /// Uniform in [0, bound); bound > 0.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  std::uint64_t state_[4];
};

}  // namespace triage
