#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/demo_curve.h"
#include "app/demo_ladder.h"
#include "app/demo_load.h"
#include "app/demo_traffic.h"
#include "app/simulated_host.h"

namespace triage::app {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<simulate::RecordedQuestion> ThreeQuestions() {
  std::vector<simulate::RecordedQuestion> questions;
  for (const char* id : {"q1", "q2", "q3"}) {
    questions.push_back({.id = id,
                         .dataset = "cruxeval",
                         .subject = "",
                         .prompt = std::string("what is ") + id + "?",
                         .scores = {{"llama-3.1-8b", 0.5}},
                         .answers = {{"llama-3.1-8b", std::string("Größe of ") + id}}});
  }
  return questions;
}

TEST(Traffic, AsksEveryQuestionOnceAndTheSameForTheSameSeed) {
  std::vector<simulate::RecordedQuestion> questions(500);
  const auto traffic = MakeTraffic(questions, 3);
  const auto again = MakeTraffic(questions, 3);
  std::set<std::size_t> asked;
  std::set<std::string> users;
  int streams = 0;
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    asked.insert(traffic[i].question);
    users.insert(traffic[i].user);
    streams += traffic[i].stream ? 1 : 0;
    EXPECT_EQ(traffic[i].question, again[i].question);
    EXPECT_EQ(traffic[i].user, again[i].user);
  }
  EXPECT_EQ(asked.size(), 500U);
  EXPECT_GT(users.size(), 20U);
  EXPECT_NEAR(streams, 250, 60);
}

TEST(Traffic, IsWrittenAsTheApiTakesIt) {
  DemoRequest request{.question = 0,
                      .stream = true,
                      .user = "ada",
                      .team = "t",
                      .feature = "f",
                      .session = "s",
                      .impact = "high"};
  EXPECT_EQ(
      RequestBody(request, "a\"b"),
      R"({"model":"auto","messages":[{"role":"user","content":"a\"b"}],"stream":true,"stream_options":{"include_usage":true}})");
  request.stream = false;
  EXPECT_THAT(RequestBody(request, "x"), Not(HasSubstr("stream")));
  EXPECT_EQ(net::FindHeader(RequestHeaders(request), "X-Triage-Impact"), "high");
}

TEST(Replies, AreTakenApart) {
  DemoReply whole;
  ReadReply(
      R"({"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}})",
      false, whole);
  EXPECT_EQ(whole.text, "hi");
  EXPECT_EQ(whole.prompt_tokens, 3);
  EXPECT_EQ(whole.error, "");

  DemoReply streamed;
  ReadReply(
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"h\"}}]}\n\ndata: "
      "{\"choices\":[{\"delta\":{\"content\":\"i\"}}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: "
      "[DONE]\n\n",
      true, streamed);
  EXPECT_EQ(streamed.text, "hi");
  EXPECT_EQ(streamed.completion_tokens, 1);
  EXPECT_EQ(streamed.error, "");
}

TEST(Replies, ThatAreBrokenAreErrors) {
  const auto error = [](std::string_view body, bool stream) {
    DemoReply reply;
    ReadReply(body, stream, reply);
    return reply.error;
  };
  EXPECT_EQ(error(R"({"error":{"message":"no"}})", false), "no");
  EXPECT_THAT(error("<html>", false), HasSubstr("no JSON"));
  EXPECT_THAT(error("{}", false), HasSubstr("without choices"));
  EXPECT_THAT(error("data: {\"choices\":[]}\n\n", true), HasSubstr("without [DONE]"));
  EXPECT_EQ(error("data: {\"error\":{\"message\":\"cut\"}}\n\n", true), "cut");
  EXPECT_THAT(error("data: nonsense\n\n", true), HasSubstr("no JSON"));
  EXPECT_EQ(error(R"({"choices":[3]})", false), "");
}

std::vector<DemoRung> TestLadder() {
  auto ladder = MakeLadder(std::string(TRIAGE_SOURCE_DIR) + "/data/prices.json");
  return ladder ? *ladder : std::vector<DemoRung>{};
}

