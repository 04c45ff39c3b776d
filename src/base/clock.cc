#include "base/clock.h"

namespace triage {
namespace {

class MachineClock final : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }

  WallTime WallNow() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace triage
