#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/task.h"

namespace boost::asio {
class io_context;
}

namespace triage::net {

class DeadlineWheel;

/// One thread's event loop: everything that belongs to it is used only from the thread that runs
/// it, `Post` excepted.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until Stop.
  void Run();
  /// Runs handlers until `done` says true; for tests and short commands.
  void RunUntil(const std::function<bool()>& done);
  /// From any thread.
  void Stop();
  /// From any thread: runs `function` on the loop's thread.
  void Post(std::function<void()> function);
  /// Runs `function` once after `delay`, unless the loop ends first.
  void After(std::chrono::milliseconds delay, std::function<void()> function);

  /// Waits at least `duration` (a steady timer, microsecond resolution); returns early when
  /// `cancel` (may be null) is cancelled.
  Task<void> Sleep(std::chrono::microseconds duration, CancelScope* cancel);

  boost::asio::io_context& context() { return *context_; }

  DeadlineWheel& wheel() { return *wheel_; }

 private:
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<DeadlineWheel> wheel_;
};

}  // namespace triage::net
