#pragma once

#include <functional>
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

  void Record(Feedback feedback, std::function<void(Result<Recorded>)> done) override {
    {
      const std::lock_guard lock(mutex_);
      feedback_.push_back(std::move(feedback));
    }
    if (done) done(Recorded::kNew);
  }

  void Record(LateAttempt late) override {
    const std::lock_guard lock(mutex_);
    late_.push_back(std::move(late));
  }

  std::vector<LateAttempt> late() const {
    const std::lock_guard lock(mutex_);
    return late_;
  }

  std::vector<Feedback> feedback() const {
    const std::lock_guard lock(mutex_);
    return feedback_;
  }

  /// A copy of what has been recorded, in order.
  std::vector<Exchange> exchanges() const {
    const std::lock_guard lock(mutex_);
    return exchanges_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Exchange> exchanges_;
  std::vector<Feedback> feedback_;
  std::vector<LateAttempt> late_;
};

}  // namespace triage::ledger
