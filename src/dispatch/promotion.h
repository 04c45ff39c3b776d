#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>

#include "base/clock.h"
#include "base/money.h"

namespace triage::dispatch {

struct PromotionOptions {
  /// Promoted exchanges may be at most this share of what the target tier serves itself, …
  double share = 0.2;
  /// … but these many a minute are always allowed, …
  int always_per_minute = 10;
  NanoDollars most_per_hour;  ///< … and their expected cost is bounded; zero = not

  bool operator==(const PromotionOptions&) const = default;
};

/// How much of a lower tier's traffic a tier may take over while that one is down, so that it is
/// not knocked over too. One per tier that is promoted into. Shared by all threads.
class Promotion {
 public:
  explicit Promotion(PromotionOptions options) : options_(options) {}

  const PromotionOptions& options() const { return options_; }

  /// The tier has served an exchange that was its own.
  void OnOwn(SteadyTime now);
  /// Whether one more exchange may be promoted, which it then counts with its expected cost.
  bool Take(SteadyTime now, NanoDollars expected_cost);

  struct Load {
    int own = 0;               ///< exchanges of the last minute
    int promoted = 0;          ///< likewise
    NanoDollars cost;          ///< of the last hour's promotions, expected
    std::int64_t taken = 0;    ///< ever
    std::int64_t refused = 0;  ///< ever
  };

  Load Look(SteadyTime now);

  /// How many a minute may be promoted under that load.
  double Cap(const Load& load) const { return Cap(load.own); }

 private:
  struct Paid {
    SteadyTime time;
    NanoDollars cost;
  };

  double Cap(int own) const;
  void Forget(SteadyTime now);

  const PromotionOptions options_;
  std::mutex mutex_;
  std::deque<SteadyTime> own_;
  std::deque<SteadyTime> promoted_;
  std::deque<Paid> paid_;
  NanoDollars cost_;
  std::int64_t taken_ = 0;
  std::int64_t refused_ = 0;
};

}  // namespace triage::dispatch
