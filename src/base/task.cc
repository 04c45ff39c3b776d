#include "base/task.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <new>

#include "base/error.h"

namespace triage {

namespace internal {
namespace {

#ifndef __has_feature  // GCC has macros of its own; its sanitizer builds keep frames
#define __has_feature(feature) 0
#endif
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
constexpr bool kKeepFrames = false;
#else
constexpr bool kKeepFrames = true;
#endif

constexpr std::size_t kGrain = 64;
constexpr std::size_t kClasses = 32;  // frames of up to 2 KB; larger ones are rare
constexpr std::uint32_t kKept = 64;   // of each size and thread

struct Unused {
  Unused* next;
};

struct FrameList {
  Unused* first = nullptr;
  std::uint32_t count = 0;
};

constexpr std::size_t ClassOf(std::size_t size) {
  return (size - 1) / kGrain;
}

/// What a thread has kept goes with it.
struct FrameLists {
  std::array<FrameList, kClasses> lists;

  ~FrameLists() {
    for (FrameList& list : lists) {
      while (list.first != nullptr) {
        Unused* next = list.first->next;
        ::operator delete(list.first);
        list.first = next;
      }
      list.count = kKept;  // frames that end later still are not kept
    }
  }
};

thread_local FrameLists frame_lists;

}  // namespace

void* AllocateFrame(std::size_t size) {
  const std::size_t at = ClassOf(size);
  if (kKeepFrames && at < kClasses) {
    FrameList& list = frame_lists.lists[at];
    if (list.first != nullptr) {
      Unused* taken = list.first;
      list.first = taken->next;
      --list.count;
      return taken;
    }
    return ::operator new((at + 1) * kGrain);
  }
  return ::operator new(size);
}

void FreeFrame(void* frame, std::size_t size) noexcept {
  const std::size_t at = ClassOf(size);
  if (kKeepFrames && at < kClasses) {
    FrameList& list = frame_lists.lists[at];
    if (list.count < kKept) {
      list.first = new (frame) Unused{list.first};
      ++list.count;
      return;
    }
  }
  ::operator delete(frame);
}

}  // namespace internal

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
