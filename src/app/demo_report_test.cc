#include "app/demo_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/demo_text.h"

namespace triage::app {
namespace {

using testing::HasSubstr;
using testing::Not;

DemoOutcome Outcome(std::string id, std::vector<TierOutcome> tiers, int delivered) {
  DemoOutcome outcome;
  outcome.id = std::move(id);
  outcome.slice = "maths";
  outcome.prompt = "question " + outcome.id;
  outcome.tiers = std::move(tiers);
  outcome.delivered = delivered;
  if (delivered >= 0) {
    outcome.cost = outcome.tiers[static_cast<std::size_t>(delivered)].cost;
    outcome.latency_ms = outcome.tiers[static_cast<std::size_t>(delivered)].latency_ms;
  }
  outcome.text_matches = delivered >= 0;
  return outcome;
}

/// Four questions, two tiers: cheap right on two of them for 10 each, dear right on three for 100
/// each; three went to the cheap tier.
std::vector<DemoOutcome> FourQuestions() {
  const auto tiers = [](double cheap, double dear) {
    return std::vector<TierOutcome>{{cheap, NanoDollars(10), 100}, {dear, NanoDollars(100), 900}};
  };
  return {Outcome("a", tiers(1, 1), 0), Outcome("b", tiers(1, 0), 0), Outcome("c", tiers(0, 1), 0),
          Outcome("d", tiers(0, 1), 1)};
}

const std::vector<DemoTier> kTwoTiers = {{"fast", "small"}, {"frontier", "big"}};

TEST(Percentiles, AreNearestRanks) {
  EXPECT_EQ(Percentile({}, 0.5), 0);
  EXPECT_EQ(Percentile({7}, 0.95), 7);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.50), 2);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.51), 3);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 1.0), 4);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.0), 1);
}

TEST(Percentiles, OfMixturesWeighTheSamples) {
  EXPECT_EQ(MixedPercentile({1, 2}, {10, 20}, 0, 0.95), 2);
  EXPECT_EQ(MixedPercentile({1, 2}, {10, 20}, 1, 0.50), 10);
  EXPECT_EQ(MixedPercentile({1, 2}, {10, 20}, 0.5, 0.50), 2);
  EXPECT_EQ(MixedPercentile({1, 2}, {10, 20}, 0.5, 0.75), 10);
}

TEST(Reports, AddUpAsByHand) {
  const auto outcomes = FourQuestions();
  const DemoReport report = Summarize(kTwoTiers, outcomes);
  EXPECT_EQ(report.questions, 4);
  EXPECT_THAT(report.tier_share, testing::ElementsAre(0.75, 0.25));
  EXPECT_DOUBLE_EQ(report.routed.quality, 0.75);
  EXPECT_EQ(report.routed.cost, NanoDollars(130));
  EXPECT_DOUBLE_EQ(report.single[0].quality, 0.5);
  EXPECT_EQ(report.single[0].cost, NanoDollars(40));
  EXPECT_DOUBLE_EQ(report.single[1].quality, 0.75);
  EXPECT_EQ(report.single[1].cost, NanoDollars(400));
  EXPECT_DOUBLE_EQ(report.cost_ratio, 0.325);
  EXPECT_DOUBLE_EQ(report.quality_ratio, 1.0);
  EXPECT_EQ(report.best_single, 1);
  EXPECT_EQ(report.best_affordable, 0);
  EXPECT_EQ(report.routed.p50_ms, 100);
  EXPECT_EQ(report.routed.p95_ms, 900);
  // 130 = 40 + 0.25 × 360: a quarter to the dear model.
  EXPECT_DOUBLE_EQ(report.mixing.dear_share, 0.25);
  EXPECT_DOUBLE_EQ(report.mixing.figures.quality, 0.5625);
  EXPECT_EQ(report.mixing.figures.cost, NanoDollars(130));
  EXPECT_DOUBLE_EQ(report.mixing.cost_ratio_for_same_quality, 1.0);
  EXPECT_TRUE(report.GoalMet());
}

