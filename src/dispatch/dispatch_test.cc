#include "dispatch/dispatch.h"

#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "dispatch/reply_test_support.h"

namespace triage::dispatch {
namespace {

/// Fails as told, then answers; remembers the limits it was called with.
class ScriptedProvider final : public llm::Provider {
 public:
  explicit ScriptedProvider(std::deque<Error> failures, CancelScope* cancels = nullptr)
      : failures_(std::move(failures)), cancels_(cancels) {}

  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming&) override {
    ++calls;
    total = call.limits.total;
    if (cancels_ != nullptr) cancels_->Cancel();
    if (!failures_.empty()) {
      Error error = failures_.front();
      failures_.pop_front();
      co_return error;
    }
    std::unique_ptr<llm::Reply> reply = std::make_unique<EmptyReply>();
    co_return std::move(reply);
  }

  int calls = 0;
  std::chrono::milliseconds total{0};

 private:
  std::deque<Error> failures_;
  CancelScope* cancels_;
};

struct Ran {
  std::optional<Result<Begun>> result;
  std::vector<Trace> traces;
};

Task<void> Drive(std::span<const Candidate> candidates, Options options, CancelScope& cancel,
                 Ran& run) {
  llm::Request request;
  run.result.emplace(
      co_await Dispatch(request, candidates, options, cancel, SystemClock(), run.traces));
}

Ran Try(std::vector<Candidate> candidates, Options options, CancelScope& cancel) {
  Ran run;
  TaskGroup group;
  group.Spawn(Drive(candidates, options, cancel, run));
  EXPECT_EQ(group.active(), 0);
  return run;
}

Error Failure(ErrorCode code, std::optional<std::chrono::milliseconds> retry_after = {}) {
  return Error{.code = code, .message = "scripted", .retry_after = retry_after};
}

TEST(Dispatch, FallsBackUntilAModelAnswers) {
  ScriptedProvider down({Failure(ErrorCode::kUnavailable)});
  ScriptedProvider limited({Failure(ErrorCode::kRateLimited)});
  ScriptedProvider well({});
  CancelScope cancel;
  const Ran run = Try({{.provider = &down, .name = "a"},
                       {.provider = &limited, .name = "b"},
                       {.provider = &well, .name = "c"}},
                      {}, cancel);
  ASSERT_TRUE(run.result->has_value());
  EXPECT_EQ((*run.result)->candidate, 2);
  ASSERT_EQ(run.traces.size(), 3U);
  EXPECT_EQ(run.traces[1].error->code, ErrorCode::kRateLimited);
  EXPECT_FALSE(run.traces[2].error.has_value());
}

TEST(Dispatch, DoesNotTryOthersForWhatTheClientGotWrong) {
  ScriptedProvider strict({Failure(ErrorCode::kInvalidRequest)});
  ScriptedProvider well({});
  CancelScope cancel;
  const Ran run = Try({{.provider = &strict}, {.provider = &well}}, {}, cancel);
  EXPECT_EQ(run.result->error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(well.calls, 0);
}

TEST(Dispatch, NamesEveryModelWhenAllFailAndGivesTheShortestWait) {
  ScriptedProvider first({Failure(ErrorCode::kRateLimited, std::chrono::seconds(9))});
  ScriptedProvider second({Failure(ErrorCode::kRateLimited, std::chrono::seconds(3))});
  CancelScope cancel;
  const Ran run =
      Try({{.provider = &first, .name = "a"}, {.provider = &second, .name = "b"}}, {}, cancel);
  EXPECT_EQ(run.result->error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(run.result->error().retry_after, std::chrono::seconds(3));
  EXPECT_EQ(run.result->error().message, "no model could answer: a rate_limited; b rate_limited");
}

TEST(Dispatch, StopsAtTheBoundOfAttempts) {
  ScriptedProvider down(
      {Failure(ErrorCode::kTimeout), Failure(ErrorCode::kTimeout), Failure(ErrorCode::kTimeout)});
  CancelScope cancel;
  const Candidate candidate{.provider = &down};
  const Ran run = Try({candidate, candidate, candidate}, {.max_attempts = 2}, cancel);
  EXPECT_EQ(down.calls, 2);
  EXPECT_EQ(run.result->error().code, ErrorCode::kTimeout);
}

TEST(Dispatch, NeverTriesAgainForAClientThatHasGone) {
  CancelScope cancel;
  ScriptedProvider down({Failure(ErrorCode::kUnavailable)}, &cancel);
  ScriptedProvider well({});
  const Ran run = Try({{.provider = &down}, {.provider = &well}}, {}, cancel);
  EXPECT_EQ(run.result->error().code, ErrorCode::kCancelled);
  EXPECT_EQ(well.calls, 0);
}

TEST(Dispatch, GivesAnAttemptNoMoreThanWhatIsLeftOfTheDeadline) {
  ScriptedProvider well({});
  CancelScope cancel;
  const Ran run = Try({{.provider = &well}},
                      {.deadline = SystemClock().Now() + std::chrono::seconds(5)}, cancel);
  EXPECT_TRUE(run.result->has_value());
  EXPECT_LE(well.total, std::chrono::seconds(5));
  EXPECT_GT(well.total, std::chrono::seconds(3));
}

TEST(Dispatch, RefusesAtOnceWhenTheDeadlineHasPassed) {
  ScriptedProvider well({});
  CancelScope cancel;
  const Ran run = Try({{.provider = &well}},
                      {.deadline = SystemClock().Now() - std::chrono::seconds(1)}, cancel);
  EXPECT_EQ(run.result->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(well.calls, 0);
}

}  // namespace
}  // namespace triage::dispatch