TEST(Ladders, HaveThePricesOfTheFile) {
  const auto ladder = TestLadder();
  ASSERT_EQ(ladder.size(), 3U);
  EXPECT_EQ(ladder[0].input.nano_dollars, 180'000'000);
  EXPECT_EQ(ladder[2].output.nano_dollars, 10'000'000'000);
  EXPECT_EQ(AnswerCost(ladder[2], 100, 10), NanoDollars(350'000));
  EXPECT_FALSE(MakeLadder("/nonexistent/prices.json"));
}

TEST(Ladders, PriceAndTimeTheRecordedAnswers) {
  const auto ladder = TestLadder();
  const auto outcomes = RecordedOutcomes(ThreeQuestions()[0], ladder, 1);
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].score, 0.5);
  EXPECT_EQ(outcomes[0].cost, AnswerCost(ladder[0], 3, 3));  // 11 and 11 characters
  EXPECT_EQ(outcomes[2].score, std::nullopt);
  EXPECT_GT(outcomes[0].latency_ms, 50);
}

TEST(Outcomes, JoinReplyAndLedger) {
  const auto ladder = TestLadder();
  const simulate::RecordedAnswers recorded(ThreeQuestions());
  const auto& question = recorded.questions()[0];
  ledger::Exchange exchange;
  exchange.cost = AnswerCost(ladder[0], 3, 3);
  exchange.decision.decide_time = std::chrono::microseconds(20);
  exchange.attempts.resize(2);
  exchange.attempts[0].error = "upstream";
  exchange.attempts[1].kind = ledger::AttemptKind::kFallback;
  DemoReply reply;
  reply.status = 200;
  reply.model = "llama-8b-west";
  reply.text = "Größe of q1";
  reply.prompt_tokens = 3;
  reply.completion_tokens = 3;
  reply.total = std::chrono::milliseconds(20);
  const auto join = [&](const DemoReply& r, const ledger::Exchange* e) {
    return JoinOutcome(question, recorded, r, e, ladder, 1, 10);
  };
  const DemoOutcome outcome = join(reply, &exchange);
  EXPECT_EQ(outcome.delivered, 0);
  EXPECT_TRUE(outcome.text_matches);
  EXPECT_TRUE(outcome.cost_agrees);
  EXPECT_TRUE(outcome.fallback);
  EXPECT_DOUBLE_EQ(outcome.latency_ms, 200);
  EXPECT_DOUBLE_EQ(outcome.decide_us, 20);

  EXPECT_FALSE(join(reply, nullptr).cost_agrees);
  DemoReply wrong = reply;
  wrong.cost_usd = "0.01";
  EXPECT_FALSE(join(wrong, &exchange).cost_agrees);
  wrong = reply;
  wrong.text = "else";
  EXPECT_FALSE(join(wrong, &exchange).text_matches);
  wrong = reply;
  wrong.error = "status 503";
  EXPECT_EQ(join(wrong, &exchange).delivered, -1);
  exchange.cost += NanoDollars(1);
  EXPECT_FALSE(join(reply, &exchange).cost_agrees);

  // An answer that did not pass its checks is paid for too.
  exchange.attempts[0] = {};
  exchange.attempts[0].model = "llama-70b-east";
  exchange.cost = AnswerCost(ladder[0], 3, 3) + outcome.tiers[1].cost;
  EXPECT_TRUE(join(reply, &exchange).cost_agrees);
  exchange.cost = AnswerCost(ladder[0], 3, 3);
  EXPECT_FALSE(join(reply, &exchange).cost_agrees);
}

TEST(Configurations, NameEveryHostWithItsPrice) {
  const auto ladder = TestLadder();
  const std::vector<DemoEndpoint> endpoints = {{"llama-8b-east", 1},
                                               {"llama-8b-west", 2},
                                               {"llama-70b-east", 3},
                                               {"llama-70b-west", 4},
                                               {"gpt-4o", 5}};
  const std::string text = DemoConfig(ladder, endpoints, 8080, "x.db");
  EXPECT_THAT(text, HasSubstr("llama-8b-west: {provider: llama-8b-west, model: llama-3.1-8b, "
                              "context: 128000, capabilities: [json], "
                              "prices: {input: 0.18, output: 0.18}}"));
  EXPECT_THAT(text, HasSubstr("chain: [llama-8b-east, llama-8b-west]"));
}

TEST(Curves, FollowTheRoutersOwnOperatingPoints) {
  const auto router =
      learn::Router::Load(std::string(TRIAGE_SOURCE_DIR) + "/models/default.triage");
  ASSERT_TRUE(router) << router.error().message;
  std::vector<DemoOutcome> outcomes(2);
  outcomes[0].prompt = "What is 2 + 2?";
  outcomes[1].prompt = "Prove that there are infinitely many primes p with p = 3 mod 4.";
  for (DemoOutcome& outcome : outcomes) {
    outcome.tiers = {
        {0.0, NanoDollars(1), 0}, {0.5, NanoDollars(10), 0}, {1.0, NanoDollars(100), 0}};
  }
  const auto curve = OperatingCurve(**router, outcomes);
  ASSERT_EQ(curve.size(), (*router)->parts().thresholds.size());
  EXPECT_LE(curve.front().cost_ratio, curve.back().cost_ratio);
  for (const CurvePoint& point : curve) {
    EXPECT_GE(point.cost_ratio, 0.01);
    EXPECT_LE(point.cost_ratio, 1.0);
    EXPECT_GE(point.quality, 0.0);
    EXPECT_LE(point.quality, 1.0);
  }
  for (DemoOutcome& outcome : outcomes) outcome.tiers.pop_back();
  EXPECT_TRUE(OperatingCurve(**router, outcomes).empty());
  EXPECT_TRUE(OperatingCurve(**router, {}).empty());
}

TEST(Loads, GoOverRealSocketsAndComeBackWhole) {
  const auto questions = ThreeQuestions();
  simulate::ProviderOptions options;
  options.models = {simulate::ModelSpec{.name = "auto"}};
  options.speed = 1000;
  auto recorded = ThreeQuestions();
  for (auto& question : recorded) question.answers[0].first = "auto";
  options.answers = std::make_shared<simulate::RecordedAnswers>(std::move(recorded));
  options.faults = std::make_shared<simulate::FaultSchedule>(
      std::vector{*simulate::ParseFaultRule("auto:status=503,every=10")}, 1);
  auto host = SimulatedHost::Start(options, {}, 2);
  ASSERT_TRUE(host) << host.error().message;

  std::vector<DemoRequest> requests;
  for (std::size_t i = 0; i < 60; ++i)
    requests.push_back({.question = i % 3,
                        .stream = i % 2 == 0,
                        .user = "u",
                        .team = "t",
                        .feature = "f",
                        .session = "s",
                        .impact = "low"});
  LoadOptions load;
  load.origin.host = "127.0.0.1";
  load.origin.port = (*host)->port();
  load.concurrency = 8;
  net::Loop loop;
  std::size_t done = 0;
  const auto replies =
      RunLoad(loop, load, questions, requests, SystemClock(), [&](std::size_t n) { done = n; });
  EXPECT_EQ(done, 60U);
  int failed = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].status == 503) {
      ++failed;
      EXPECT_THAT(replies[i].error, HasSubstr("overloaded"));
      continue;
    }
    EXPECT_EQ(replies[i].error, "");
    EXPECT_EQ(replies[i].text, "Größe of " + questions[i % 3].id);
    EXPECT_EQ(replies[i].completion_tokens, 3);
    EXPECT_GT(replies[i].total.count(), 0);
  }
  EXPECT_EQ(failed, 6);
  EXPECT_EQ((*host)->requests(), 60U);
  EXPECT_EQ((*host)->faults(), 6U);
}

TEST(Loads, ToNobodyAreErrorsNotHangs) {
  std::uint16_t port = 0;
  {
    auto host = SimulatedHost::Start({}, {}, 1);
    ASSERT_TRUE(host);
    port = (*host)->port();
  }
  const auto questions = ThreeQuestions();
  const std::vector<DemoRequest> requests(2);
  LoadOptions load;
  load.origin.host = "127.0.0.1";
  load.origin.port = port;
  net::Loop loop;
  const auto replies = RunLoad(loop, load, questions, requests, SystemClock(), [](std::size_t) {});
  for (const DemoReply& reply : replies) {
    EXPECT_EQ(reply.status, 0);
    EXPECT_NE(reply.error, "");
  }
}

TEST(SimulatedHosts, SayInOneLineThatAPortIsTaken) {
  auto first = SimulatedHost::Start({}, {}, 1);
  ASSERT_TRUE(first);
  net::ServerOptions server;
  server.port = (*first)->port();
  const auto second = SimulatedHost::Start({}, server, 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace triage::app
