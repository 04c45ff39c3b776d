#include "admit/gate.h"

#include <deque>
#include <memory>

#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace triage::admit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using enum Priority;

GateOptions Small() {
  return {.concurrency = 2,
          .queue = 3,
          .reserve = 0,
          .max_wait = seconds(10),
          .bulk_wait = seconds(60),
          .target_wait = milliseconds(500)};
}

class GateTest : public ::testing::Test {
 protected:
  explicit GateTest(const GateOptions& options = Small()) { gate_.Configure(options); }

  void Fill(Priority priority = kInteractive) {
    while (gate_.TryEnter(priority)) {
    }
  }

  /// A waiter that has taken its place.
  std::unique_ptr<Gate::Waiter> Wait(Priority priority = kInteractive) {
    auto waiter = std::make_unique<Gate::Waiter>();
    EXPECT_EQ(gate_.Queue(priority, SteadyTime::max(), *waiter), Refusal::kNone);
    return waiter;
  }

  Refusal Try(Priority priority, SteadyTime deadline = SteadyTime::max()) {
    Gate::Waiter waiter;
    return gate_.Queue(priority, deadline, waiter);
  }

  triage::testing::FakeClock clock_;
  Gate gate_{clock_};
};

TEST_F(GateTest, LetsInWhatFitsAndTakesSlotsBack) {
  EXPECT_TRUE(gate_.TryEnter(kInteractive));
  EXPECT_TRUE(gate_.TryEnter(kBulk));
  EXPECT_FALSE(gate_.TryEnter(kInteractive));
  EXPECT_EQ(gate_.in_use(), 2U);
  gate_.Leave();
  EXPECT_TRUE(gate_.TryEnter(kBulk));
}

TEST_F(GateTest, HasNoBoundUnlessOneIsConfigured) {
  Gate gate(clock_);
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(gate.TryEnter(kBulk));
  gate.Configure({.concurrency = 0});
  EXPECT_TRUE(gate.TryEnter(kInteractive));
}

TEST_F(GateTest, GivesAFreedSlotToWhoeverWaitsLongest) {
  Fill();
  const auto first = Wait();
  const auto second = Wait();
  EXPECT_EQ(gate_.waiting(kInteractive), 2U);
  gate_.Leave();
  EXPECT_TRUE(first->wake().cancelled());
  EXPECT_FALSE(second->wake().cancelled());
  EXPECT_EQ(gate_.Finish(*first), Refusal::kNone);
  EXPECT_EQ(gate_.in_use(), 2U);
  EXPECT_EQ(gate_.waiting(kInteractive), 1U);
}

TEST_F(GateTest, LetsNobodyOvertakeWhoWaits) {
  Fill();
  const auto waiter = Wait();
  gate_.Leave();  // the slot is the waiter's, although it has not run yet
  EXPECT_FALSE(gate_.TryEnter(kInteractive));
}

TEST_F(GateTest, LetsInteractiveOnesGoBeforeBulk) {
  Fill();
  const auto bulk = Wait(kBulk);
  const auto interactive = Wait(kInteractive);
  gate_.Leave();
  EXPECT_TRUE(interactive->wake().cancelled());
  EXPECT_FALSE(bulk->wake().cancelled());
  gate_.Leave();
  EXPECT_TRUE(bulk->wake().cancelled());
}

TEST_F(GateTest, KeepsSlotsFreeOfBulk) {
  GateOptions options = Small();
  options.concurrency = 10;
  options.reserve = 0.25;
  gate_.Configure(options);
  Fill(kBulk);
  EXPECT_EQ(gate_.in_use(), 7U);
  const auto bulk = Wait(kBulk);
  EXPECT_TRUE(gate_.TryEnter(kInteractive));  // past the bulk that waits for other slots
  gate_.Leave();
  EXPECT_FALSE(bulk->wake().cancelled());
  gate_.Leave();
  EXPECT_TRUE(bulk->wake().cancelled());
}

