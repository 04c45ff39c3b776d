#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "ledger/record.h"
#include "ledger/store.h"

namespace triage::ledger {

struct WriterOptions {
  std::size_t queue_rows = 16384;  ///< exchanges waiting for disk; more are dropped and counted
  std::size_t batch_rows = 512;    ///< most exchanges of one transaction
  /// How long the first exchange of a batch waits for company. With the commit itself well under
  /// the bound of 50 ms within which a finished exchange is to be safe from a crash.
  std::chrono::milliseconds batch_wait{20};
  int retries = 3;  ///< of a batch that could not be written, before it goes to the recovery file
  std::chrono::milliseconds retry_wait{
      50};                    ///< before the first retry, doubled for each further one
  std::string recovery_path;  ///< JSON lines; empty = rows that cannot be written are dropped
  /// Called on the writer's thread when writing begins to fail. For the log.
  std::function<void(const Error&)> on_failure;
};

struct WriterStats {
  std::uint64_t queued = 0;     ///< taken by Record
  std::uint64_t written = 0;    ///< committed to the store
  std::uint64_t recovered = 0;  ///< appended to the recovery file instead
  std::uint64_t dropped =
      0;  ///< lost: the queue was full, or the recovery file could not be written either
  std::uint64_t write_errors = 0;
  std::size_t waiting = 0;  ///< in the queue now
  bool failing = false;     ///< the last batch could not be written to the store
  std::string last_error;   ///< empty = none so far
};

/// Writes exchanges to a store from one background thread, many to a transaction. When the store
/// fails (disk full, locked, damaged) it goes on taking exchanges, retries, and appends what it
/// cannot write to the recovery file; the next batch tries the store again.
class Writer : public Sink {
 public:
  /// `store` outlives the writer.
  Writer(Store& store, WriterOptions options);
  /// Writes what is queued, then ends the thread.
  ~Writer() override;

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Moves `exchange` into the queue; all else happens on the writer's thread. Safe from any
  /// thread.
  void Record(Exchange exchange) override;

  /// Tried once: whoever waits for `done` may try again; else what cannot be written is dropped and
  /// counted.
  void Record(Feedback feedback, std::function<void(Result<Recorded>)> done) override;

  void Record(LateAttempt late) override;

  /// Waits until all that was recorded before is in the store or the recovery file; false when
  /// `limit` passed first.
  bool Flush(std::chrono::milliseconds limit = std::chrono::seconds(10));

  WriterStats stats() const;

 private:
  void Run();
  std::vector<Exchange> NextRows();
  void Write(std::vector<Exchange> rows);
  Result<void> TryStore(std::span<const Exchange> batch);
  void Recover(std::span<const Exchange> rows);

  /// What is about an exchange that was recorded before it.
  struct Waiting {
    std::variant<Feedback, LateAttempt> what;
    std::function<void(Result<Recorded>)> done;
  };

  void Queue(Waiting waiting);

  void Write(const Waiting& waiting);

  Store& store_;
  const WriterOptions options_;
  BoundedQueue<Exchange> queue_;
  BoundedQueue<Waiting> later_;
  std::atomic<std::uint64_t> queued_{0};
  std::atomic<std::uint64_t> dropped_{0};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;
  bool stopping_ = false;
  std::uint64_t written_ = 0;
  std::uint64_t recovered_ = 0;
  std::uint64_t write_errors_ = 0;
  bool failing_ = false;
  std::string last_error_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace triage::ledger
