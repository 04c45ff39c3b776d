#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dispatch/dispatch.h"
#include "testing/simulation.h"

namespace triage::dispatch {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class NamedReply final : public llm::Reply {
 public:
  explicit NamedReply(int& open) : open_(open) { ++open_; }

  ~NamedReply() override { --open_; }

  int status() const override { return 200; }

  std::string_view content_type() const override { return "text/event-stream"; }

  std::optional<std::uint64_t> content_length() const override { return {}; }

  Task<Result<std::string_view>> Next() override { co_return std::string_view(); }

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error&) override { return {}; }

 private:
  int& open_;
  llm::ReplySummary summary_;
};

/// Answers, or fails, after a while; ends at once when it is cancelled.
class SlowProvider final : public llm::Provider {
 public:
  SlowProvider(testing::Simulation& simulation, milliseconds latency,
               std::optional<Error> failure = {})
      : simulation_(simulation), latency(latency), failure_(std::move(failure)) {}

  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming&) override {
    started.push_back(simulation_.elapsed());
    co_await simulation_.Sleep(latency, *call.cancel);
    if (call.cancel->cancelled()) {
      ++cancelled;
      co_return Error{.code = ErrorCode::kCancelled, .message = "cancelled"};
    }
    if (failure_) co_return *failure_;
    std::unique_ptr<llm::Reply> reply = std::make_unique<NamedReply>(open);
    co_return std::move(reply);
  }

 private:
  testing::Simulation& simulation_;

 public:
  milliseconds latency;
  std::vector<milliseconds> started;
  int cancelled = 0;
  int open = 0;

 private:
  std::optional<Error> failure_;
};

class HedgeTest : public ::testing::Test {
 protected:
  HedgeTest() {
    request_.stream = true;
    options_.timer = &simulation_;
    options_.hedges = &budget_;
    for (int i = 0; i < 20; ++i) budget_.OnRequest();
    for (int i = 0; i < 100; ++i) {
      Train(first_target_, 200ms);
      Train(second_target_, 200ms);
    }
  }

  void Train(Target& target, milliseconds first_token) {
    const auto ticket = target.Ask(simulation_.clock.Now(), 0, 0.5).ticket;
    target.Succeeded(*ticket, simulation_.clock.Now(), first_token, 0.5);
  }

  std::vector<Candidate> Chain() {
    return {{.provider = &first_,
             .name = "a",
             .expected_cost = NanoDollars(100),
             .target = &first_target_,
             .hedged = true},
            {.provider = &second_,
             .name = "b",
             .expected_cost = NanoDollars(100),
             .target = &second_target_,
             .hedged = true}};
  }

  /// `leave_after`: when the client goes; zero = it stays.
  Result<Begun> Try(const std::vector<Candidate>& chain, milliseconds leave_after = 0ms) {
    traces_.clear();
    std::optional<Result<Begun>> result;
    TaskGroup group;
    group.Spawn(Drive(chain, result));
    if (leave_after > 0ms) group.Spawn(Leave(leave_after));
    simulation_.Run();
    EXPECT_EQ(group.active(), 0);
    return std::move(*result);
  }

  Task<void> Drive(std::span<const Candidate> chain, std::optional<Result<Begun>>& result) {
    result.emplace(
        co_await Dispatch(request_, chain, options_, cancel_, simulation_.clock, traces_));
    answered_ = simulation_.elapsed();
  }

  Task<void> Leave(milliseconds after) {
    CancelScope none;
    co_await simulation_.Sleep(after, none);
    cancel_.Cancel();
  }

  testing::Simulation simulation_;
  SlowProvider first_{simulation_, 5s};
  SlowProvider second_{simulation_, 100ms};
  Target first_target_;
  Target second_target_;
  RetryBudget budget_{0.05, 0};
  llm::Request request_;
  Options options_;
  CancelScope cancel_;
  std::vector<Trace> traces_;
  milliseconds answered_{0};
};

TEST_F(HedgeTest, ASecondAttemptFollowsAtTheUsualP95AndTheFirstIsCancelled) {
  const Result<Begun> begun = Try(Chain());
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 1);
  EXPECT_EQ(begun->trace, 1);
  EXPECT_EQ(first_.cancelled, 1);
  ASSERT_EQ(second_.started.size(), 1U);
  EXPECT_NEAR(static_cast<double>(second_.started[0].count()), 200, 30);
  EXPECT_EQ(answered_, second_.started[0] + 100ms);
  ASSERT_EQ(traces_.size(), 2U);
  EXPECT_TRUE(traces_[0].outrun);
  EXPECT_EQ(traces_[0].error->code, ErrorCode::kCancelled);
  EXPECT_TRUE(traces_[1].hedge);
  EXPECT_FALSE(traces_[1].error);
  EXPECT_EQ(first_target_.Look(simulation_.clock.Now()).in_flight, 0);
  EXPECT_EQ(first_target_.Look(simulation_.clock.Now()).state, Breaker::State::kClosed);
}

TEST_F(HedgeTest, TheSecondIsCancelledWhenTheFirstAnswersAfterAll) {
  first_.latency = 300ms;
  second_.latency = 5s;
  const Result<Begun> begun = Try(Chain());
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 0);
  EXPECT_EQ(second_.cancelled, 1);
  EXPECT_EQ(answered_, 300ms);
  EXPECT_TRUE(traces_[1].outrun);
}

