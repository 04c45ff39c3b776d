#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "jobs/response_store.h"

namespace triage::jobs {

struct StoreThreadOptions {
  std::size_t queue_jobs = 1024;                       ///< that wait; more are refused
  std::int64_t queue_bytes = std::int64_t{256} << 20;  ///< that waiting jobs hold
  std::chrono::milliseconds expire_every = std::chrono::minutes(1);
  /// Called on the thread when expiring has failed. For the log.
  std::function<void(const Error&)> on_failure = {};
};

struct StoreThreadStats {
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  std::uint64_t expired = 0;
  std::size_t waiting = 0;
};

/// The one thread that uses a store, so that no I/O thread waits for disk. A coroutine on a loop
/// asks it like this: the awaiter's await_suspend posts a job that calls the store, keeps the
/// result and has the loop resume the coroutine (as app's reload does with its control thread);
/// when Post refuses, await_suspend returns false and the result is kUnavailable.
class StoreThread {
 public:
  /// Runs on the thread. Must not throw.
  using Job = std::function<void(ResponseStore&)>;

  StoreThread(std::unique_ptr<ResponseStore> store, StoreThreadOptions options);
  /// Runs what is queued, then ends the thread.
  ~StoreThread();

  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  /// Queues a job that holds about `bytes` of text. Jobs run in the order of their posting. Never
  /// waits: false, and the job will not run, when too much is queued or the thread is ending. Safe
  /// from any thread.
  [[nodiscard]] bool Post(Job job, std::int64_t bytes = 0);

  StoreThreadStats stats() const;

 private:
  struct Queued {
    Job job;
    std::int64_t bytes = 0;
  };

  void Run();
  void Expire();

  const std::unique_ptr<ResponseStore> store_;  // on thread_ only
  const StoreThreadOptions options_;
  BoundedQueue<Queued> queue_;
  std::atomic<std::int64_t> queued_bytes_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> expired_{0};

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace triage::jobs
