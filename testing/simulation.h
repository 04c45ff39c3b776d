#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <queue>

#include "base/cancel.h"
#include "base/task.h"
#include "dispatch/retry.h"
#include "testing/fake_clock.h"

namespace triage::testing {

/// Coroutines that wait for simulated time; whoever is due first goes on first, and the clock jumps
/// to it. Hours take milliseconds.
class Simulation final : public dispatch::Timer {
 public:
  Task<void> Sleep(std::chrono::milliseconds duration, CancelScope& cancel) override {
    co_await Wait{*this, clock.Now() + duration, cancel, {}};
  }

  /// Until nobody waits any more.
  void Run() {
    while (!due_.empty()) {
      const Due next = due_.top();
      due_.pop();
      if (next.waiter->resumed) continue;
      next.waiter->resumed = true;
      if (next.at > clock.Now())
        clock.Advance(std::chrono::duration_cast<std::chrono::microseconds>(next.at - clock.Now()));
      next.waiter->handle.resume();
    }
  }

  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - begin_);
  }

  FakeClock clock;

 private:
  struct Waiter {
    std::coroutine_handle<> handle;
    bool resumed = false;
  };

  struct Due {
    SteadyTime at;
    std::uint64_t order = 0;
    std::shared_ptr<Waiter> waiter;

    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  struct Wait {
    Simulation& simulation;
    SteadyTime at;
    CancelScope& cancel;
    std::shared_ptr<Waiter> waiter;

    bool await_ready() const { return cancel.cancelled(); }

    void await_suspend(std::coroutine_handle<> handle) {
      waiter = std::make_shared<Waiter>(Waiter{.handle = handle});
      cancel.SetWaiter(
          [](void* self) {
            auto* wait = static_cast<Wait*>(self);
            wait->simulation.Push(wait->simulation.clock.Now(), wait->waiter);
          },
          this);
      simulation.Push(at, waiter);
    }

    void await_resume() const { cancel.ClearWaiter(); }
  };

  void Push(SteadyTime at, std::shared_ptr<Waiter> waiter) {
    due_.push({.at = at, .order = order_++, .waiter = std::move(waiter)});
  }

  const SteadyTime begin_ = clock.Now();
  std::priority_queue<Due> due_;
  std::uint64_t order_ = 0;
};

}  // namespace triage::testing
