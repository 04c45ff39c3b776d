#pragma once

#include <chrono>

#include "base/clock.h"

namespace triage::testing {

/// A clock that stands still until it is told otherwise. Starts well after the epoch, so that the
/// past exists.
class FakeClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }

  WallTime WallNow() const override { return wall_; }

  void Advance(std::chrono::microseconds duration) {
    now_ += duration;
    wall_ += duration;
  }

 private:
  SteadyTime now_ = SteadyTime{} + std::chrono::hours(1);
  WallTime wall_ = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 24));
};

}  // namespace triage::testing
