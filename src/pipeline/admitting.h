#pragma once

#include <cstdint>

#include "admit/client_slots.h"
#include "admit/gate.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "config/config.h"
#include "llm/types.h"
#include "pipeline/worker.h"

namespace triage::pipeline {

/// Bulk: impact low, or one of the users, teams and features that the configuration names.
admit::Priority PriorityOf(const config::Admission& admission, const llm::Context& context);

/// An exchange's right to be served: a slot of its thread's gate and, where clients are bounded,
/// one of its client's. Both go back when it is destroyed.
class Place {
 public:
  explicit Place(Worker& worker) : worker_(worker) {}

  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  enum class Entry : std::uint8_t { kIn, kMustWait, kRefused };

  /// Takes both if they are free; does not wait. After kMustWait: Wait. After kRefused: Refused.
  Entry Enter(const config::Admission& admission, const llm::Context& context,
              admit::Priority priority);

  /// Waits for a slot, until `deadline` at most. Error as Refused, or kCancelled when the client
  /// has gone.
  Task<Result<void>> Wait(SteadyTime deadline, CancelScope& client_gone);

  /// Why not: kRateLimited when the client has too many under way, else kUnavailable; with a hint
  /// when to come again.
  Error Refused(admit::Refusal refusal);

 private:
  Worker& worker_;
  admit::ClientSlots::Slot client_;
  admit::Priority priority_ = admit::Priority::kInteractive;
  bool in_ = false;
};

}  // namespace triage::pipeline
