#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dispatch/dispatch.h"
#include "dispatch/reply_test_support.h"
#include "testing/fake_clock.h"

namespace triage::dispatch {
namespace {

using namespace std::chrono_literals;

Error Failure(ErrorCode code, int status = 0,
              std::optional<std::chrono::milliseconds> wait = std::nullopt) {
  Error error{.code = code, .message = "scripted", .retry_after = wait};
  error.upstream_status = status;
  return error;
}

/// Fails as told, then answers.
class Upstream final : public llm::Provider {
 public:
  explicit Upstream(std::deque<Error> failures = {}) : failures(std::move(failures)) {}

  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming&) override {
    credentials.push_back(call.credential);
    if (!failures.empty()) {
      Error error = failures.front();
      failures.pop_front();
      co_return error;
    }
    std::unique_ptr<llm::Reply> reply = std::make_unique<EmptyReply>();
    co_return std::move(reply);
  }

  std::deque<Error> failures;
  std::vector<std::size_t> credentials;
};

/// Sleeping moves the clock.
class SimulatedTimer final : public Timer {
 public:
  explicit SimulatedTimer(testing::FakeClock& clock) : clock_(clock) {}

  Task<void> Sleep(std::chrono::milliseconds duration, CancelScope&) override {
    slept.push_back(duration);
    clock_.Advance(duration);
    if (on_sleep) on_sleep();
    co_return;
  }

  std::vector<std::chrono::milliseconds> slept;
  std::function<void()> on_sleep;  ///< what happens meanwhile

 private:
  testing::FakeClock& clock_;
};

class ResilienceTest : public ::testing::Test {
 protected:
  ResilienceTest() { options_.timer = &timer_; }

  Result<Begun> Try(std::vector<Candidate> candidates) {
    traces_.clear();
    std::optional<Result<Begun>> result;
    TaskGroup group;
    group.Spawn(Drive(candidates, result));
    EXPECT_EQ(group.active(), 0);
    for (const Trace& trace : traces_) {
      if (!trace.error)
        Settle(candidates[static_cast<std::size_t>(trace.candidate)], trace, {}, clock_, nullptr);
    }
    return std::move(*result);
  }

  Task<void> Drive(std::span<const Candidate> candidates, std::optional<Result<Begun>>& result) {
    result.emplace(co_await Dispatch(request_, candidates, options_, cancel_, clock_, traces_));
  }

  void Open(Target& target, std::optional<std::chrono::milliseconds> wait = {}) {
    for (int i = 0; i < 3; ++i) {
      const Target::Answer answer = target.Ask(clock_.Now(), 0, 0.5);
      target.Failed(*answer.ticket, clock_.Now(), Failure(ErrorCode::kUpstream, 503, wait), {},
                    0.5);
    }
  }