TEST_F(HedgeTest, OfTwoAnswersAtTheSameMomentOneIsDropped) {
  first_.latency = 300ms;
  Result<Begun> begun = Try(Chain());
  const milliseconds late = second_.started.at(0);
  first_.latency = late + 100ms;  // as the second one's answer
  second_.started.clear();
  for (int i = 0; i < 20; ++i) budget_.OnRequest();
  begun = Try(Chain());
  ASSERT_TRUE(begun);
  EXPECT_EQ(first_.open + second_.open, 1);
  EXPECT_EQ(traces_[0].outrun + traces_[1].outrun, 1);
}

TEST_F(HedgeTest, AnAnswerInTimeHasNoRival) {
  first_.latency = 150ms;
  ASSERT_TRUE(Try(Chain()));
  EXPECT_TRUE(second_.started.empty());
  EXPECT_EQ(traces_.size(), 1U);
}

TEST_F(HedgeTest, NothingIsHedgedBeforeWhatIsUsualIsKnown) {
  Target unknown;
  std::vector<Candidate> chain = Chain();
  chain[0].target = &unknown;
  ASSERT_TRUE(Try(chain));
  EXPECT_TRUE(second_.started.empty());
  EXPECT_EQ(answered_, 5s);
}

TEST_F(HedgeTest, WholeAnswersHaveAUsualOfTheirOwn) {
  request_.stream = false;
  ASSERT_TRUE(Try(Chain()));
  EXPECT_TRUE(second_.started.empty());
}

TEST_F(HedgeTest, WithoutAnotherModelTheSameOneIsAskedAgain) {
  std::vector<Candidate> chain = Chain();
  chain.pop_back();
  const Result<Begun> begun = Try(chain);
  ASSERT_TRUE(begun);
  EXPECT_EQ(first_.started.size(), 2U);
  EXPECT_EQ(first_.cancelled, 1);
  EXPECT_EQ(first_.open, 1);
}

TEST_F(HedgeTest, ARivalIsNoPromotionAndNoProbe) {
  Promotion promotion({.share = 1, .always_per_minute = 100, .most_per_hour = NanoDollars()});
  std::vector<Candidate> chain = Chain();
  chain[1].promotion = &promotion;
  ASSERT_TRUE(Try(chain));
  EXPECT_TRUE(second_.started.empty());
  EXPECT_EQ(promotion.Look(simulation_.clock.Now()).promoted, 0);
}

TEST_F(HedgeTest, SecondAttemptsStayUnderTheirShare) {
  std::vector<Candidate> chain = Chain();
  for (int i = 0; i < 400; ++i) {
    const Result<Begun> begun = Try(chain);
    ASSERT_TRUE(begun);
    Settle(chain[static_cast<std::size_t>(begun->candidate)],
           traces_[static_cast<std::size_t>(begun->trace)], {}, simulation_.clock, nullptr);
    for (int k = 0; k < 20; ++k) Train(first_target_, 200ms);  // it stays unusual
  }
  EXPECT_LE(second_.started.size(), 21U);
  EXPECT_GE(second_.started.size(), 19U);
}

TEST_F(HedgeTest, TheCostCapHoldsForBothTogether) {
  options_.cost_cap = NanoDollars(150);
  ASSERT_TRUE(Try(Chain()));
  EXPECT_TRUE(second_.started.empty());
}

TEST_F(HedgeTest, BothEndWhenTheClientGoes) {
  second_.latency = 10s;
  const Result<Begun> begun = Try(Chain(), 1s);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(first_.cancelled + second_.cancelled, 2);
  EXPECT_EQ(answered_, 1s);
  EXPECT_EQ(first_target_.Look(simulation_.clock.Now()).in_flight, 0);
  EXPECT_EQ(second_target_.Look(simulation_.clock.Now()).in_flight, 0);
}

TEST_F(HedgeTest, TheFirstEndsWhenTheClientGoesBeforeThereIsARival) {
  const Result<Begun> begun = Try(Chain(), 50ms);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(second_.started.empty());
}

TEST_F(HedgeTest, TheFirstIsWaitedForWhenItsRivalFails) {
  SlowProvider failing(simulation_, 50ms, Error{.code = ErrorCode::kUpstream, .message = "500"});
  std::vector<Candidate> chain = Chain();
  chain[1].provider = &failing;
  const Result<Begun> begun = Try(chain);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 0);
  EXPECT_EQ(answered_, 5s);
  EXPECT_EQ(traces_[1].error->code, ErrorCode::kUpstream);
  EXPECT_FALSE(traces_[1].outrun);
}

TEST_F(HedgeTest, WhenBothFailTheNextModelIsTried) {
  const Error down{.code = ErrorCode::kUpstream, .message = "500"};
  SlowProvider one(simulation_, 300ms, down);
  SlowProvider two(simulation_, 300ms, down);
  SlowProvider three(simulation_, 10ms);
  std::vector<Candidate> chain = Chain();
  chain[0].provider = &one;
  chain[1].provider = &two;
  chain.push_back({.provider = &three, .name = "c"});
  const Result<Begun> begun = Try(chain);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 2);
  EXPECT_EQ(traces_.size(), 3U);
}

}  // namespace
}  // namespace triage::dispatch
