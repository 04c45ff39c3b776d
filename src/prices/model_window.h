#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "llm/overflow.h"
#include "prices/text_size.h"

namespace triage::prices {

/// What is known of how one model counts tokens and how many it takes, learned from its own
/// answers. Shared by all threads and kept over a reload; nothing in it waits for anything.
///
/// For each script: the ratio of tokens that the model counted to those of Measure, as a moving
/// average that begins at 1 and moves fast at first, and how far single answers are off it. Usage
/// that cannot be true (a provider that cut the prompt short, or counts something else) teaches
/// nothing.
class ModelWindow {
 public:
  struct Estimate {
    std::int64_t tokens = 0;  ///< the best guess
    std::int64_t least = 0;   ///< it is hardly fewer
    std::int64_t most = 0;    ///< it is hardly more: what has to fit
  };

  /// The margin between guess and ends is 2.5 mean deviations of the ratio, 5 % at least and 50 %
  /// at most; 25 % before the model's first answers.
  Estimate Tokens(const TextSize& size) const;

  /// The model's own count of a request. Requests with media, and very short ones, teach nothing.
  void Learn(const TextSize& size, std::int64_t tokens);

  /// It refused a request, with `output` tokens reserved for the answer, as too long. A count that
  /// it told is learned from. A limit that it told is its window for a day. When it told none, its
  /// ratio must be higher than was thought; where no window is `configured` (0), what it refused is
  /// above its window for an hour.
  void Refused(const TextSize& size, std::int64_t output, std::int64_t configured,
               const llm::Overflow& told, SteadyTime now);

  /// Tokens that fit: the configured window (0 = unknown), or less when the model said so.
  std::int64_t Window(std::int64_t configured, SteadyTime now) const;

 private:
  static constexpr float kStartDeviation = 0.1F;

  /// Of two threads that learn at the same time one may be lost, which does no harm.
  struct alignas(8) Ratio {
    float mean = 1;
    float deviation = kStartDeviation;  ///< mean, as a share of `mean`
  };

  struct Learned {
    std::atomic<Ratio> ratio{};
    std::atomic<std::uint32_t> answers{0};
  };

  static_assert(std::atomic<Ratio>::is_always_lock_free);

  void Observe(Learned& learned, double ratio);

  std::array<Learned, kScripts> scripts_;
  std::atomic<std::int64_t> seen_limit_{0};
  std::atomic<SteadyTime::rep> seen_until_{0};
};

}  // namespace triage::prices