TEST_F(GateTest, LeavesBulkOneSlotWhateverIsReserved) {
  GateOptions options = Small();
  options.reserve = 0.9;
  gate_.Configure(options);
  EXPECT_TRUE(gate_.TryEnter(kBulk));
  EXPECT_FALSE(gate_.TryEnter(kBulk));
}

TEST_F(GateTest, TurnsAwayWhenTheQueueIsFull) {
  Fill();
  const auto a = Wait();
  const auto b = Wait();
  const auto c = Wait();
  EXPECT_EQ(Try(kInteractive), Refusal::kQueueFull);
  EXPECT_EQ(Try(kBulk), Refusal::kQueueFull);
}

TEST_F(GateTest, ShedsTheNewestBulkForAnInteractiveOne) {
  Fill();
  const auto old_bulk = Wait(kBulk);
  const auto new_bulk = Wait(kBulk);
  const auto first = Wait();
  const auto second = Wait();
  EXPECT_TRUE(new_bulk->wake().cancelled());
  EXPECT_EQ(gate_.Finish(*new_bulk), Refusal::kEvicted);
  EXPECT_FALSE(old_bulk->wake().cancelled());
  EXPECT_EQ(gate_.waiting(kBulk), 1U);
  EXPECT_EQ(gate_.waiting(kInteractive), 2U);
}

TEST_F(GateTest, TellsHowLongEachMayWait) {
  Fill();
  EXPECT_EQ(Wait(kInteractive)->until(), clock_.Now() + seconds(10));
  EXPECT_EQ(Wait(kBulk)->until(), clock_.Now() + seconds(60));
  Gate::Waiter hurried;
  EXPECT_EQ(gate_.Queue(kInteractive, clock_.Now() + seconds(1), hurried), Refusal::kNone);
  EXPECT_EQ(hurried.until(), clock_.Now() + seconds(1));
  EXPECT_EQ(Try(kInteractive, clock_.Now()), Refusal::kExpectedWait);
}

TEST_F(GateTest, EndsAWaitThatTookTooLong) {
  Fill();
  const auto waiter = Wait();
  EXPECT_EQ(gate_.Finish(*waiter), Refusal::kTimeout);
  EXPECT_EQ(gate_.waiting(kInteractive), 0U);
  gate_.Leave();
  EXPECT_EQ(gate_.in_use(), 1U);
}

TEST_F(GateTest, TakesBackWhatADestroyedWaiterHad) {
  Fill();
  auto queued = Wait();
  auto granted = Wait();
  queued.reset();
  EXPECT_EQ(gate_.waiting(kInteractive), 1U);
  gate_.Leave();
  EXPECT_TRUE(granted->wake().cancelled());
  granted.reset();
  EXPECT_EQ(gate_.in_use(), 1U);
}

TEST_F(GateTest, StandsAfterTheQueueWasNeverEmptyForTheLongestWait) {
  Fill();
  auto waiter = Wait();
  clock_.Advance(seconds(9));
  EXPECT_FALSE(gate_.standing(kInteractive));
  const auto next = Wait();
  waiter.reset();
  clock_.Advance(seconds(1));
  EXPECT_TRUE(gate_.standing(kInteractive));
  EXPECT_EQ(Try(kBulk), Refusal::kOverload);
  EXPECT_EQ(Wait()->until(), clock_.Now() + milliseconds(500));
}

TEST_F(GateTest, StandsNoLongerOnceTheQueueIsEmpty) {
  Fill();
  auto waiter = Wait();
  clock_.Advance(seconds(30));
  EXPECT_TRUE(gate_.standing(kInteractive));
  waiter.reset();
  EXPECT_FALSE(gate_.standing(kInteractive));
}

TEST_F(GateTest, LetsBulkWaitLongWithoutCallingThatOverloadOfInteractiveOnes) {
  Fill();
  const auto bulk = Wait(kBulk);
  clock_.Advance(seconds(59));
  EXPECT_FALSE(gate_.standing(kBulk));
  const auto next = Wait(kBulk);
  clock_.Advance(seconds(1));
  EXPECT_TRUE(gate_.standing(kBulk));
  EXPECT_FALSE(gate_.standing(kInteractive));
  EXPECT_EQ(Try(kBulk), Refusal::kOverload);
  EXPECT_EQ(Wait()->until(), clock_.Now() + seconds(10));
}

