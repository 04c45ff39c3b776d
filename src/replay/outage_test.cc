#include "replay/outage.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/ledger_builders.h"

namespace triage::replay {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

prices::ModelPrices Price(std::int64_t input, std::int64_t output) {
  return {{.fresh_input = PricePerMillion(input), .output = PricePerMillion(output)}};
}

/// llama (groq) and llama-2 (together) are "fast", opus (anthropic) is "frontier".
Ladder TestLadder() {
  Ladder ladder;
  ladder.models = {
      {.name = "llama", .provider = "groq", .prices = Price(100'000'000, 100'000'000)},
      {.name = "llama-2", .provider = "together", .prices = Price(200'000'000, 400'000'000)},
      {.name = "opus", .provider = "anthropic", .prices = Price(5'000'000'000, 25'000'000'000)}};
  ladder.tiers = {{.name = "fast", .chain = {0, 1}}, {.name = "frontier", .chain = {2}}};
  ladder.promotion = {.share = 0.2, .always_per_minute = 2, .most_per_hour = NanoDollars()};
  return ladder;
}

/// Answered by llama on "fast" with 1,000 tokens in and 100 out.
ledger::Exchange Answered(std::int64_t second) {
  ledger::Exchange exchange;
  exchange.time = ledger::TestTime() + seconds(second);
  exchange.decision.tiers.resize(2);
  exchange.decision.tiers[0].tier = "fast";
  exchange.decision.tiers[1].tier = "frontier";
  exchange.decision.tier = 0;
  exchange.decision.chain = {"llama", "llama-2"};
  exchange.decision.tokens_in = 1000;
  ledger::Attempt attempt;
  attempt.provider = exchange.provider = "groq";
  attempt.model = exchange.model = "llama";
  attempt.tier = exchange.tier = "fast";
  attempt.status = exchange.status = 200;
  attempt.usage = llm::Usage{.fresh_input = 400, .cache_read = 600, .output = 100};
  attempt.cost = exchange.cost = NanoDollars(110'000);
  exchange.attempts = {attempt};
  return exchange;
}

OutageReport Play(const Ladder& ladder, const std::vector<ledger::Exchange>& exchanges,
                  std::string provider = "groq") {
  Outage outage(ladder, std::move(provider), {ledger::TestTime(), ledger::TestTime() + hours(2)});
  for (const ledger::Exchange& exchange : exchanges) outage.Add(exchange);
  return outage.Finish();
}

TEST(Outage, TheNextModelOfTheExchangesOwnChainAnswersAtItsOwnUncachedPrice) {
  const OutageReport report = Play(TestLadder(), {Answered(0), Answered(1)});
  EXPECT_EQ(report.exchanges, 2);
  EXPECT_EQ(report.affected, 2);
  EXPECT_EQ(report.fallback, 2);
  ASSERT_EQ(report.moves.size(), 1U);
  EXPECT_EQ(report.moves[0].from, "llama");
  EXPECT_EQ(report.moves[0].to, "llama-2");
  EXPECT_EQ(report.moves[0].to_tier, "fast");
  EXPECT_EQ(report.cost_now, NanoDollars(220'000));
  EXPECT_EQ(report.cost_then, NanoDollars(2 * (1000 * 200 + 100 * 400)));
  EXPECT_EQ(report.PerHour(report.cost_now), NanoDollars(110'000));  // of two hours
}

TEST(Outage, OthersAreLeftAsTheyWere) {
  const OutageReport report = Play(TestLadder(), {Answered(0)}, "anthropic");
  EXPECT_EQ(report.affected, 0);
  EXPECT_EQ(report.cost_now, report.cost_then);
  EXPECT_TRUE(report.moves.empty());
  EXPECT_EQ(OutageText(report),
            "If anthropic were down: 0 of 1 exchange (0.0 %) would need another model.\n");
}

TEST(Outage, AHigherTierTakesOverAsFarAsItsCapAllows) {
  std::vector<ledger::Exchange> exchanges;
  for (int i = 0; i < 5; ++i) {
    exchanges.push_back(Answered(i));
    exchanges.back().decision.chain = {"llama"};
  }
  exchanges.push_back(Answered(70));  // in another minute
  exchanges.back().decision.chain = {"llama"};
  const OutageReport report = Play(TestLadder(), exchanges);
  EXPECT_EQ(report.promoted, 3);
  EXPECT_EQ(report.lost, 3);
  ASSERT_EQ(report.promotion.size(), 1U);
  EXPECT_EQ(report.promotion[0].tier, "frontier");
  EXPECT_EQ(report.promotion[0].turned_away, 3);
  ASSERT_EQ(report.moves.size(), 2U);
  EXPECT_EQ(report.moves[0].why == "promotion" ? report.moves[1].why : report.moves[0].why,
            "limit reached");
  ASSERT_EQ(report.loads.size(), 1U);
  EXPECT_EQ(report.loads[0].busiest_then, 2);
  EXPECT_EQ(report.loads[0].busiest_now, 0);
}

TEST(Outage, APinnedRequestIsNotMovedToAnotherTier) {
  ledger::Exchange pinned = Answered(0);
  pinned.decision.pinned = true;
  pinned.decision.chain = {"llama"};
  const OutageReport report = Play(TestLadder(), {pinned});
  EXPECT_EQ(report.lost, 1);
  EXPECT_EQ(report.moves.at(0).why, "pinned by the request");
  EXPECT_EQ(report.cost_then, NanoDollars(0));
}

TEST(Outage, ATierThatWasNotAdmissibleDoesNotStandIn) {
  ledger::Exchange exchange = Answered(0);
  exchange.decision.chain = {"llama"};
  exchange.decision.tiers[1].admissible = false;
  EXPECT_EQ(Play(TestLadder(), {exchange}).moves.at(0).why, "no other model");
}

TEST(Outage, AProviderThatMayNotSeeTheDataDoesNotStandIn) {
  Ladder ladder = TestLadder();
  ladder.sensitivity["restricted"] = {"groq", "anthropic"};
  ledger::Exchange exchange = Answered(0);
  exchange.context.sensitivity = "restricted";
  EXPECT_EQ(Play(ladder, {exchange}).moves.at(0).to, "opus");
}

TEST(Outage, ANarrowWindowDoesNotStandIn) {
  Ladder ladder = TestLadder();
  ladder.models[1].context_window = 1050;
  EXPECT_EQ(Play(ladder, {Answered(0)}).moves.at(0).to, "opus");
  ladder.models[1].context_window = 1100;
  EXPECT_EQ(Play(ladder, {Answered(0)}).moves.at(0).to, "llama-2");
}

TEST(Outage, AKnownLimitTurnsAwayWhatIsAboveItByTheMinute) {
  Ladder ladder = TestLadder();
  ladder.models[1].per_minute = 3;
  std::vector<ledger::Exchange> exchanges;
  for (int i = 0; i < 10; ++i) exchanges.push_back(Answered(i));
  exchanges.push_back(Answered(61));
  const OutageReport report = Play(ladder, exchanges);
  EXPECT_EQ(report.fallback, 4);
  EXPECT_EQ(report.promoted, 2);
  EXPECT_EQ(report.lost, 5);
  ASSERT_EQ(report.loads.size(), 2U);
  EXPECT_EQ(report.loads[0].model, "llama-2");
  EXPECT_EQ(report.loads[0].turned_away, 7);
  EXPECT_EQ(report.loads[0].busiest_then, 3);
}

TEST(Outage, WhatCannotBePricedIsCountedAndLeftOutOfBothSums) {
  ledger::Exchange exchange = Answered(0);
  exchange.attempts[0].usage.reset();
  const OutageReport report = Play(TestLadder(), {exchange});
  EXPECT_EQ(report.fallback, 1);
  EXPECT_EQ(report.unknown_cost, 1);
  EXPECT_EQ(report.cost_now, NanoDollars(0));
  EXPECT_EQ(report.cost_then, NanoDollars(0));
}

TEST(Outage, AttemptsAtTheDeadProviderThatDidNotAnswerCostNothing) {
  ledger::Exchange exchange = Answered(0);
  exchange.attempts.push_back(exchange.attempts[0]);
  exchange.attempts[1].model = exchange.model = "llama-2";
  exchange.attempts[1].provider = exchange.provider = "together";
  exchange.attempts[0].error = "timeout";
  exchange.cost = NanoDollars(220'000);
  const OutageReport report = Play(TestLadder(), {exchange});
  EXPECT_EQ(report.affected, 0);
  EXPECT_EQ(report.cost_then, NanoDollars(110'000));
}

TEST(Outage, TheTextSaysWhereEverythingGoes) {
  Ladder ladder = TestLadder();
  ladder.models[1].per_minute = 1;
  std::vector<ledger::Exchange> exchanges = {Answered(0), Answered(1), Answered(2), Answered(3)};
  const std::string text = OutageText(Play(ladder, exchanges));
  EXPECT_THAT(text, HasSubstr("If groq were down: 4 of 4 exchanges (100.0 %) would need another"));
  EXPECT_THAT(text,
              HasSubstr("1 to another model of the same tier, 2 to a higher tier, 1 to nobody "
                        "(25.0 %)"));
  EXPECT_THAT(text, HasSubstr("opus in frontier"));
  EXPECT_THAT(text, HasSubstr("Tier frontier would take over 2 and turn away 1"));
  const std::string json = OutageJson(Play(ladder, exchanges));
  EXPECT_THAT(json, HasSubstr(R"("affected":4,"fallback":1,"promoted":2,"lost":1)"));
  EXPECT_THAT(json, HasSubstr(R"("per_minute":1,"turned_away":3)"));
}

TEST(Outage, NothingRecordedIsNoError) {
  const OutageReport report = Play(TestLadder(), {});
  EXPECT_EQ(report.exchanges, 0);
  EXPECT_THAT(OutageText(report), HasSubstr("0 of 0 exchanges (0 %)"));
}

}  // namespace
}  // namespace triage::replay