  testing::FakeClock clock_;
  SimulatedTimer timer_{clock_};
  llm::Request request_;
  Options options_;
  CancelScope cancel_;
  std::vector<Trace> traces_;
};

TEST_F(ResilienceTest, RetriesAChainThatHasFailedAfterABackoff) {
  Upstream flaky({Failure(ErrorCode::kUpstream, 500), Failure(ErrorCode::kTimeout)});
  const Result<Begun> begun = Try({{.provider = &flaky, .name = "a"}});
  ASSERT_TRUE(begun);
  ASSERT_EQ(traces_.size(), 3U);
  EXPECT_FALSE(traces_[0].retry);
  EXPECT_TRUE(traces_[2].retry);
  EXPECT_EQ(timer_.slept, (std::vector<std::chrono::milliseconds>{50ms, 100ms}));
}

TEST_F(ResilienceTest, WaitsAsLongAsTheProviderAsked) {
  Upstream busy({Failure(ErrorCode::kUnavailable, 503, 1500ms)});
  ASSERT_TRUE(Try({{.provider = &busy}}));
  EXPECT_EQ(timer_.slept, (std::vector<std::chrono::milliseconds>{1500ms}));
}

TEST_F(ResilienceTest, DoesNotRetryBeyondTheDeadline) {
  Upstream busy({Failure(ErrorCode::kUnavailable, 503, 1900ms)});
  options_.deadline = clock_.Now() + 1s;
  const Result<Begun> begun = Try({{.provider = &busy}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().retry_after, 1900ms);
  EXPECT_TRUE(timer_.slept.empty());
}

TEST_F(ResilienceTest, StopsRetryingWhenTheBudgetIsSpent) {
  RetryBudget budget;
  int attempts = 0;
  for (int i = 0; i < 100; ++i) {
    Upstream down(std::deque<Error>(5, Failure(ErrorCode::kUpstream, 500)));
    EXPECT_FALSE(Try({{.provider = &down, .budget = &budget}}));
    attempts += static_cast<int>(down.credentials.size());
  }
  // 100 first attempts, their tenth and the reserve, which refills a little meanwhile.
  EXPECT_GE(attempts, 103);
  EXPECT_LE(attempts, 120);
}

TEST_F(ResilienceTest, PassesOverAModelWhoseBreakerIsOpen) {
  Upstream down;
  Upstream well;
  Target target;
  Open(target);
  const Result<Begun> begun =
      Try({{.provider = &down, .name = "a", .target = &target}, {.provider = &well, .name = "b"}});
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 1);
  EXPECT_TRUE(down.credentials.empty());
  EXPECT_EQ(traces_.size(), 1U);
}

TEST_F(ResilienceTest, TriesAnotherCredentialAfterARefusal) {
  Upstream limited(
      {Failure(ErrorCode::kRateLimited, 429, 60s), Failure(ErrorCode::kUpstream, 401)});
  Target target(3);
  const Result<Begun> begun = Try({{.provider = &limited, .target = &target}});
  ASSERT_TRUE(begun);
  EXPECT_EQ(limited.credentials, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_TRUE(timer_.slept.empty());
}

TEST_F(ResilienceTest, KeepsACredentialThatMetAServersErrorAndTriesAnotherModelInstead) {
  Upstream flaky({Failure(ErrorCode::kUpstream, 500)});
  Upstream well;
  Target target(2);
  const std::vector<Candidate> chain = {{.provider = &flaky, .name = "a", .target = &target},
                                        {.provider = &well, .name = "b"}};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Try(chain));
  EXPECT_EQ(flaky.credentials, (std::vector<std::size_t>{0, 1, 0}));
  EXPECT_EQ(well.credentials.size(), 1U);
  EXPECT_EQ(target.Look(clock_.Now()).retired, 0U);
}

TEST_F(ResilienceTest, LeavesARefusedCredentialAloneForFiveMinutes) {
  Upstream upstream({Failure(ErrorCode::kUpstream, 403)});
  Target target(2);
  const std::vector<Candidate> chain = {{.provider = &upstream, .name = "a", .target = &target}};
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Try(chain));
  EXPECT_EQ(upstream.credentials, (std::vector<std::size_t>{0, 1, 1, 1, 1}));
  clock_.Advance(5min);
  upstream.credentials.clear();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(Try(chain));
  std::ranges::sort(upstream.credentials);
  EXPECT_EQ(upstream.credentials, (std::vector<std::size_t>{0, 1}));
}

TEST_F(ResilienceTest, FallsBackWhenAllCredentialsAreLimitedAndSaysWhenAllModelsAre) {
  Target first;
  Target second;
  Upstream one({Failure(ErrorCode::kRateLimited, 429, 30s)});
  Upstream two({Failure(ErrorCode::kRateLimited, 429, 20s)});
  const std::vector<Candidate> chain = {{.provider = &one, .name = "a", .target = &first},
                                        {.provider = &two, .name = "b", .target = &second}};
  const Result<Begun> refused = Try(chain);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(refused.error().retry_after, 20s);
  const std::size_t before = one.credentials.size() + two.credentials.size();
  const Result<Begun> again = Try(chain);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(one.credentials.size() + two.credentials.size(), before);  // nobody was asked
}

TEST_F(ResilienceTest, WaitsForALimitThatEndsSoon) {
  Target target;
  Upstream limited({Failure(ErrorCode::kRateLimited, 429, 900ms)});
  ASSERT_TRUE(Try({{.provider = &limited, .target = &target}}));
  EXPECT_EQ(timer_.slept.size(), 1U);
  EXPECT_EQ(limited.credentials.size(), 2U);
}

TEST_F(ResilienceTest, ProbesTheLeastBadWhenEverythingIsOpen) {
  Target worse;
  Target better;
  Upstream one;
  Upstream two;
  Open(worse, 200s);
  Open(better);
  const std::vector<Candidate> chain = {{.provider = &one, .name = "a", .target = &worse},
                                        {.provider = &two, .name = "b", .target = &better}};
  const Result<Begun> begun = Try(chain);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 1);
}

