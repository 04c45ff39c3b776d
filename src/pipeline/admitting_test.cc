#include "pipeline/admitting.h"

#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "ledger/memory/memory_sink.h"
#include "testing/fake_clock.h"

namespace triage::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Sleeping lets something happen first, then lasts as long as nobody has ended it.
class ScriptedTimer final : public dispatch::Timer {
 public:
  explicit ScriptedTimer(triage::testing::FakeClock& clock) : clock_(clock) {}

  Task<void> Sleep(milliseconds duration, CancelScope& cancel) override {
    slept = duration;
    if (meanwhile) meanwhile();
    if (!cancel.cancelled()) clock_.Advance(duration);
    co_return;
  }

  std::function<void()> meanwhile;
  milliseconds slept{0};

 private:
  triage::testing::FakeClock& clock_;
};

class PlaceTest : public ::testing::Test {
 protected:
  PlaceTest() {
    gate_.Configure({.concurrency = 1,
                     .queue = 10,
                     .reserve = 0,
                     .max_wait = seconds(10),
                     .bulk_wait = seconds(60),
                     .target_wait = milliseconds(500)});
  }

  Result<void> WaitFor(Place& place, SteadyTime deadline = SteadyTime::max()) {
    std::optional<Result<void>> result;
    TaskGroup group;
    group.Spawn(Drive(place, deadline, result));
    EXPECT_EQ(group.active(), 0);
    return *result;
  }

  Task<void> Drive(Place& place, SteadyTime deadline, std::optional<Result<void>>& result) {
    result.emplace(co_await place.Wait(deadline, client_gone_));
  }

  Place::Entry Enter(Place& place) {
    return place.Enter(admission_, context_, PriorityOf(admission_, context_));
  }

  triage::testing::FakeClock clock_;
  ScriptedTimer timer_{clock_};
  ledger::MemorySink ledger_;
  observe::Registry registry_;
  observe::GatewayMetrics metrics_{registry_};
  admit::Gate gate_{clock_};
  admit::ClientSlots clients_;
  admit::Metrics admission_metrics_{registry_};
  feedback::Sessions sessions_{feedback::SessionOptions{}};
  RecentRequests recent_;
  Worker worker_{.clock = clock_,
                 .random = Random(1),
                 .sink = ledger_,
                 .timer = timer_,
                 .metrics = metrics_,
                 .gate = gate_,
                 .clients = clients_,
                 .admission = admission_metrics_,
                 .sessions = sessions_,
                 .recent = recent_,
                 .features = {},
                 .bound = {}};
  config::Admission admission_;
  llm::Context context_;
  CancelScope client_gone_;
};

TEST_F(PlaceTest, IsTakenAtOnceWhereThereIsRoomAndGivenBack) {
  {
    Place place(worker_);
    EXPECT_EQ(Enter(place), Place::Entry::kIn);
    EXPECT_EQ(gate_.in_use(), 1U);
  }
  EXPECT_EQ(gate_.in_use(), 0U);
}

TEST_F(PlaceTest, IsWaitedForUntilAnotherExchangeEnds) {
  std::optional<Place> first(std::in_place, worker_);
  EXPECT_EQ(Enter(*first), Place::Entry::kIn);
  Place second(worker_);
  ASSERT_EQ(Enter(second), Place::Entry::kMustWait);
  timer_.meanwhile = [&] { first.reset(); };
  EXPECT_TRUE(WaitFor(second));
  EXPECT_EQ(timer_.slept, seconds(10));
  EXPECT_EQ(gate_.in_use(), 1U);
  EXPECT_NE(
      registry_.Render().find("triage_admission_wait_seconds_count{priority=\"interactive\"} 1"),
      std::string::npos);
}

TEST_F(PlaceTest, IsRefusedAfterTheLongestWaitWithAHintWhenToComeAgain) {
  Place first(worker_);
  EXPECT_EQ(Enter(first), Place::Entry::kIn);
  Place second(worker_);
  ASSERT_EQ(Enter(second), Place::Entry::kMustWait);
  const Result<void> waited = WaitFor(second);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(waited.error().retry_after);
  EXPECT_GE(*waited.error().retry_after, seconds(1));
  EXPECT_LE(*waited.error().retry_after, seconds(2));
  EXPECT_EQ(gate_.waiting(admit::Priority::kInteractive), 0U);
  EXPECT_NE(registry_.Render().find("{priority=\"interactive\",reason=\"timeout\"} 1"),
            std::string::npos);
}

