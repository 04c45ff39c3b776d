#include "dispatch/breaker.h"

#include <gtest/gtest.h>

namespace triage::dispatch {
namespace {

using namespace std::chrono_literals;
using Permit = Breaker::Permit;
using State = Breaker::State;

constexpr double kMiddle = 0.5;  // no jitter

class BreakerTest : public ::testing::Test {
 protected:
  Permit Ask(double chance = kMiddle) { return breaker_.Ask(now_, chance); }

  void Fail(std::optional<std::chrono::milliseconds> wait = {}) {
    breaker_.Failed(Ask(), now_, wait, kMiddle);
  }

  void Succeed(bool slow = false) { breaker_.Succeeded(Ask(), now_, slow, kMiddle); }

  State state() const { return breaker_.state(now_); }

  Breaker breaker_;
  SteadyTime now_ = SteadyTime{} + 1h;
};

TEST_F(BreakerTest, OpensAfterThreeFailuresInARowWhenTrafficIsLow) {
  Fail();
  Fail();
  EXPECT_EQ(state(), State::kClosed);
  Succeed();
  Fail();
  Fail();
  EXPECT_EQ(state(), State::kClosed);
  Fail();
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(Ask(), Permit::kNo);
  EXPECT_EQ(breaker_.open_until(), now_ + 15s);
}

TEST_F(BreakerTest, NeedsFiveInARowOrHalfOfAllWhenTrafficIsHigh) {
  for (int i = 0; i < 30; ++i) Succeed();
  for (int i = 0; i < 4; ++i) Fail();
  EXPECT_EQ(state(), State::kClosed);
  Fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(BreakerTest, OpensAtHalfOfTheAttemptsOfTenSeconds) {
  for (int i = 0; i < 19; ++i) i % 2 == 0 ? Succeed() : Fail();
  EXPECT_EQ(state(), State::kClosed);  // 9 of 19
  Fail();
  EXPECT_EQ(state(), State::kOpen);  // 10 of 20
}

TEST_F(BreakerTest, ForgetsFailuresOfMoreThanTenSecondsAgo) {
  for (int i = 0; i < 18; ++i) i % 2 == 0 ? Succeed() : Fail();
  now_ += 11s;
  for (int i = 0; i < 18; ++i) Succeed();
  Fail();
  Fail();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(BreakerTest, OpensWhenFirstTokensAreSlow) {
  for (int i = 0; i < 10; ++i) Succeed();
  for (int i = 0; i < 14; ++i) Succeed(true);
  EXPECT_EQ(state(), State::kClosed);  // 14 of 24
  Succeed(true);
  EXPECT_EQ(state(), State::kOpen);  // 15 of 25
}

TEST_F(BreakerTest, LetsOneProbeThroughAtATime) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 15s;
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_TRUE(breaker_.MayPass(now_));
  EXPECT_EQ(Ask(), Permit::kProbe);
  EXPECT_EQ(Ask(), Permit::kNo);
  EXPECT_FALSE(breaker_.MayPass(now_));
  breaker_.Abandoned(Permit::kProbe);
  EXPECT_EQ(Ask(), Permit::kProbe);
}

TEST_F(BreakerTest, RampsUpAfterTwoGoodProbesAndCloses) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 15s;
  Succeed();
  EXPECT_EQ(state(), State::kHalfOpen);
  Succeed();
  EXPECT_EQ(state(), State::kRamping);
  EXPECT_EQ(Ask(0.09), Permit::kYes);
  EXPECT_EQ(Ask(0.11), Permit::kNo);
  now_ += 10s;
  EXPECT_EQ(Ask(0.24), Permit::kYes);
  EXPECT_EQ(Ask(0.26), Permit::kNo);
  now_ += 10s;
  EXPECT_EQ(Ask(0.49), Permit::kYes);
  EXPECT_EQ(Ask(0.51), Permit::kNo);
  now_ += 10s;
  EXPECT_EQ(Ask(0.99), Permit::kYes);
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(BreakerTest, StaysOpenTwiceAsLongAfterTwoBadProbesAndNeverMoreThanFiveMinutes) {
  for (int i = 0; i < 3; ++i) Fail();
  std::chrono::seconds expected = 15s;
  for (int round = 0; round < 8; ++round) {
    now_ = breaker_.open_until();
    Fail();
    EXPECT_EQ(state(), State::kHalfOpen);  // one of three may fail
    Fail();
    EXPECT_EQ(state(), State::kOpen);
    expected = std::min<std::chrono::seconds>(expected * 2, 300s);
    EXPECT_EQ(breaker_.open_until(), now_ + expected);
  }
}

TEST_F(BreakerTest, StartsAgainAtTheShortestTimeOnceItHasClosed) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 15s;
  Succeed();
  Succeed();
  now_ += 30s;
  for (int i = 0; i < 3; ++i) Fail();
  EXPECT_EQ(breaker_.open_until(), now_ + 15s);
}

TEST_F(BreakerTest, NeverShortensAnOpenDeadline) {
  const Permit early = Ask();
  const Permit late = Ask();
  for (int i = 0; i < 3; ++i) Fail(90s);
  EXPECT_EQ(breaker_.open_until(), now_ + 90s);
  now_ += 5s;
  breaker_.Failed(early, now_, 1s, kMiddle);
  EXPECT_EQ(breaker_.open_until(), now_ + 85s);
  breaker_.Failed(late, now_, 120s, kMiddle);
  EXPECT_EQ(breaker_.open_until(), now_ + 120s);
}

TEST_F(BreakerTest, IsNotClosedByLateAnswersToEarlierAttempts) {
  const Permit early = Ask();
  for (int i = 0; i < 3; ++i) Fail();
  breaker_.Succeeded(early, now_, false, kMiddle);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(BreakerTest, SpreadsItsProbesByJitter) {
  Breaker other;
  for (int i = 0; i < 3; ++i) breaker_.Failed(Permit::kYes, now_, {}, 0.0);
  for (int i = 0; i < 3; ++i) other.Failed(Permit::kYes, now_, {}, 0.999999);
  EXPECT_EQ(breaker_.open_until(), now_ + 12s);
  EXPECT_NEAR(std::chrono::duration<double>(other.open_until() - now_).count(), 18.0, 0.01);
}

TEST_F(BreakerTest, IsNeitherOpenForLongerNorForShorterAfterAFailedLastResort) {
  for (int i = 0; i < 3; ++i) Fail();
  const SteadyTime until = breaker_.open_until();
  for (int i = 0; i < 20; ++i) {
    now_ += 100ms;
    const Permit permit = breaker_.AskLast(now_);
    ASSERT_EQ(permit, Permit::kProbe);
    EXPECT_EQ(breaker_.AskLast(now_), Permit::kNo);
    breaker_.Failed(permit, now_, std::nullopt, kMiddle);
    EXPECT_EQ(breaker_.open_until(), until);
    EXPECT_EQ(state(), State::kOpen);
  }
  now_ += 1s;
  breaker_.Failed(breaker_.AskLast(now_), now_, 60s, kMiddle);
  EXPECT_EQ(breaker_.open_until(), now_ + 60s);
}

TEST_F(BreakerTest, RampsUpBeforeItsTimeWhenLastResortsSucceed) {
  for (int i = 0; i < 3; ++i) Fail();
  Permit first = breaker_.AskLast(now_);
  breaker_.Began(first, now_);
  EXPECT_EQ(first, Permit::kYes);
  EXPECT_EQ(state(), State::kHalfOpen);
  Permit second = breaker_.AskLast(now_);
  EXPECT_EQ(second, Permit::kProbe);
  EXPECT_EQ(breaker_.AskLast(now_), Permit::kYes);  // one has succeeded: no need to wait for two
  breaker_.Began(second, now_);
  EXPECT_EQ(state(), State::kRamping);
  EXPECT_EQ(Ask(0.99), Permit::kNo);
  EXPECT_EQ(breaker_.AskLast(now_), Permit::kYes);
}

TEST_F(BreakerTest, KeepsProbingOneAtATimeWhenItBecomesHalfOpenDuringALastResort) {
  for (int i = 0; i < 3; ++i) Fail();
  const Permit early = breaker_.AskLast(now_);
  now_ += 15s;
  EXPECT_EQ(Ask(), Permit::kNo);
  breaker_.Failed(early, now_, std::nullopt, kMiddle);
  EXPECT_EQ(Ask(), Permit::kProbe);
}

}  // namespace
}  // namespace triage::dispatch
