#include "base/task.h"

#include <cstdio>

#include "base/error.h"

namespace triage {

/// The frame at the bottom of a spawned task: starts at once and frees itself.
struct TaskGroup::Root {
  struct promise_type {
    Root get_return_object() const noexcept { return {}; }

    std::suspend_never initial_suspend() const noexcept { return {}; }

    std::suspend_never final_suspend() const noexcept { return {}; }

    void return_void() const noexcept {}

    void unhandled_exception() const noexcept {}
  };
};

TaskGroup::~TaskGroup() {
  TRIAGE_CHECK(active_ == 0);
}

TaskGroup::Root TaskGroup::Run(TaskGroup& group, Task<void> task) {
  try {
    co_await task;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "triage: a task ended with an exception: %s\n", error.what());
  }
  // The frame of the task goes before the count, so that a drained group has no live locals.
  {
    Task<void> ended = std::move(task);
  }
  --group.active_;
}

void TaskGroup::Spawn(Task<void> task) {
  ++active_;
  Run(*this, std::move(task));
}

}  // namespace triage