TEST_F(PlaceTest, IsWaitedForNoLongerThanTheDeadline) {
  Place first(worker_);
  EXPECT_EQ(Enter(first), Place::Entry::kIn);
  Place second(worker_);
  ASSERT_EQ(Enter(second), Place::Entry::kMustWait);
  EXPECT_FALSE(WaitFor(second, clock_.Now() + milliseconds(700)));
  EXPECT_EQ(timer_.slept, milliseconds(700));
}

TEST_F(PlaceTest, IsLeftWhenTheClientGoes) {
  Place first(worker_);
  EXPECT_EQ(Enter(first), Place::Entry::kIn);
  {
    Place second(worker_);
    ASSERT_EQ(Enter(second), Place::Entry::kMustWait);
    timer_.meanwhile = [&] { client_gone_.Cancel(); };
    const Result<void> waited = WaitFor(second);
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code, ErrorCode::kCancelled);
  }
  EXPECT_EQ(gate_.waiting(admit::Priority::kInteractive), 0U);
  EXPECT_EQ(gate_.in_use(), 1U);
}

TEST_F(PlaceTest, IsGivenBackByAClientThatGoesAsItsTurnComes) {
  std::optional<Place> first(std::in_place, worker_);
  EXPECT_EQ(Enter(*first), Place::Entry::kIn);
  {
    Place second(worker_);
    ASSERT_EQ(Enter(second), Place::Entry::kMustWait);
    timer_.meanwhile = [&] {
      first.reset();
      client_gone_.Cancel();
    };
    EXPECT_FALSE(WaitFor(second));
  }
  EXPECT_EQ(gate_.in_use(), 0U);
}

TEST_F(PlaceTest, IsDeniedToAClientThatHasTooMany) {
  gate_.Configure({.concurrency = 0});
  admission_.per_client = 2;
  context_.client = 77;
  Place a(worker_);
  Place b(worker_);
  EXPECT_EQ(Enter(a), Place::Entry::kIn);
  {
    Place held(worker_);
    EXPECT_EQ(Enter(held), Place::Entry::kIn);
    EXPECT_EQ(Enter(b), Place::Entry::kRefused);
    const Error error = b.Refused(admit::Refusal::kClientLimit);
    EXPECT_EQ(error.code, ErrorCode::kRateLimited);
    EXPECT_EQ(error.retry_after, seconds(1));
    context_.client = 78;
    Place other(worker_);
    EXPECT_EQ(Enter(other), Place::Entry::kIn);
  }
  context_.client = 77;
  EXPECT_EQ(Enter(b), Place::Entry::kIn);
}

TEST_F(PlaceTest, CountsClientsByWhatIsConfigured) {
  gate_.Configure({.concurrency = 0});
  admission_.per_client = 1;
  admission_.client = config::Admission::Client::kTeam;
  context_.user = "a";
  context_.team = "red";
  context_.client = 1;
  Place first(worker_);
  EXPECT_EQ(Enter(first), Place::Entry::kIn);
  context_.client = 2;
  context_.user = "b";
  Place second(worker_);
  EXPECT_EQ(Enter(second), Place::Entry::kRefused);
  context_.team = "blue";
  Place third(worker_);
  EXPECT_EQ(Enter(third), Place::Entry::kIn);
}

TEST(PriorityOf, IsBulkByImpactOrByConfiguredNames) {
  config::Admission admission;
  admission.bulk = {.user = {"robot"}, .team = {"night"}, .feature = {"extract"}};
  const auto of = [&](auto... set) {
    llm::Context context;
    (set(context), ...);
    return PriorityOf(admission, context);
  };
  const auto impact = [](llm::Impact value) {
    return [value](llm::Context& context) { context.impact = value; };
  };
  const auto text = [](std::string llm::Context::* field, const char* value) {
    return [field, value](llm::Context& context) { context.*field = value; };
  };
  EXPECT_EQ(of(), admit::Priority::kInteractive);
  EXPECT_EQ(of(impact(llm::Impact::kLow)), admit::Priority::kBulk);
  EXPECT_EQ(of(impact(llm::Impact::kHigh)), admit::Priority::kInteractive);
  EXPECT_EQ(of(text(&llm::Context::feature, "extract")), admit::Priority::kBulk);
  EXPECT_EQ(of(text(&llm::Context::team, "night")), admit::Priority::kBulk);
  EXPECT_EQ(of(text(&llm::Context::user, "robot")), admit::Priority::kBulk);
  EXPECT_EQ(of(text(&llm::Context::user, "extract")), admit::Priority::kInteractive);
}

}  // namespace
}  // namespace triage::pipeline
