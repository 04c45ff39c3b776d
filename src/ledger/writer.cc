#include "ledger/writer.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include "ledger/exchange_json.h"

namespace triage::ledger {
namespace {

// How long the idle thread sleeps before it looks whether somebody waits for Flush.
constexpr std::chrono::milliseconds kIdle{100};

// While company is awaited: how often the thread looks whether the batch is full. Sleeping instead
// of waiting on the queue saves every Record a wake-up.
constexpr std::chrono::milliseconds kLook{5};

}  // namespace

Writer::Writer(Store& store, WriterOptions options)
    : store_(store),
      options_(std::move(options)),
      queue_(options_.queue_rows),
      later_(options_.queue_rows),
      thread_([this] { Run(); }) {}

Writer::~Writer() {
  queue_.Close();
  later_.Close();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Writer::Record(Exchange exchange) {
  if (queue_.TryPush(std::move(exchange))) {
    queued_.fetch_add(1, std::memory_order_relaxed);
  } else {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Writer::Record(Feedback feedback, std::function<void(Result<Recorded>)> done) {
  Queue({.what = std::move(feedback), .done = std::move(done)});
}

void Writer::Record(LateAttempt late) {
  Queue({.what = std::move(late), .done = {}});
}

void Writer::Queue(Waiting waiting) {
  if (later_.TryPush(std::move(waiting))) return;
  dropped_.fetch_add(1, std::memory_order_relaxed);
  if (waiting.done) {
    waiting.done(Error{.code = ErrorCode::kUnavailable,
                       .message = "too much feedback is waiting to be written; try again"});
  }
}

bool Writer::Flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++flushes_wanted_;
  changed_.notify_all();
  return changed_.wait_for(lock, limit, [&] { return flushes_done_ >= mine; });
}

WriterStats Writer::stats() const {
  const std::lock_guard lock(mutex_);
  return {.queued = queued_.load(std::memory_order_relaxed),
          .written = written_,
          .recovered = recovered_,
          .dropped = dropped_.load(std::memory_order_relaxed),
          .write_errors = write_errors_,
          .waiting = queue_.size(),
          .failing = failing_,
          .last_error = last_error_};
}

void Writer::Run() {
  for (;;) {
    // Read before the queue is emptied: all that those flushes wait for is then in `rows`.
    std::unique_lock lock(mutex_);
    const std::uint64_t flushes = flushes_wanted_;
    const bool stopping = stopping_;
    lock.unlock();
    // What is about exchanges first, so that these are in `rows` or written already.
    const std::vector<Waiting> later = later_.PopAll(std::chrono::milliseconds(0));
    std::vector<Exchange> rows = NextRows();
    const bool drained = rows.empty() && later.empty() && stopping;
    if (!rows.empty()) Write(std::move(rows));
    for (const Waiting& waiting : later) Write(waiting);
    lock.lock();
    flushes_done_ = flushes;
    lock.unlock();
    changed_.notify_all();
    if (drained) return;
  }
}

std::vector<Exchange> Writer::NextRows() {
  std::vector<Exchange> rows = queue_.PopAll(kIdle);
  if (rows.empty()) return rows;
  const auto until = std::chrono::steady_clock::now() + options_.batch_wait;
  std::unique_lock lock(mutex_);
  while (rows.size() + queue_.size() < options_.batch_rows &&
         std::chrono::steady_clock::now() < until) {
    const auto look = std::min(until, std::chrono::steady_clock::now() + kLook);
    if (changed_.wait_until(lock, look,
                            [&] { return stopping_ || flushes_wanted_ > flushes_done_; }))
      break;
  }
  lock.unlock();
  std::ranges::move(queue_.PopAll(std::chrono::milliseconds(0)), std::back_inserter(rows));
  return rows;
}

void Writer::Write(std::vector<Exchange> rows) {
  std::span<const Exchange> rest(rows);
  while (!rest.empty()) {
    const std::span<const Exchange> batch = rest.first(std::min(rest.size(), options_.batch_rows));
    const Result<void> stored = TryStore(batch);
    if (!stored) {
      // The store has had its chances; trying it again for each further batch would let the queue
      // overflow meanwhile.
      Recover(rest);
      return;
    }
    rest = rest.subspan(batch.size());
  }
}

Result<void> Writer::TryStore(std::span<const Exchange> batch) {
  std::unique_lock lock(mutex_);
  // Known to be failing: one try shows whether it has come back.
  const int retries = failing_ ? 0 : options_.retries;
  lock.unlock();
  std::chrono::milliseconds wait = options_.retry_wait;
  for (int attempt = 0;; ++attempt) {
    Result<void> stored = store_.Append(batch);
    lock.lock();
    if (stored) {
      written_ += batch.size();
      failing_ = false;
      return stored;
    }
    ++write_errors_;
    last_error_ = stored.error().message;
    const bool last = attempt >= retries || stopping_;
    const bool first_sign = !failing_ && attempt == 0;
    if (last) failing_ = true;
    lock.unlock();
    if (first_sign && options_.on_failure) options_.on_failure(stored.error());
    if (last) return stored;
    lock.lock();
    changed_.wait_for(lock, wait, [this] { return stopping_; });
    lock.unlock();
    wait *= 2;
  }
}

void Writer::Write(const Waiting& waiting) {
  const Result<Recorded> recorded =
      std::visit([this](const auto& what) { return store_.Append(what); }, waiting.what);
  if (!recorded) {
    const std::lock_guard lock(mutex_);
    ++write_errors_;
    last_error_ = recorded.error().message;
    if (!waiting.done) dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  if (waiting.done) waiting.done(recorded);
}

void Writer::Recover(std::span<const Exchange> rows) {
  bool kept = false;
  if (!options_.recovery_path.empty()) {
    std::ofstream file(options_.recovery_path, std::ios::app | std::ios::binary);
    for (const Exchange& exchange : rows) file << ExchangeJson(exchange) << '\n';
    file.flush();
    kept = file.good();
  }
  const std::lock_guard lock(mutex_);
  if (kept) {
    recovered_ += rows.size();
  } else {
    dropped_.fetch_add(rows.size(), std::memory_order_relaxed);
    if (!options_.recovery_path.empty()) {
      last_error_ += "; recovery file '" + options_.recovery_path + "' cannot be written either";
    }
  }
}

}  // namespace triage::ledger
