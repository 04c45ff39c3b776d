#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace triage {

template <class T = void>
class Task;

namespace internal {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().continuation;
  }

  void await_resume() const noexcept {}
};

/// Memory for coroutine frames: each thread keeps a few of every size for its next ones, because an
/// exchange makes and drops some twenty of them. Plain allocation under sanitizers, which must see
/// the use of a dead frame.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* frame, std::size_t size) noexcept;

struct PromiseBase {
  static void* operator new(std::size_t size) { return AllocateFrame(size); }

  static void operator delete(void* frame, std::size_t size) noexcept { FreeFrame(frame, size); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;

  std::suspend_always initial_suspend() const noexcept { return {}; }

  FinalAwaiter final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;

  Task<T> get_return_object() noexcept;

  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }

  T Take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;

  void return_void() const noexcept {}

  void Take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace internal

/// A lazily started coroutine that is owned by whoever awaits it and runs on one thread. Nested
/// awaits transfer symmetrically, so a level costs a frame and a jump (docs/adr/0002-task.md says
/// why not asio::awaitable). Destroying a Task destroys its frame, and with it every local:
/// cancellation is done by ending the awaited I/O, not by destroying a running Task.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }

  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }

  T await_resume() { return handle_.promise().Take(); }

 private:
  friend promise_type;

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

namespace internal {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace internal

/// Owns coroutines that nobody awaits. Same thread for all calls. The owner must keep the group
/// alive until `active()` is 0: it ends the I/O that its tasks wait for, then runs the loop until
/// they are done.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `task` now. An exception that escapes it is reported on stderr and ends only that task.
  void Spawn(Task<void> task);

  int active() const { return active_; }

 private:
  struct Root;
  static Root Run(TaskGroup& group, Task<void> task);

  int active_ = 0;
};

}  // namespace triage
