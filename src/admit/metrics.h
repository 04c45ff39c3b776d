#pragma once

#include <array>
#include <chrono>

#include "admit/gate.h"
#include "observe/metrics.h"

namespace triage::admit {

/// What admission counts beside the gates' own readings, which `app` adds. From any thread.
class Metrics {
 public:
  explicit Metrics(observe::Registry& registry);

  /// triage_admission_wait_seconds: one that had to wait has got in.
  void Waited(Priority priority, std::chrono::nanoseconds wait);
  /// triage_admission_refused_total: one was turned away.
  void Refused(Priority priority, Refusal reason);

 private:
  std::array<observe::Histogram*, kPriorities> waits_{};
  std::array<std::array<observe::Counter*, kRefusals>, kPriorities> refused_{};
};

}  // namespace triage::admit
