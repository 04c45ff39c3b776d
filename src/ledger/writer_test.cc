#include "ledger/writer.h"

#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ledger/memory/memory_sink.h"
#include "ledger/open.h"
#include "testing/ledger_builders.h"
#include "testing/temp_dir.h"

namespace triage::ledger {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/// A store in memory that fails, or waits, when told to.
class FakeStore : public Store {
 public:
  Result<void> Append(std::span<const Exchange> exchanges) override {
    std::unique_lock lock(mutex_);
    ++calls;
    released_.wait(lock, [this] { return !blocked_; });
    if (failures > 0) {
      --failures;
      return Error{.code = ErrorCode::kIo, .message = "the disk is full"};
    }
    batches.push_back(exchanges.size());
    for (const Exchange& exchange : exchanges) ids.insert(exchange.id);
    return {};
  }

  Result<Recorded> Append(const Feedback& feedback) override {
    const std::lock_guard lock(mutex_);
    if (failures > 0) {
      --failures;
      return Error{.code = ErrorCode::kIo, .message = "the disk is full"};
    }
    return ids.contains(feedback.exchange) ? Recorded::kNew : Recorded::kUnknownExchange;
  }

  Result<Recorded> Append(const LateAttempt& late) override {
    const std::lock_guard lock(mutex_);
    return ids.contains(late.exchange) ? Recorded::kNew : Recorded::kUnknownExchange;
  }

  Result<std::optional<StoredExchange>> FindExchange(const ExchangeId&) override {
    return std::nullopt;
  }

  Result<std::vector<Group>> Aggregate(const TimeRange&, std::span<const Dimension>) override {
    return std::vector<Group>();
  }

  Result<void> Visit(const TimeRange&, const std::function<void(const StoredExchange&)>&) override {
    return {};
  }

  Result<std::vector<ExchangeSummary>> Recent(std::size_t, std::optional<ExchangeId>) override {
    return std::vector<ExchangeSummary>();
  }

  void Block(bool blocked) {
    const std::lock_guard lock(mutex_);
    blocked_ = blocked;
    released_.notify_all();
  }

  // Read by tests when the writer is idle or gone.
  int calls = 0;
  int failures = 0;
  std::vector<std::size_t> batches;
  std::set<ExchangeId> ids;

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  bool blocked_ = false;
};

WriterOptions Quick() {
  WriterOptions options;
  options.retry_wait = milliseconds(1);
  return options;
}

std::vector<nlohmann::json> Lines(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Writer, WritesAllThatFourThreadsRecordToSqlite) {
  const TempDir dir;
  const std::unique_ptr<Store> store = OpenSqlite({.path = dir.File("triage.db")}).value();
  constexpr std::uint64_t kEach = 500;
  {
    Writer writer(*store, Quick());
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&writer, t] {
        for (std::uint64_t i = 0; i < kEach; ++i) writer.Record(TestExchange(t * kEach + i));
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(writer.Flush());
    const WriterStats stats = writer.stats();
    EXPECT_EQ(stats.queued, 4 * kEach);
    EXPECT_EQ(stats.written, 4 * kEach);
    EXPECT_EQ(stats.dropped, 0);
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_FALSE(stats.failing);
  }
  const TimeRange always{TestTime(), TestTime() + std::chrono::hours(100)};
  EXPECT_EQ(store->Aggregate(always, {}).value().at(0).sums.exchanges, 4 * kEach);
  for (std::uint64_t i = 0; i < 4 * kEach; i += 97) {
    EXPECT_TRUE(store->FindExchange(TestExchange(i).id).value().has_value());
  }
}

TEST(Writer, CommitsManyExchangesTogether) {
  FakeStore store;
  {
    Writer writer(store, Quick());
    for (std::uint64_t i = 0; i < 1000; ++i) writer.Record(TestExchange(i));
    ASSERT_TRUE(writer.Flush());
  }
  EXPECT_EQ(store.ids.size(), 1000);
  EXPECT_LT(store.batches.size(), 200);
  for (const std::size_t batch : store.batches) EXPECT_LE(batch, 512);
}

TEST(Writer, LeavesNoTransactionAboveItsRowLimit) {
  FakeStore store;
  WriterOptions options = Quick();
  options.batch_rows = 8;
  store.Block(true);
  {
    Writer writer(store, options);
    for (std::uint64_t i = 0; i < 100; ++i) writer.Record(TestExchange(i));
    store.Block(false);
  }
  EXPECT_EQ(store.ids.size(), 100);
  for (const std::size_t batch : store.batches) EXPECT_LE(batch, 8);
}

TEST(Writer, WritesWithoutBeingAskedWithinItsBound) {
  FakeStore store;
  Writer writer(store, Quick());
  writer.Record(TestExchange(1));
  for (int i = 0; i < 200 && writer.stats().written == 0; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(writer.stats().written, 1);
}

TEST(Writer, WritesWhatIsQueuedBeforeItEnds) {
  FakeStore store;
  {
    Writer writer(store, Quick());
    for (std::uint64_t i = 0; i < 50; ++i) writer.Record(TestExchange(i));
  }
  EXPECT_EQ(store.ids.size(), 50);
}

TEST(Writer, DropsAndCountsWhenItsQueueIsFullAndNeverBlocks) {
  FakeStore store;
  store.Block(true);
  WriterOptions options = Quick();
  options.queue_rows = 10;
  {
    Writer writer(store, options);
    for (std::uint64_t i = 0; i < 1000; ++i) writer.Record(TestExchange(i));
    const WriterStats stats = writer.stats();
    EXPECT_GE(stats.dropped, 900);
    EXPECT_EQ(stats.queued + stats.dropped, 1000);
    EXPECT_FALSE(writer.Flush(milliseconds(5)));
    store.Block(false);
    ASSERT_TRUE(writer.Flush());
    EXPECT_EQ(writer.stats().written, stats.queued);
  }
}

TEST(Writer, RetriesAndLosesNothingWhenTheStoreFailsForAWhile) {
  FakeStore store;
  store.failures = 2;
  std::vector<std::string> log;
  WriterOptions options = Quick();
  options.on_failure = [&log](const Error& error) { log.push_back(error.message); };
  {
    Writer writer(store, options);
    writer.Record(TestExchange(1));
    ASSERT_TRUE(writer.Flush());
    const WriterStats stats = writer.stats();
    EXPECT_EQ(stats.written, 1);
    EXPECT_EQ(stats.write_errors, 2);
    EXPECT_EQ(stats.last_error, "the disk is full");
    EXPECT_FALSE(stats.failing);
  }
  EXPECT_EQ(log, std::vector<std::string>{"the disk is full"});
}

TEST(Writer, AppendsToTheRecoveryFileWhatItCannotWriteAndComesBack) {
  const TempDir dir;
  FakeStore store;
  store.failures = 5;
  WriterOptions options = Quick();
  options.retries = 3;
  options.recovery_path = dir.File("triage.db.recovery.jsonl");
  {
    Writer writer(store, options);
    writer.Record(TestExchange(1));  // four tries
    ASSERT_TRUE(writer.Flush());
    EXPECT_TRUE(writer.stats().failing);
    writer.Record(TestExchange(2));  // known to be failing: one try
    ASSERT_TRUE(writer.Flush());
    EXPECT_EQ(writer.stats().recovered, 2);
    writer.Record(TestExchange(3));  // the store is back
    ASSERT_TRUE(writer.Flush());
    const WriterStats stats = writer.stats();
    EXPECT_EQ(stats.written, 1);
    EXPECT_EQ(stats.dropped, 0);
    EXPECT_EQ(stats.write_errors, 5);
    EXPECT_FALSE(stats.failing);
  }
  const std::vector<nlohmann::json> lines = Lines(options.recovery_path);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0]["id"], TestExchange(1).id.Text());
  EXPECT_EQ(lines[1]["id"], TestExchange(2).id.Text());
  EXPECT_TRUE(store.ids.contains(TestExchange(3).id));
}