TEST(Reports, CountFailuresAsWrongAnswers) {
  auto outcomes = FourQuestions();
  outcomes[0] = Outcome("a", outcomes[0].tiers, -1);
  outcomes[1].tiers[0].score.reset();
  outcomes[2].text_matches = false;
  outcomes[3].cost_agrees = false;
  outcomes[3].fallback = true;
  const DemoReport report = Summarize(kTwoTiers, outcomes);
  EXPECT_DOUBLE_EQ(report.routed.quality, 0.25);
  EXPECT_EQ(report.errors, 1);
  EXPECT_EQ(report.ungraded, 1);
  EXPECT_EQ(report.mismatches, 1);
  EXPECT_EQ(report.cost_disagreements, 1);
  EXPECT_EQ(report.fallbacks, 1);
  EXPECT_FALSE(report.GoalMet());
  EXPECT_THAT(GoalSentence(report), HasSubstr("MISSED"));
  EXPECT_THAT(DemoText(report, {}), HasSubstr("COST DISAGREES"));
}

TEST(Reports, OfNothingAreEmptyNotBroken) {
  const DemoReport report = Summarize(kTwoTiers, {});
  EXPECT_EQ(report.questions, 0);
  EXPECT_FALSE(report.GoalMet());
  EXPECT_FALSE(DemoText(report, {}).empty());
  EXPECT_TRUE(nlohmann::json::accept(DemoJson(report, {})));
}

TEST(Reports, NameTheSlicesAndQuestionsThatLostMost) {
  std::vector<DemoOutcome> outcomes;
  for (int i = 0; i < 20; ++i) {
    const auto tiers = [](double cheap) {
      return std::vector<TierOutcome>{{cheap, NanoDollars(1), 1}, {1.0, NanoDollars(2), 2}};
    };
    outcomes.push_back(Outcome("law" + std::to_string(i), tiers(i < 5 ? 0 : 1), 0));
    outcomes.back().slice = "law";
    outcomes.push_back(Outcome("code" + std::to_string(i), tiers(i < 10 ? 0 : 1), 0));
    outcomes.back().slice = "code";
  }
  outcomes.push_back(Outcome("rare", {{0.0, NanoDollars(1), 1}, {1.0, NanoDollars(2), 2}}, 0));
  outcomes.back().slice = "too small to tell";
  const DemoReport report = Summarize(kTwoTiers, outcomes);
  ASSERT_EQ(report.worst_slices.size(), 2U);
  EXPECT_EQ(report.worst_slices[0].name, "code");
  EXPECT_DOUBLE_EQ(report.worst_slices[0].routed, 0.5);
  EXPECT_EQ(report.worst_slices[1].name, "law");
  ASSERT_EQ(report.examples.size(), 3U);
  EXPECT_EQ(report.examples[0].slice, "code");
  EXPECT_EQ(report.examples[1].slice, "law");
  EXPECT_THAT(report.examples[0].scores, testing::ElementsAre(0, 1));
}

TEST(Lines, AreShortenedAtCharactersNotBytes) {
  EXPECT_EQ(OneLine("a\n\nb\tc", 10), "a b c");
  EXPECT_EQ(OneLine("äöü", 3), "äöü");
  EXPECT_EQ(OneLine("äöüß", 3), "äöü…");
}

TEST(DemoJsons, HaveTheNamesThatScriptsRelyOn) {
  const auto json = nlohmann::json::parse(DemoJson(Summarize(kTwoTiers, FourQuestions()), {}));
  EXPECT_EQ(json["questions"], 4);
  EXPECT_EQ(json["cost_ratio"], 0.325);
  EXPECT_EQ(json["quality_ratio"], 1.0);
  EXPECT_EQ(json["tier_share"]["fast"], 0.75);
  for (const char* way :
       {"routed", "always_frontier", "always_cheap", "best_single", "random_mixing"}) {
    for (const char* figure : {"cost_usd", "quality", "p50_ms", "p95_ms"}) {
      EXPECT_TRUE(json[way][figure].is_number()) << way << "." << figure;
    }
  }
  EXPECT_EQ(json["always_frontier"]["model"], "big");
  EXPECT_TRUE(json.contains("decide_us"));
  EXPECT_TRUE(json.contains("fallbacks"));
  EXPECT_TRUE(json.contains("errors"));
}

TEST(DemoPages, StandAloneAndEscapeWhatTheyQuote) {
  EXPECT_EQ(EscapeHtml("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  auto outcomes = FourQuestions();
  outcomes[2].prompt = "<script>alert(1)</script>";
  const std::string page =
      DemoHtml(Summarize({{"fast", "small<b>"}, {"frontier", "big"}}, outcomes), {});
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("small<b>")));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
}

}  // namespace
}  // namespace triage::app
