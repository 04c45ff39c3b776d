#include "jobs/store_thread.h"

#include <utility>
#include <vector>

namespace triage::jobs {

StoreThread::StoreThread(std::unique_ptr<ResponseStore> store, StoreThreadOptions options)
    : store_(std::move(store)),
      options_(std::move(options)),
      queue_(options_.queue_jobs),
      thread_([this] { Run(); }) {}

StoreThread::~StoreThread() {
  queue_.Close();
  thread_.join();
}

bool StoreThread::Post(Job job, std::int64_t bytes) {
  // Counted before it is queued: the thread may be done with it before TryPush returns.
  const std::int64_t before = queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  // One job may be larger than the bound when nothing else waits.
  const bool fits = before == 0 || before + bytes <= options_.queue_bytes;
  if (fits && queue_.TryPush({.job = std::move(job), .bytes = bytes})) return true;
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

StoreThreadStats StoreThread::stats() const {
  return {.done = done_.load(std::memory_order_relaxed),
          .refused = refused_.load(std::memory_order_relaxed),
          .expired = expired_.load(std::memory_order_relaxed),
          .waiting = queue_.size()};
}

void StoreThread::Run() {
  auto expire_at = std::chrono::steady_clock::now();
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= expire_at) {
      Expire();
      expire_at = now + options_.expire_every;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(expire_at - now);
    const bool closed = queue_.closed();  // before the queue is emptied for the last time
    std::vector<Queued> jobs = queue_.PopAll(left);
    if (jobs.empty() && closed) return;
    for (Queued& each : jobs) {
      each.job(*store_);
      each.job = nullptr;  // what it holds is freed before it is no longer counted
      queued_bytes_.fetch_sub(each.bytes, std::memory_order_relaxed);
      done_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void StoreThread::Expire() {
  const Result<std::size_t> expired = store_->Expire();
  if (expired) {
    expired_.fetch_add(*expired, std::memory_order_relaxed);
  } else if (options_.on_failure) {
    options_.on_failure(expired.error());
  }
}

}  // namespace triage::jobs
