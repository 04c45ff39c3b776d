#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"

namespace boost::asio {
class io_context;
}

namespace triage::net {

namespace internal {

/// A place in a circular list.
struct Link {
  Link* previous = nullptr;
  Link* next = nullptr;
};

}  // namespace internal

/// Coarse deadlines of one loop: adding and removing one costs a list operation, one timer sweeps
/// them all. A deadline fires at most one tick (25 ms) late. Same thread for all calls.
class DeadlineWheel {
 public:
  /// A deadline that may be armed; owned by whoever waits. Leaving its scope disarms it.
  class Entry : private internal::Link {
   public:
    using Hook = void (*)(void* owner);

    Entry(Hook hook, void* owner) : hook_(hook), owner_(owner) {}

    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    ~Entry() { Disarm(); }

    void Disarm();

   private:
    friend DeadlineWheel;

    DeadlineWheel* wheel_ = nullptr;
    SteadyTime deadline_;
    Hook hook_;
    void* owner_;
  };

  explicit DeadlineWheel(boost::asio::io_context& context);
  ~DeadlineWheel();
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  /// Calls the entry's hook once after `limit`; an armed entry is moved.
  void Arm(Entry& entry, std::chrono::milliseconds limit);

 private:
  static constexpr std::chrono::milliseconds kTick{25};
  static constexpr std::size_t kSlots =
      1024;  // 25.6 s a turn; longer deadlines are looked at once a turn

  void Insert(Entry& entry);
  void StartTimer();
  void Sweep();
  std::uint64_t TickOf(SteadyTime time) const;

  struct Timer;
  std::unique_ptr<Timer> timer_;
  std::array<internal::Link, kSlots> slots_;  // heads of circular lists
  std::uint64_t swept_ = 0;                   // ticks up to and including this one are done
  std::size_t armed_ = 0;
  bool running_ = false;
};

}  // namespace triage::net