TEST(Writer, CountsAsDroppedWhatNeitherStoreNorRecoveryFileTakes) {
  const TempDir dir;
  FakeStore store;
  store.failures = 100;
  WriterOptions options = Quick();
  options.recovery_path = dir.File("missing/recovery.jsonl");
  Writer writer(store, options);
  writer.Record(TestExchange(1));
  ASSERT_TRUE(writer.Flush());
  EXPECT_EQ(writer.stats().dropped, 1);
  EXPECT_EQ(writer.stats().recovered, 0);
  EXPECT_THAT(writer.stats().last_error, HasSubstr("cannot be written either"));
}

TEST(Writer, WritesFeedbackBehindTheExchangeItIsFor) {
  FakeStore store;
  std::vector<Result<Recorded>> answers;
  {
    Writer writer(store, Quick());
    for (std::uint64_t i = 0; i < 50; ++i) {
      writer.Record(TestExchange(i));
      writer.Record(Feedback{.exchange = TestExchange(i).id},
                    [&answers](Result<Recorded> recorded) { answers.push_back(recorded); });
    }
    writer.Record(Feedback{.exchange = TestExchange(99).id},
                  [&answers](Result<Recorded> recorded) { answers.push_back(recorded); });
  }
  ASSERT_EQ(answers.size(), 51);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(answers[i].value(), Recorded::kNew);
  EXPECT_EQ(answers[50].value(), Recorded::kUnknownExchange);
}

TEST(Writer, TellsWhoeverGaveFeedbackThatItCouldNotBeWritten) {
  FakeStore store;
  store.failures = 2;
  std::optional<Result<Recorded>> answer;
  Writer writer(store, Quick());
  writer.Record(Feedback{}, [&answer](Result<Recorded> recorded) { answer = recorded; });
  writer.Record(Feedback{}, nullptr);
  ASSERT_TRUE(writer.Flush());
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kIo);
  EXPECT_EQ(writer.stats().dropped, 1);
}

TEST(MemorySink, KeepsWhatItIsGivenInOrder) {
  MemorySink sink;
  sink.Record(TestExchange(2));
  sink.Record(TestExchange(1));
  ASSERT_EQ(sink.exchanges().size(), 2);
  EXPECT_EQ(sink.exchanges()[0].id, TestExchange(2).id);
}

}  // namespace
}  // namespace triage::ledger
