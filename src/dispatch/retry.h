#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/task.h"

namespace triage::dispatch {

/// Waits on behalf of dispatching; the event loop's in the gateway, a simulated one in tests.
class Timer {
 public:
  virtual ~Timer() = default;
  /// Returns early when `cancel` is cancelled.
  virtual Task<void> Sleep(std::chrono::milliseconds duration, CancelScope& cancel) = 0;
};

struct RetryPolicy {
  int most = 2;                            ///< further rounds over a chain that has failed
  std::chrono::milliseconds backoff{100};  ///< doubles with every round
  std::chrono::milliseconds longest{2'000};
  std::chrono::milliseconds pacing{2'000};  ///< at most so long a provider's wish to wait is met
};

/// Full jitter (Brooker, "Exponential Backoff And Jitter"): uniform in [0, backoff × 2^round], but
/// not before `wait`, what the provider asked for.
std::chrono::milliseconds Backoff(const RetryPolicy& policy, int round, double chance,
                                  std::optional<std::chrono::milliseconds> wait);

/// Lets extra attempts be at most a share of a provider's requests (SRE's retry budget), so that
/// they cannot keep down what is struggling to its feet. A small reserve, which refills slowly,
/// serves low traffic. Shared by all threads.
class RetryBudget {
 public:
  explicit RetryBudget(double share = 0.1, double reserve = 3)
      : share_(share), reserve_(reserve), tokens_(reserve) {}

  double share() const { return share_; }

  void OnRequest();
  /// Whether one extra attempt may be made, which it then counts.
  bool Take(SteadyTime now);

  struct View {
    double left = 0;           ///< extra attempts that may be made now
    std::int64_t refused = 0;  ///< ever
  };

  View Look() const;

 private:
  const double share_;
  const double reserve_;
  mutable std::mutex mutex_;
  double tokens_;
  std::int64_t refused_ = 0;
  SteadyTime refilled_{};
};

}  // namespace triage::dispatch
