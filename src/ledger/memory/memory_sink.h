#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "ledger/record.h"

namespace triage::ledger {

/// Keeps exchanges in memory, for tests. Safe from any thread.
class MemorySink : public Sink {
 public:
  void Record(Exchange exchange) override {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(exchange));
  }

  /// A copy of what has been recorded, in order.
  std::vector<Exchange> exchanges() const {
    const std::lock_guard lock(mutex_);
    return exchanges_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Exchange> exchanges_;
};

}  // namespace triage::ledger
