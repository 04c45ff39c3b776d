#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace triage::simulate {

/// One simulated model: its name and how fast it is. Speeds are lognormal, because measured ones
/// are skewed that way.
struct ModelSpec {
  std::string name;
  std::chrono::microseconds ttft_median{200'000};  ///< request → first token
  double ttft_sigma = 0.25;                        ///< of the logarithm; 0 = always the median
  double tokens_per_second = 100;                  ///< median
  double tps_sigma = 0.1;
  int tokens_per_chunk = 4;              ///< of a streamed answer
  std::int64_t requests_per_minute = 0;  ///< 0 = not limited
  std::int64_t tokens_per_minute = 0;    ///< prompt and answer; 0 = not limited
};

/// How long one answer takes, before any time scale.
struct Pace {
  std::chrono::microseconds first_token{0};
  double microseconds_per_token = 0;

  /// Request → last of `tokens` tokens.
  std::chrono::microseconds Total(std::int64_t tokens) const;
};

/// The same (seed, model, prompt) always gives the same pace.
Pace PaceOf(const ModelSpec& spec, std::uint64_t seed, std::string_view prompt);

/// "NAME" or "NAME:ttft=120ms,ttft_sigma=0.3,tps=250,tps_sigma=0.1,chunk=4". kInvalidRequest names
/// what is wrong.
Result<ModelSpec> ParseModelSpec(std::string_view text);

/// "250us", "120ms", "1.5s", "2m" → duration; a bare number means seconds. kInvalidRequest
/// otherwise.
Result<std::chrono::microseconds> ParseDuration(std::string_view text);

/// A finite decimal number that is at least `least`. kInvalidRequest names `key`.
Result<double> ParseNumber(std::string_view key, std::string_view text, double least);

/// FNV-1a with a seed; stable across machines, so that a seed means the same run everywhere.
std::uint64_t StableHash(std::uint64_t seed, std::string_view a, std::string_view b = {});

}  // namespace triage::simulate
