#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dispatch/dispatch.h"
#include "dispatch/reply_test_support.h"
#include "testing/fake_clock.h"

namespace triage::dispatch {
namespace {

/// Answers, or always fails with `error`.
class Upstream final : public llm::Provider {
 public:
  explicit Upstream(std::optional<Error> error = {}) : error_(std::move(error)) {}

  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call&, llm::CallTiming&) override {
    ++calls;
    if (error_) co_return *error_;
    std::unique_ptr<llm::Reply> reply = std::make_unique<EmptyReply>();
    co_return std::move(reply);
  }

  int calls = 0;

 private:
  std::optional<Error> error_;
};

class NoSleep final : public Timer {
 public:
  Task<void> Sleep(std::chrono::milliseconds, CancelScope&) override { co_return; }
};

Error TooLong(std::string message = "Input is too long for requested model.") {
  Error error{.code = ErrorCode::kContextLength, .message = std::move(message)};
  error.upstream_status = 400;
  return error;
}

class OverflowTest : public ::testing::Test {
 protected:
  OverflowTest() { options_.timer = &timer_; }

  Candidate Of(Upstream& upstream, std::int64_t window, std::string_view name = "m") {
    return {.provider = &upstream, .name = name, .window = window};
  }

  Result<Begun> Try(const std::vector<Candidate>& candidates) {
    traces_.clear();
    std::optional<Result<Begun>> result;
    TaskGroup group;
    group.Spawn(Drive(candidates, result));
    EXPECT_EQ(group.active(), 0);
    return std::move(*result);
  }

  Task<void> Drive(std::span<const Candidate> candidates, std::optional<Result<Begun>>& result) {
    result.emplace(co_await Dispatch(request_, candidates, options_, cancel_, clock_, traces_));
  }

  triage::testing::FakeClock clock_;
  NoSleep timer_;
  llm::Request request_;
  Options options_;
  CancelScope cancel_;
  std::vector<Trace> traces_;
};

TEST_F(OverflowTest, AsksAModelWithALargerWindowAndNoneWithASmallerOne) {
  Upstream small(TooLong());
  Upstream same;
  Upstream unknown(TooLong());
  Upstream large;
  const Result<Begun> begun =
      Try({Of(small, 8'192), Of(same, 8'192), Of(unknown, 0), Of(large, 131'072)});
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 3);
  EXPECT_EQ(small.calls, 1);
  EXPECT_EQ(same.calls, 0);
  EXPECT_EQ(unknown.calls, 1);
  EXPECT_EQ(large.calls, 1);
}

TEST_F(OverflowTest, GoesByTheLimitThatWasToldRatherThanTheConfiguredOne) {
  Upstream misconfigured(TooLong("Requested tokens (9000) exceed context window of 4096"));
  Upstream right;
  const Result<Begun> begun = Try({Of(misconfigured, 131'072), Of(right, 131'072)});
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->candidate, 1);
}

TEST_F(OverflowTest, NeverAsksTheSameModelAgain) {
  Upstream small(TooLong());
  const Result<Begun> begun = Try({Of(small, 8'192)});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kContextLength);
  EXPECT_EQ(begun.error().message, "Input is too long for requested model.");
  EXPECT_EQ(small.calls, 1);
}

TEST_F(OverflowTest, SaysSoWhenItIsTooLongForAll) {
  Upstream a(TooLong());
  Upstream b(TooLong());
  const Result<Begun> begun = Try({Of(a, 8'192, "a"), Of(b, 16'384, "b")});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kContextLength);
  EXPECT_FALSE(begun.error().retry_after);
  EXPECT_EQ(a.calls + b.calls, 2);
}

TEST_F(OverflowTest, IsUnavailableWhenTheLargerModelOnlyFailed) {
  Upstream small(TooLong());
  Error down{.code = ErrorCode::kUpstream, .message = "down"};
  down.upstream_status = 503;
  Upstream large(down);
  const Result<Begun> begun = Try({Of(small, 8'192), Of(large, 131'072)});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(small.calls, 1);
}

TEST_F(OverflowTest, NeedsNoPromotionForAHigherTier) {
  Promotion closed({.share = 0, .always_per_minute = 0, .most_per_hour = {}});
  Upstream small(TooLong());
  Upstream high;
  Candidate above = Of(high, 131'072);
  above.tier = 1;
  above.promotion = &closed;
  EXPECT_TRUE(Try({Of(small, 8'192), above}));

  Upstream down(Error{.code = ErrorCode::kUnavailable, .message = "down"});
  EXPECT_FALSE(Try({Of(down, 8'192), above}));
}

TEST_F(OverflowTest, IsASignOfLifeForTheBreaker) {
  Target target(1, {});
  Upstream small(TooLong());
  Candidate candidate = Of(small, 8'192);
  candidate.target = &target;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(Try({candidate}));
  EXPECT_EQ(small.calls, 50);
  EXPECT_EQ(target.Look(clock_.Now()).state, Breaker::State::kClosed);
  EXPECT_EQ(target.Look(clock_.Now()).in_flight, 0);
}

}  // namespace
}  // namespace triage::dispatch
