#include "ledger/decision_json.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ledger/exchange_json.h"
#include "ledger/time_text.h"
#include "testing/ledger_builders.h"

namespace triage::ledger {
namespace {

TEST(DecisionJson, HasTheMembersThatTheDocumentationPromises) {
  const Exchange exchange = TestExchange(0);
  const std::string expected =
      R"({"id":")" + exchange.id.Text() +
      R"(","time":"2026-11-24T05:00:00.000000Z","router_version":"default-1","config_version":"c0ffee",)"
      R"("context":{"user":"user-0","team":"team-0","feature":"chat","session":"session-9","impact":"high",)"
      R"("error_tolerance":"low","sensitivity":"internal"},"query_type":"code","detected":[],"preset":"","tokens_in":120,)"
      R"("tiers":[{"tier":"fast","sufficiency":0.625,"expected_cost_nusd":1000,"admissible":true,"because":""},)"
      R"({"tier":"frontier","sufficiency":0.96,"expected_cost_nusd":40000,"admissible":false,)"
      R"("because":"no \"tools\""}],"distance":0.25,"judge":null,)"
      R"("steps":[{"step":"router","from":null,"to":"fast","reason":"62.5 % ≥ 50 %"},)"
      R"({"step":"band","from":"fast","to":"frontier","reason":"near the line"}],"tier":"frontier",)"
      R"("chain":["opus","gpt"],"checks":["basic"],"confidence":0.96,"propensity":0.9,"pinned":true,)"
      R"("decide_us":12.345})";
  EXPECT_EQ(DecisionJson(exchange), expected);
}

TEST(DecisionJson, ReadsBackAsTheSameDecision) {
  const Exchange exchange = TestExchange(0);
  const Result<decide::Decision> read = ParseDecisionJson(DecisionJson(exchange));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->steps[1].from, 0);
  EXPECT_EQ(read->decide_time, exchange.decision.decide_time);
  Exchange again = exchange;
  again.decision = *read;
  EXPECT_EQ(DecisionJson(again), DecisionJson(exchange));
}

TEST(DecisionJson, TellsWhatTheJudgeSaidAndReadsItBack) {
  Exchange exchange = TestExchange(0);
  exchange.decision.judge = decide::JudgeView{
      .tier = 0, .probability = 0.25, .time = std::chrono::microseconds(83'500), .late = true};
  const std::string text = DecisionJson(exchange);
  EXPECT_NE(
      text.find(
          R"("judge":{"asked":true,"tier":"fast","probability":0.25,"ms":83.5,"late":true,"cached":false})"),
      text.npos)
      << text;
  const Result<decide::Decision> read = ParseDecisionJson(text);
  ASSERT_TRUE(read && read->judge);
  Exchange again = exchange;
  again.decision = *read;
  EXPECT_EQ(DecisionJson(again), text);
}

TEST(DecisionJson, OfADecisionThatWasNeverMadeIsStillJson) {
  const Result<decide::Decision> read = ParseDecisionJson(DecisionJson(Exchange{}));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->tier, -1);
  EXPECT_TRUE(read->tiers.empty());
  EXPECT_FALSE(read->distance.has_value());
}

TEST(DecisionJson, StaysJsonWhateverBytesAndNumbersItIsGiven) {
  Exchange exchange = TestExchange(0);
  exchange.context.user = std::string("a\"\\\n\x01\x00", 6) + "\xff\xc0\xaf\xed\xa0\x80 é 漢 😀";
  exchange.decision.tiers[0].sufficiency = std::numeric_limits<double>::quiet_NaN();
  exchange.decision.tier = 99;
  const auto json = nlohmann::json::parse(DecisionJson(exchange));
  EXPECT_EQ(json["context"]["user"], std::string("a\"\\\n\x01\x00", 6) +
                                         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                                         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD é 漢 😀");
  EXPECT_TRUE(json["tiers"][0]["sufficiency"].is_null());
  EXPECT_TRUE(json["tier"].is_null());
}

TEST(ParseDecisionJson, RefusesWhatIsNotADecision) {
  for (const char* text : {"", "{", "[]", "{}", R"({"router_version":1})"}) {
    const Result<decide::Decision> read = ParseDecisionJson(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kProtocol);
  }
}

TEST(ExchangeJson, IsOneLineWithAttemptsDecisionAndFeatures) {
  const Exchange exchange = TestExchange(4);
  const std::string line = ExchangeJson(exchange);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["id"], exchange.id.Text());
  EXPECT_EQ(json["error"], "timeout");
  EXPECT_EQ(json["cost_nusd"], exchange.cost.value());
  EXPECT_EQ(json["attempts"].size(), 2);
  EXPECT_EQ(json["attempts"][1]["reasoning"], 30);
  EXPECT_EQ(json["decision"]["tier"], "frontier");
  EXPECT_EQ(json["features"], "AAH/NA==");  // bytes 00 01 ff 34
}

TEST(ExchangeJson, WritesUnknownMoneyAsNull) {
  Exchange exchange = TestExchange(0);
  exchange.attempts[0].cost.reset();
  exchange.attempts[0].usage.reset();
  exchange.baseline_cost.reset();
  const auto json = nlohmann::json::parse(ExchangeJson(exchange));
  EXPECT_TRUE(json["attempts"][0]["cost_nusd"].is_null());
  EXPECT_FALSE(json["attempts"][0].contains("output"));
  EXPECT_TRUE(json["baseline_nusd"].is_null());
}

TEST(TimeText, IsRfc3339InUtc) {
  EXPECT_EQ(TimeText(WallTime(std::chrono::microseconds(0))), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(TimeText(WallTime(std::chrono::microseconds(-1))), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(TimeText(TestTime() + std::chrono::microseconds(3'723'004'005)),
            "2026-11-24T06:02:03.004005Z");
  EXPECT_EQ(HourText(-1), "1969-12-31T23:00Z");
  EXPECT_EQ(DayText(20'781), "2026-11-24");
}

}  // namespace
}  // namespace triage::ledger