TEST_F(ResilienceTest, TriesTheNextLeastBadWhenTheLeastBadIsDown) {
  Target worse;
  Target better;
  Upstream one;
  Upstream two({Failure(ErrorCode::kUpstream, 503)});
  Open(worse, 200s);
  Open(better);
  const Result<Begun> begun = Try({{.provider = &one, .name = "a", .target = &worse},
                                   {.provider = &two, .name = "b", .target = &better}});
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 0);
  EXPECT_EQ(two.credentials.size(), 1U);
}

TEST_F(ResilienceTest, WaitsForTheProbeOfALastResortAndRefusesWhenItTakesTooLong) {
  Target target;
  Upstream upstream;
  Open(target);
  const Target::Answer probe = target.AskLast(clock_.Now(), 0);
  ASSERT_TRUE(probe.ticket);
  const SteadyTime begin = clock_.Now();
  const Result<Begun> begun = Try({{.provider = &upstream, .name = "a", .target = &target}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(begun.error().message, "no model may be asked now: a breaker_open");
  EXPECT_NEAR(std::chrono::duration<double>(clock_.Now() - begin).count(), 1.95, 0.06);
  EXPECT_EQ(begun.error().retry_after,
            std::chrono::ceil<std::chrono::milliseconds>(begin + 15s - clock_.Now()));
  EXPECT_TRUE(upstream.credentials.empty());
}

TEST_F(ResilienceTest, RefusesAtOnceWhenTheProbeItWaitsForFails) {
  Target target;
  Upstream upstream;
  Open(target);
  const Target::Answer probe = target.AskLast(clock_.Now(), 0);
  timer_.on_sleep = [&] {
    if (timer_.slept.size() != 3) return;
    target.Failed(*probe.ticket, clock_.Now(), Failure(ErrorCode::kTimeout), {}, 0.5);
    EXPECT_TRUE(target.AskLast(clock_.Now(), 0).ticket);  // somebody else's
  };
  ASSERT_FALSE(Try({{.provider = &upstream, .name = "a", .target = &target}}));
  EXPECT_EQ(timer_.slept.size(), 3U);
  EXPECT_TRUE(upstream.credentials.empty());
}

TEST_F(ResilienceTest, GoesAheadWhenTheProbeItWaitsForSucceeds) {
  Target target;
  Upstream upstream;
  Open(target);
  Target::Answer probe = target.AskLast(clock_.Now(), 0);
  timer_.on_sleep = [&] { target.Began(*probe.ticket, clock_.Now(), {}); };
  ASSERT_TRUE(Try({{.provider = &upstream, .name = "a", .target = &target}}));
  EXPECT_EQ(timer_.slept.size(), 1U);
}

TEST_F(ResilienceTest, LetsNobodyBeKeptOutByARampWhenNothingElseIsLeft) {
  Random random(1);
  options_.random = &random;
  Target target;
  Upstream upstream;
  Open(target);
  clock_.Advance(15s);
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(Try({{.provider = &upstream, .name = "a", .target = &target}})) << i;
  EXPECT_EQ(target.Look(clock_.Now()).state, Breaker::State::kRamping);
}

TEST_F(ResilienceTest, WaitsForAnEndingLimitWhenTheRestHasFailedAndMayNotBeRetried) {
  RetryBudget spent;
  while (spent.Take(clock_.Now())) {
  }
  Target limited_target;
  Upstream down(std::deque<Error>(5, Failure(ErrorCode::kUpstream, 503)));
  Upstream limited({Failure(ErrorCode::kRateLimited, 429, 900ms)});
  const Candidate a{.provider = &down, .name = "a", .budget = &spent};
  const Candidate b{.provider = &limited, .name = "b", .target = &limited_target};
  const auto ticket = limited_target.Ask(clock_.Now(), 0, 0.5).ticket;
  limited_target.Failed(*ticket, clock_.Now(), Failure(ErrorCode::kRateLimited, 429, 900ms), {}, 0);
  limited.failures.clear();
  const Result<Begun> begun = Try({a, b});
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 1);
}

TEST_F(ResilienceTest, AsksALimitedModelWhenOnlyAnEstimateOfTokensSpeaksAgainstIt) {
  Target target;
  Upstream upstream;
  const RateLimits told{.requests = {},
                        .tokens = {.limit = 10'000, .remaining = 500, .reset = 60'000ms}};
  auto ticket = target.Ask(clock_.Now(), 0, 0.5).ticket;
  target.Began(*ticket, clock_.Now(), told);
  target.Succeeded(*ticket, clock_.Now(), 1ms, 0.5);
  options_.tokens = 4'000;
  EXPECT_FALSE(target.Ask(clock_.Now(), options_.tokens, 0.5).ticket);
  EXPECT_TRUE(Try({{.provider = &upstream, .name = "a", .target = &target}}));
  EXPECT_FALSE(Try({{.provider = &upstream, .name = "a", .target = &target}}));
}

TEST_F(ResilienceTest, PromotesOnlyAsFarAsTheNextTierHasRoom) {
  Promotion promotion({.share = 0.2, .always_per_minute = 3, .most_per_hour = NanoDollars()});
  Target target;
  Open(target, 10min);
  Upstream down(std::deque<Error>(200, Failure(ErrorCode::kUpstream, 503)));
  Upstream frontier;
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    answered += Try({{.provider = &down, .name = "a", .tier = 0, .target = &target},
                     {.provider = &frontier, .name = "b", .tier = 1, .promotion = &promotion}})
                    .has_value();
  }
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(promotion.Look(clock_.Now()).promoted, 3);
  EXPECT_EQ(promotion.Look(clock_.Now()).refused, 7);
}

