#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"

namespace triage::admit {

/// Who may wait: interactive exchanges go before bulk ones, and bulk is shed first.
enum class Priority : std::uint8_t { kInteractive, kBulk };

inline constexpr std::size_t kPriorities = 2;

std::string_view Name(Priority priority);

struct GateOptions {
  std::size_t concurrency = 0;               ///< exchanges at the same time; 0 = no bound
  std::size_t queue = 0;                     ///< of both priorities together
  double reserve = 0.1;                      ///< share of `concurrency` that bulk leaves free
  std::chrono::milliseconds max_wait{0};     ///< of an interactive exchange
  std::chrono::milliseconds bulk_wait{0};    ///< of a bulk one
  std::chrono::milliseconds target_wait{0};  ///< of interactive ones while their line stands

  bool operator==(const GateOptions&) const = default;
};

/// Why an exchange was turned away.
enum class Refusal : std::uint8_t {
  kNone,
  kQueueFull,
  kOverload,      ///< its line or the interactive one stands, and this is bulk
  kExpectedWait,  ///< its turn would come later than it may wait
  kTimeout,       ///< it has waited as long as it may
  kEvicted,       ///< bulk that gave its place to an interactive exchange
  kClientLimit,   ///< its client has too many already
};

inline constexpr std::size_t kRefusals = 7;

std::string_view Name(Refusal refusal);

/// One I/O thread's bound on exchanges, with a queue in front of it. All calls from that thread,
/// the readings at the end excepted; nothing waits in here, and nothing is shared between threads.
///
/// The queue has a line for each priority. A burst may wait its longest wait. A line that has not
/// been empty for that long stands: more comes than goes, and waiting would only make all answers
/// late. From then on, until it is empty once, interactive exchanges wait `target_wait` at most and
/// bulk is turned away (the controlled delay of Maurer, "Fail at Scale",
/// ACM Queue 13(8), 2015, after CoDel). How fast the queue moves is measured, so that nobody is let
/// wait in vain.
class Gate {
 public:
  explicit Gate(const Clock& clock) : clock_(clock) {}

  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Exchanges that are in stay in.
  void Configure(const GateOptions& options);

  const GateOptions& options() const { return options_; }

  /// A place in the queue. Stays where it was made; the gate outlives it. One that is destroyed
  /// leaves the queue, or gives back the slot that it was given.
  class Waiter {
   public:
    Waiter() = default;
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Cancelled when there is something to learn from Finish.
    CancelScope& wake() { return wake_; }

    /// When it may wait no longer.
    SteadyTime until() const { return until_; }

   private:
    friend class Gate;
    enum class State : std::uint8_t { kNew, kQueued, kGranted, kEvicted, kDone };

    CancelScope wake_;
    Gate* gate_ = nullptr;
    std::list<Waiter*>::iterator place_;
    SteadyTime since_;
    SteadyTime until_;
    Priority priority_ = Priority::kInteractive;
    State state_ = State::kNew;
  };

  /// Takes a slot when one is free and nobody is before it. The usual case: a few instructions.
  bool TryEnter(Priority priority) {
    const std::size_t used = in_use();
    const bool first = waiting(Priority::kInteractive) == 0 &&
                       (priority == Priority::kInteractive || waiting(Priority::kBulk) == 0);
    if (!first || used >= Limit(priority)) return false;
    in_use_.store(used + 1, std::memory_order_relaxed);
    return true;
  }

  /// Takes a place in the queue (kNone), or says why there is none. `deadline`: the exchange's own;
  /// max = none.
  Refusal Queue(Priority priority, SteadyTime deadline, Waiter& waiter);

  /// After Queue, when the waiter was woken, its time is up, or its client has gone: it leaves the
  /// queue. kNone = it has a slot.
  Refusal Finish(Waiter& waiter);

  /// How long a waiter that has finished was in the queue.
  std::chrono::nanoseconds Waited(const Waiter& waiter) const {
    return clock_.Now() - waiter.since_;
  }

  /// Gives a slot back.
  void Leave();

  /// When trying again may help: about when those who wait now will be in.
  std::chrono::milliseconds RetryAfter() const;

  // From any thread:
  std::size_t in_use() const { return in_use_.load(std::memory_order_relaxed); }

  std::size_t waiting(Priority priority) const {
    return waiting_[static_cast<std::size_t>(priority)].load(std::memory_order_relaxed);
  }

  /// Whether that line stands.
  bool standing(Priority priority) const;

 private:
  using Line = std::list<Waiter*>;

  Line& LineOf(Priority priority) { return lines_[static_cast<std::size_t>(priority)]; }

  std::size_t Limit(Priority priority) const {
    return priority == Priority::kBulk ? bulk_limit_ : limit_;
  }

  std::size_t AllWaiting() const {
    return waiting(Priority::kInteractive) + waiting(Priority::kBulk);
  }

  std::chrono::milliseconds LongestWait(Priority priority) const {
    return priority == Priority::kBulk ? options_.bulk_wait : options_.max_wait;
  }

  void StandsFrom(Priority priority, SteadyTime from) {
    standing_from_[static_cast<std::size_t>(priority)].store(from.time_since_epoch().count(),
                                                             std::memory_order_relaxed);
  }

  void Remove(Waiter& waiter);
  void Grant();
  std::optional<std::chrono::nanoseconds> ExpectedWait(Priority priority) const;

  const Clock& clock_;
  GateOptions options_;
  std::size_t limit_ = SIZE_MAX;
  std::size_t bulk_limit_ = SIZE_MAX;
  std::array<Line, kPriorities> lines_;
  SteadyTime granted_at_{};
  std::chrono::nanoseconds per_grant_{0};  // moving average while somebody waits
  int grants_ = 0;                         // since the queue was last empty
  std::atomic<std::size_t> in_use_{0};     // written by the one thread
  std::array<std::atomic<std::size_t>, kPriorities> waiting_{};
  static constexpr SteadyTime::rep kNever = SteadyTime::max().time_since_epoch().count();
  std::array<std::atomic<SteadyTime::rep>, kPriorities> standing_from_{kNever, kNever};
};

}  // namespace triage::admit
