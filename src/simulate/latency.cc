#include "simulate/latency.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/random.h"
#include "base/text.h"
#include "simulate/spec_text.h"

namespace triage::simulate {

namespace {

double StandardNormal(Random& random) {  // Box and Muller, 1958
  const double u = 1.0 - random.Uniform();
  const double v = random.Uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

Result<void> Apply(const SpecEntry& entry, ModelSpec& spec) {
  if (entry.key == "ttft") {
    auto duration = ParseDuration(entry.value);
    if (!duration) return std::move(duration).error();
    spec.ttft_median = *duration;
    return {};
  }
  if (entry.key == "rpm" || entry.key == "tpm") {
    auto limit = ParseNumber(entry.key, entry.value, 1);
    if (!limit) return std::move(limit).error();
    (entry.key == "rpm" ? spec.requests_per_minute : spec.tokens_per_minute) =
        std::llround(std::min(*limit, 1e12));
    return {};
  }
  const bool is_rate = entry.key == "tps" || entry.key == "chunk";
  if (!is_rate && entry.key != "ttft_sigma" && entry.key != "tps_sigma") {
    return Error{ErrorCode::kInvalidRequest,
                 "unknown model setting '" + std::string(entry.key) +
                     "' (known: ttft, ttft_sigma, tps, tps_sigma, chunk, rpm, tpm)"};
  }
  auto number = ParseNumber(entry.key, entry.value,
                            entry.key == "chunk" ? 1.0
                            : is_rate            ? 0.1
                                                 : 0.0);
  if (!number) return std::move(number).error();
  if (entry.key == "tps") spec.tokens_per_second = *number;
  if (entry.key == "chunk") spec.tokens_per_chunk = static_cast<int>(std::min(*number, 10'000.0));
  if (entry.key == "ttft_sigma") spec.ttft_sigma = *number;
  if (entry.key == "tps_sigma") spec.tps_sigma = *number;
  return {};
}

}  // namespace

std::chrono::microseconds Pace::Total(std::int64_t tokens) const {
  return first_token + std::chrono::microseconds(
                           std::llround(microseconds_per_token * static_cast<double>(tokens)));
}

Pace PaceOf(const ModelSpec& spec, std::uint64_t seed, std::string_view prompt) {
  Random random(StableHash(seed, spec.name, prompt));
  const double first = std::exp(spec.ttft_sigma * StandardNormal(random));
  const double rate = spec.tokens_per_second * std::exp(spec.tps_sigma * StandardNormal(random));
  return Pace{std::chrono::microseconds(
                  std::llround(static_cast<double>(spec.ttft_median.count()) * first)),
              1e6 / rate};
}

Result<ModelSpec> ParseModelSpec(std::string_view text) {
  auto parts = SplitSpec(text);
  if (!parts) return std::move(parts).error();
  ModelSpec spec;
  spec.name = parts->name;
  for (const SpecEntry& entry : parts->entries) {
    if (auto applied = Apply(entry, spec); !applied) return std::move(applied).error();
  }
  return spec;
}

Result<std::chrono::microseconds> ParseDuration(std::string_view text) {
  const auto unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit = text.substr(unit_at);
  double scale = 0;
  if (unit == "us") scale = 1;
  if (unit == "ms") scale = 1e3;
  if (unit == "s" || unit.empty()) scale = 1e6;
  if (unit == "m") scale = 6e7;
  auto number = ParseNumber("duration", text.substr(0, unit_at), 0);
  if (scale == 0 || !number || *number * scale > 1e15) {
    return Error{ErrorCode::kInvalidRequest,
                 "'" + std::string(text) + "' is no duration (write 250us, 120ms, 1.5s or 2m)"};
  }
  return std::chrono::microseconds(std::llround(*number * scale));
}

Result<double> ParseNumber(std::string_view key, std::string_view text, double least) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc{} && end == text.data() + text.size();
  if (!whole || !std::isfinite(value) || value < least) {
    return Error{ErrorCode::kInvalidRequest, std::string(key) + ": '" + std::string(text) +
                                                 "' is not a number that is large enough"};
  }
  return value;
}

std::uint64_t StableHash(std::uint64_t seed, std::string_view a, std::string_view b) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  const auto mix = [&hash](unsigned char byte) {
    hash ^= byte;
    hash *= 0x100000001b3ULL;
  };
  for (const char c : a) mix(static_cast<unsigned char>(c));
  mix(0xff);  // not a byte of UTF-8: ("ab","c") and ("a","bc") differ
  for (const char c : b) mix(static_cast<unsigned char>(c));
  return hash;
}

}  // namespace triage::simulate
