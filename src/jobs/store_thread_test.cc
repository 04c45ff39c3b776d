#include "jobs/store_thread.h"

#include <future>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/open.h"
#include "testing/temp_dir.h"

namespace triage::jobs {
namespace {

StoredResponse Made(std::string id) {
  return {.id = std::move(id),
          .owner = "alice",
          .created = SystemClock().WallNow(),
          .input_items = "[]",
          .response = "{}"};
}

class StoreThreadTest : public testing::Test {
 protected:
  std::unique_ptr<StoreThread> Start(StoreThreadOptions options = {},
                                     std::chrono::seconds ttl = std::chrono::hours(24)) {
    Result<std::unique_ptr<ResponseStore>> store =
        OpenResponseStore({.path = dir_.File("responses.db"), .ttl = ttl}, SystemClock());
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::make_unique<StoreThread>(*std::move(store), std::move(options));
  }

  TempDir dir_;
};

TEST_F(StoreThreadTest, ServesManyThreadsAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  std::latch answered(kThreads * kEach);
  std::atomic<int> found{0};
  const auto thread = Start();
  std::vector<std::thread> clients;
  for (int client = 0; client < kThreads; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = "resp_" + std::to_string(client) + "_" + std::to_string(i);
        EXPECT_TRUE(thread->Post(
            [id](ResponseStore& store) { EXPECT_TRUE(store.Put(Made(id)).has_value()); }));
        EXPECT_TRUE(thread->Post([&, id](ResponseStore& store) {
          if (store.Find(id, "alice").value()) ++found;  // in the order of posting
          answered.count_down();
        }));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  answered.wait();
  EXPECT_EQ(found, kThreads * kEach);
}

TEST_F(StoreThreadTest, RunsWhatIsQueuedBeforeItEnds) {
  Start().reset();
  {
    const auto thread = Start();
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(thread->Post([i](ResponseStore& store) {
        EXPECT_TRUE(store.Put(Made("resp_" + std::to_string(i))).has_value());
      }));
    }
  }
  std::promise<bool> there;
  const auto thread = Start();
  EXPECT_TRUE(thread->Post([&](ResponseStore& store) {
    there.set_value(store.Find("resp_19", "alice").value().has_value());
  }));
  EXPECT_TRUE(there.get_future().get());
}

TEST_F(StoreThreadTest, RefusesInsteadOfWaitingWhenTooMuchIsQueued) {
  std::promise<void> started;
  std::promise<void> go;
  const auto thread = Start({.queue_jobs = 2, .queue_bytes = 100});
  EXPECT_TRUE(thread->Post(
      [&](ResponseStore&) {
        started.set_value();
        go.get_future().wait();
      },
      1));
  started.get_future().wait();
  const auto nothing = [](ResponseStore&) {};
  EXPECT_FALSE(thread->Post(nothing, 100));  // too many bytes beside the one that runs
  EXPECT_TRUE(thread->Post(nothing, 99));
  EXPECT_TRUE(thread->Post(nothing));
  EXPECT_FALSE(thread->Post(nothing));  // too many jobs
  EXPECT_EQ(thread->stats().refused, 2U);
  go.set_value();
}

TEST_F(StoreThreadTest, TakesOneJobOfAnySizeWhenNothingWaits) {
  std::promise<void> ran;
  const auto thread = Start({.queue_bytes = 100});
  EXPECT_TRUE(thread->Post([&](ResponseStore&) { ran.set_value(); }, 1000));
  ran.get_future().wait();
}

TEST_F(StoreThreadTest, RemovesWhatIsPastItsTime) {
  {
    const auto thread = Start();
    StoredResponse old = Made("resp_1");
    old.created -= std::chrono::hours(25);
    EXPECT_TRUE(thread->Post([old](ResponseStore& store) { ASSERT_TRUE(store.Put(old)); }));
  }
  std::promise<void> ran;  // behind the first expiry
  const auto thread = Start();
  EXPECT_TRUE(thread->Post([&](ResponseStore&) { ran.set_value(); }));
  ran.get_future().wait();
  EXPECT_EQ(thread->stats().expired, 1U);
}

}  // namespace
}  // namespace triage::jobs
