#pragma once

#include <chrono>
#include <cstdint>

namespace triage {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/// Where logic that waits or dates things gets its time; injected, so that tests simulate hours in
/// milliseconds.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

/// The machine's clocks. Lives for the whole process.
const Clock& SystemClock();

}  // namespace triage
