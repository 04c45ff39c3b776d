#include "dispatch/target.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace triage::dispatch {
namespace {

using namespace std::chrono_literals;

Error Failure(ErrorCode code, int status = 0,
              std::optional<std::chrono::milliseconds> wait = std::nullopt) {
  Error error{.code = code, .message = "for the test"};
  error.upstream_status = status;
  error.retry_after = wait;
  return error;
}

class TargetTest : public ::testing::Test {
 protected:
  Target::Ticket Take(Target& target) {
    const Target::Answer answer = target.Ask(now_, 10, 0.5);
    EXPECT_TRUE(answer.ticket) << Name(answer.refusal);
    return answer.ticket.value_or(Target::Ticket{});
  }

  void Fail(Target& target, const Error& error) {
    target.Failed(Take(target), now_, error, {}, 0.5);
  }

  void Succeed(Target& target, std::chrono::microseconds first_token = 100ms) {
    target.Succeeded(Take(target), now_, first_token, 0.5);
  }

  SteadyTime now_ = SteadyTime{} + 1h;
};

TEST_F(TargetTest, RefusesWhileItsBreakerIsOpenAndSaysUntilWhen) {
  Target target;
  for (int i = 0; i < 3; ++i) Fail(target, Failure(ErrorCode::kUpstream, 503));
  const Target::Answer answer = target.Ask(now_, 10, 0.5);
  EXPECT_FALSE(answer.ticket);
  EXPECT_EQ(answer.refusal, Target::Refusal::kOpen);
  EXPECT_EQ(answer.retry_at, now_ + 15s);
  EXPECT_FALSE(target.MayPass(now_));
  EXPECT_TRUE(target.MayPass(now_ + 15s));
}

TEST_F(TargetTest, DoesNotOpenForWhatTheClientOrALimitIsToBlameFor) {
  Target target;
  for (int i = 0; i < 20; ++i) Fail(target, Failure(ErrorCode::kInvalidRequest, 400));
  for (int i = 0; i < 20; ++i) Fail(target, Failure(ErrorCode::kCancelled));
  Fail(target, Failure(ErrorCode::kRateLimited, 429, 5s));
  EXPECT_EQ(target.Look(now_).state, Breaker::State::kClosed);
  const Target::Answer limited = target.Ask(now_, 10, 0.5);
  EXPECT_EQ(limited.refusal, Target::Refusal::kLimited);
  EXPECT_EQ(limited.retry_at, now_ + 5s);
}

TEST_F(TargetTest, TakesCredentialsInTurnAndPassesOverThoseThatAreLimitedOrRefused) {
  Target target(3);
  std::vector<std::size_t> used;
  for (int i = 0; i < 3; ++i) {
    const Target::Ticket ticket = Take(target);
    used.push_back(ticket.credential);
    if (ticket.credential == 0) {
      target.Failed(ticket, now_, Failure(ErrorCode::kRateLimited, 429, 60s), {}, 0.5);
    } else if (ticket.credential == 1) {
      target.Failed(ticket, now_, Failure(ErrorCode::kUpstream, 401), {}, 0.5);
    } else {
      target.Succeeded(ticket, now_, 1ms, 0.5);
    }
  }
  EXPECT_EQ(used, (std::vector<std::size_t>{0, 1, 2}));
  for (int i = 0; i < 4; ++i) {
    const Target::Ticket ticket = Take(target);
    EXPECT_EQ(ticket.credential, 2U);
    target.Succeeded(ticket, now_, 1ms, 0.5);
  }
  EXPECT_EQ(target.Look(now_).retired, 1U);
}

TEST_F(TargetTest, LetsOneAttemptAtATimeThroughAsALastResort) {
  Target target;
  for (int i = 0; i < 3; ++i) Fail(target, Failure(ErrorCode::kTimeout));
  const Target::Answer first = target.AskLast(now_, 0);
  ASSERT_TRUE(first.ticket);
  const Target::Answer second = target.AskLast(now_, 0);
  EXPECT_EQ(second.refusal, Target::Refusal::kProbing);
  target.Failed(*first.ticket, now_, Failure(ErrorCode::kTimeout), {}, 0.5);
  EXPECT_TRUE(target.AskLast(now_, 0).ticket);
  EXPECT_GT(target.AskLast(now_, 0).failed_probes, second.failed_probes);
}

TEST_F(TargetTest, AsksTheCredentialThatIsOpenForTheShortestTimeAsALastResort) {
  Target target(2);
  for (int i = 0; i < 6; ++i) {
    const Target::Ticket ticket = Take(target);
    target.Failed(ticket, now_,
                  Failure(ErrorCode::kUpstream, 503, ticket.credential == 0 ? 90s : 30s), {}, 0.5);
  }
  const Target::Answer answer = target.AskLast(now_, 0);
  ASSERT_TRUE(answer.ticket);
  EXPECT_EQ(answer.ticket->credential, 1U);
}

TEST_F(TargetTest, AsksNeitherRefusedCredentialsNorWhatTheProviderHasLimitedAsALastResort) {
  Target refused;
  Fail(refused, Failure(ErrorCode::kUpstream, 401));
  EXPECT_EQ(refused.AskLast(now_, 0).refusal, Target::Refusal::kRetired);
  Target limited;
  Fail(limited, Failure(ErrorCode::kRateLimited, 429, 5s));
  EXPECT_EQ(limited.AskLast(now_, 0).refusal, Target::Refusal::kLimited);
  EXPECT_EQ(limited.AskLast(now_, 0).retry_at, now_ + 5s);
  EXPECT_TRUE(limited.AskLast(now_ + 5s, 0).ticket);
}

TEST_F(TargetTest, LearnsLimitsAndEndsAProbeWhenAnAnswerBegins) {
  Target target;
  for (int i = 0; i < 3; ++i) Fail(target, Failure(ErrorCode::kUpstream, 503));
  now_ += 15s;
  Target::Ticket first = Take(target);
  EXPECT_EQ(first.permit, Breaker::Permit::kProbe);
  EXPECT_FALSE(target.Ask(now_, 0, 0.5).ticket);
  target.Began(first, now_,
               {.requests = {.limit = 10, .remaining = 1, .reset = 20'000ms}, .tokens = {}});
  EXPECT_EQ(first.permit, Breaker::Permit::kYes);
  Target::Ticket second = Take(target);  // the first one still streams
  target.Began(second, now_, {});
  EXPECT_EQ(target.Look(now_).state, Breaker::State::kRamping);
  EXPECT_EQ(target.Ask(now_, 0, 0).refusal, Target::Refusal::kLimited);
  EXPECT_TRUE(target.Ask(now_ + 20s, 0, 0).ticket);
}

TEST_F(TargetTest, TellsEachTransitionOnceAndCountsIt) {
  std::vector<std::string> told;
  Target target(1, {}, [&told](const Target::Transition& transition) {
    told.push_back(std::string(Name(transition.from)) + " " + std::string(Name(transition.to)));
  });
  for (int i = 0; i < 3; ++i) Fail(target, Failure(ErrorCode::kUpstream, 503));
  now_ += 15s;
  for (int i = 0; i < 2; ++i) Succeed(target);
  now_ += 30s;
  Succeed(target);
  EXPECT_EQ(told, (std::vector<std::string>{"closed open", "open half_open", "half_open ramping",
                                            "ramping closed"}));
  EXPECT_EQ(target.counts().transitions, (std::array<std::int64_t, 4>{1, 1, 1, 1}));
}

TEST_F(TargetTest, CountsWhatWasPassedOverForALimitAndLastResorts) {
  Target target;
  Fail(target, Failure(ErrorCode::kRateLimited, 429, 5s));
  EXPECT_FALSE(target.Ask(now_, 0, 0.5).ticket);
  EXPECT_EQ(target.counts().limited, 1);
  now_ += 5s;
  target.Abandoned(*target.AskLast(now_, 0).ticket);
  EXPECT_EQ(target.counts().last_resorts, 1);
}

TEST_F(TargetTest, KeepsCountOfWhatIsUnderWay) {
  Target target;
  Succeed(target);
  const auto alone = target.Load(now_);
  const Target::Ticket ticket = Take(target);
  EXPECT_EQ(target.Load(now_), alone * 2);
  target.Abandoned(ticket);
  EXPECT_EQ(target.Load(now_), alone);
  EXPECT_EQ(target.Look(now_).in_flight, 0);
}

TEST_F(TargetTest, OpensWhenFirstTokensBecomeThreeTimesAsSlowAsUsual) {
  Target target;
  for (int i = 0; i < 1000; ++i) Succeed(target, 200ms);
  now_ += 2min;
  int slow = 0;
  while (target.MayPass(now_) && slow < 100) {
    Succeed(target, 2s);
    ++slow;
  }
  EXPECT_EQ(slow, 20);
}

TEST(Latency, JumpsUpAtOnceAndForgetsSlowly) {
  Latency latency;
  SteadyTime now = SteadyTime{} + 1h;
  EXPECT_EQ(latency.Expected(now), 0us);
  for (int i = 0; i < 100; ++i) latency.Add(now, 100ms);
  latency.Add(now, 900ms);
  EXPECT_EQ(latency.Expected(now), 900ms);
  now += 10s;
  EXPECT_LT(latency.Expected(now), 450ms);
  EXPECT_GT(latency.Expected(now), 300ms);
  now += 100s;
  EXPECT_LT(latency.Expected(now), 130ms);
}

TEST(Latency, KnowsWhatIsUsualOnceItHasSeenEnough) {
  Latency latency;
  const SteadyTime now = SteadyTime{} + 1h;
  for (int i = 1; i < 50; ++i) latency.Add(now, std::chrono::milliseconds(i * 10));
  EXPECT_EQ(latency.Usual(0.95), std::nullopt);
  for (int i = 50; i <= 100; ++i) latency.Add(now, std::chrono::milliseconds(i * 10));
  EXPECT_NEAR(static_cast<double>(latency.Usual(0.95)->count()), 950e3, 150e3);
  EXPECT_NEAR(static_cast<double>(latency.Usual(0.5)->count()), 500e3, 80e3);
}

TEST(Latency, FollowsAModelThatBecomesFasterWithinADay) {
  Latency latency;
  SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 1000; ++i) latency.Add(now, 1s);
  now += 48h;
  for (int i = 0; i < 1000; ++i) latency.Add(now, 100ms);
  EXPECT_LT(*latency.Usual(0.75), 120ms);
}

}  // namespace
}  // namespace triage::dispatch