TEST_F(ResilienceTest, KeepsTheCostOfAllAttemptsUnderTheCap) {
  Upstream slow({Failure(ErrorCode::kTimeout)});
  Upstream dear;
  options_.cost_cap = NanoDollars(300);
  const Result<Begun> begun =
      Try({{.provider = &slow, .name = "a", .expected_cost = NanoDollars(100)},
           {.provider = &dear, .name = "b", .expected_cost = NanoDollars(250)}});
  EXPECT_TRUE(dear.credentials.empty());
  EXPECT_TRUE(begun);  // the retry of the cheap one fits
}

TEST_F(ResilienceTest, SharesTheLoadOfAPositionByWeightAndLoad) {
  Random random(7);
  options_.random = &random;
  request_.stream = true;
  Target fast;
  Target slow;
  Upstream one;
  Upstream two;
  for (int i = 0; i < 10; ++i) {
    fast.Succeeded(*fast.Ask(clock_.Now(), 0, 0).ticket, clock_.Now(), 100ms, 0.5);
    slow.Succeeded(*slow.Ask(clock_.Now(), 0, 0).ticket, clock_.Now(), 900ms, 0.5);
  }
  int first = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<Candidate> chain = {
        {.provider = &one, .position = 0, .target = &fast},
        {.provider = &two, .position = 0, .target = &slow},
    };
    traces_.clear();
    std::optional<Result<Begun>> result;
    TaskGroup group;
    group.Spawn(Drive(chain, result));
    first += (*result)->candidate == 0;
    chain[static_cast<std::size_t>((*result)->candidate)].target->Abandoned(traces_[0].ticket);
  }
  EXPECT_NEAR(first, 300, 40);  // the slow one only when drawn twice
}

TEST(RetryBudget, GivesATenthOfTheRequestsAndASmallReserve) {
  RetryBudget budget;
  const SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.Take(now));
  EXPECT_FALSE(budget.Take(now));
  for (int i = 0; i < 100; ++i) budget.OnRequest();
  int taken = 0;
  while (budget.Take(now)) ++taken;
  EXPECT_NEAR(taken, 10, 1);
  EXPECT_TRUE(budget.Take(now + 10s));
  EXPECT_FALSE(budget.Take(now + 10s));
}

TEST(Promotion, BoundsTheCostOfAnHour) {
  Promotion promotion({.share = 1, .always_per_minute = 1000, .most_per_hour = NanoDollars(1'000)});
  SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(promotion.Take(now, NanoDollars(100)));
  EXPECT_FALSE(promotion.Take(now, NanoDollars(1)));
  now += 61min;
  EXPECT_TRUE(promotion.Take(now, NanoDollars(1'000)));
}

TEST(Promotion, GrowsWithWhatTheTierServesItself) {
  Promotion promotion({.share = 0.2, .always_per_minute = 1, .most_per_hour = NanoDollars()});
  const SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 50; ++i) promotion.OnOwn(now);
  int taken = 0;
  while (promotion.Take(now, NanoDollars(1))) ++taken;
  EXPECT_EQ(taken, 10);
}

}  // namespace
}  // namespace triage::dispatch