TEST_F(GateTest, LetsNobodyWaitInVain) {
  GateOptions options = Small();
  options.queue = 1'000;
  gate_.Configure(options);
  Fill();
  std::deque<std::unique_ptr<Gate::Waiter>> queue;
  for (int i = 0; i < 30; ++i) queue.push_back(Wait());
  for (int i = 0; i < 10; ++i) {  // one slot a second
    clock_.Advance(seconds(1));
    gate_.Leave();
    ASSERT_EQ(gate_.Finish(*queue.front()), Refusal::kNone);
    queue.pop_front();
  }
  // Twenty are before it, so its turn comes in 21 seconds.
  EXPECT_EQ(Try(kInteractive), Refusal::kExpectedWait);
  EXPECT_NEAR(static_cast<double>(gate_.RetryAfter().count()), 21'000, 2'500);
}

TEST_F(GateTest, NamesASecondToComeBackWhenNothingIsKnown) {
  EXPECT_EQ(gate_.RetryAfter(), seconds(1));
}

TEST_F(GateTest, LetsWaitersInWhenTheBoundIsRaised) {
  Fill();
  const auto waiter = Wait();
  GateOptions options = Small();
  options.concurrency = 3;
  gate_.Configure(options);
  EXPECT_TRUE(waiter->wake().cancelled());
  EXPECT_EQ(gate_.Finish(*waiter), Refusal::kNone);
  options.concurrency = 1;  // what is in stays in
  gate_.Configure(options);
  EXPECT_EQ(gate_.in_use(), 3U);
  EXPECT_FALSE(gate_.TryEnter(kInteractive));
}

/// Twice as much comes as can be served, for an hour.
TEST_F(GateTest, KeepsWaitsShortUnderOverloadThatLasts) {
  GateOptions options = Small();
  options.concurrency = 10;
  options.queue = 1'000;
  gate_.Configure(options);

  struct Waiting {
    std::unique_ptr<Gate::Waiter> waiter;
    SteadyTime since;
  };

  std::deque<Waiting> queue;
  std::deque<SteadyTime> ends;
  int served = 0;
  milliseconds longest_at_the_end{0};
  const SteadyTime start = clock_.Now();
  constexpr milliseconds kService{1'000};
  for (int step = 0; step < 3'600 * 20; ++step) {  // one arrives each 50 ms, ten end each second
    clock_.Advance(milliseconds(50));
    while (!ends.empty() && ends.front() <= clock_.Now()) {
      ends.pop_front();
      gate_.Leave();
    }
    for (auto at = queue.begin(); at != queue.end();) {
      if (!at->waiter->wake().cancelled() && at->waiter->until() > clock_.Now()) {
        ++at;
        continue;
      }
      if (gate_.Finish(*at->waiter) == Refusal::kNone) {
        ++served;
        ends.push_back(clock_.Now() + kService);
        const auto waited = std::chrono::duration_cast<milliseconds>(clock_.Now() - at->since);
        if (clock_.Now() - start > std::chrono::minutes(5))
          longest_at_the_end = std::max(longest_at_the_end, waited);
      }
      at = queue.erase(at);
    }
    if (gate_.TryEnter(kInteractive)) {
      ++served;
      ends.push_back(clock_.Now() + kService);
      continue;
    }
    auto waiter = std::make_unique<Gate::Waiter>();
    if (gate_.Queue(kInteractive, SteadyTime::max(), *waiter) == Refusal::kNone)
      queue.push_back({std::move(waiter), clock_.Now()});
  }
  EXPECT_GT(served, 3'600 * 10 * 95 / 100);  // hardly a slot was idle
  EXPECT_LE(longest_at_the_end, milliseconds(600));
}

}  // namespace
}  // namespace triage::admit
