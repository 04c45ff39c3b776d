#include "app/what_if.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/load_config.h"
#include "config/schema.h"
#include "decide/explain.h"
#include "detect/reading.h"
#include "verify/checks.h"

namespace triage::app {
namespace {

using testing::HasSubstr;

constexpr const char* kContract = "Summarise this contract and list the termination clauses";

Supposed ByTheCeo(const std::string& impact) {
  const Result<config::Snapshot> config = LoadExample("three-tier");
  EXPECT_TRUE(config);
  Supposed supposed{.text = kContract, .model = "auto", .context = {}, .config = **config};
  supposed.context.user = "ceo";
  supposed.context.impact = *llm::ParseImpact(impact);
  return supposed;
}

Supposition Decided(const Supposed& supposed) {
  Result<Supposition> decided = DecideSupposed(supposed);
  EXPECT_TRUE(decided);
  return *std::move(decided);
}

TEST(WhatIf, ACriticalContractGoesToTheFrontierAndOneOfLowImpactNeverToTheCheapest) {
  const decide::Decision critical = Decided(ByTheCeo("critical")).decision;
  EXPECT_EQ(critical.TierName(), "frontier");
  EXPECT_EQ(critical.query_type, "summary");
  EXPECT_THAT(critical.detected, testing::Contains("legal"));
  EXPECT_EQ(decide::Reason(critical), "policy: critical work: at least frontier");
  const decide::Decision low = Decided(ByTheCeo("low")).decision;
  EXPECT_EQ(low.TierName(), "balanced");
  EXPECT_EQ(decide::Reason(low), "policy: legal language (preset general): at least balanced");
}

TEST(Detecting, HasTheNamesThatTheConfigurationKnows) {
  std::string findings;
  for (std::size_t i = 0; i < static_cast<std::size_t>(detect::Finding::kCount); ++i) {
    findings += (i == 0 ? "" : "|") + std::string(Name(static_cast<detect::Finding>(i)));
  }
  EXPECT_EQ(findings, config::kFindingWords);
  std::string types;
  for (std::size_t i = 1; i < static_cast<std::size_t>(detect::QueryType::kCount); ++i) {
    types += (i == 1 ? "" : "|") + std::string(Name(static_cast<detect::QueryType>(i)));
  }
  EXPECT_EQ(types, config::kQueryTypeWords);
}

TEST(Checking, HasTheNamesThatTheConfigurationKnows) {
  const Result<verify::Checks> checks = verify::Checks::Make({});
  ASSERT_TRUE(checks);
  std::vector<std::string> names = checks->Names();
  std::vector<std::string> configured;
  std::istringstream words{std::string(config::kCheckWords)};
  for (std::string word; std::getline(words, word, '|');) configured.push_back(word);
  std::ranges::sort(names);
  std::ranges::sort(configured);
  EXPECT_EQ(names, configured);
}

TEST(WhatIf, SetsWhatTheRequestAndTheRoutingSay) {
  Supposed supposed = ByTheCeo("low");
  for (const char* assignment :
       {"impact=high", "error_tolerance=low", "user=", "feature=chat", "stakes=0.5", "band=0.1",
        "keep_quality=0.9", "preset=chat_bot", "max_tier=fast", "model=tier:fast"}) {
    const Result<void> set = Suppose(supposed, assignment);
    EXPECT_TRUE(set) << assignment;
  }
  EXPECT_EQ(supposed.context.impact, llm::Impact::kHigh);
  EXPECT_EQ(supposed.context.user, "");
  EXPECT_EQ(supposed.config.routing.stakes, NanoDollars(500'000'000));
  EXPECT_EQ(supposed.config.routing.rule, config::Rule::kExpectedCost);
  EXPECT_EQ(supposed.config.routing.preset, "chat_bot");
  EXPECT_TRUE(Suppose(supposed, "rule=thresholds"));
  EXPECT_EQ(supposed.config.routing.rule, config::Rule::kThresholds);
}

TEST(WhatIf, SaysWhatMayBeSet) {
  Supposed supposed = ByTheCeo("low");
  for (const char* assignment :
       {"impact=huge", "impact", "mood=bad", "stakes=-1", "stakes=", "band=0.7", "band=x",
        "keep_quality=0", "keep_quality=nan", "rule=dice", "preset=chatbot", "=1", ""}) {
    const Result<void> set = Suppose(supposed, assignment);
    ASSERT_FALSE(set) << assignment;
    EXPECT_THAT(set.error().message, HasSubstr("expected")) << assignment;
  }
}

TEST(WhatIf, NamesTheChangesThatWouldSendItElsewhere) {
  const Supposed supposed = ByTheCeo("low");
  const auto changes = ChangesOf(supposed, Decided(supposed).decision);
  const auto critical = std::ranges::find(changes, "impact=critical", &Change::what);
  ASSERT_NE(critical, changes.end());
  EXPECT_EQ(critical->tier, "frontier");
  for (const Change& change : changes) EXPECT_NE(change.tier, "balanced") << change.what;
}

TEST(WhatIf, HigherStakesNeverBuyACheaperTier) {
  int last = 0;
  for (const char* stakes : {"stakes=0.0001", "stakes=0.01", "stakes=1", "stakes=100"}) {
    Supposed supposed = ByTheCeo("normal");
    supposed.text = "Plan the menu of a wedding for eighty guests with three vegetarians.";
    ASSERT_TRUE(Suppose(supposed, stakes));
    const int tier = Decided(supposed).decision.tier;
    EXPECT_GE(tier, last) << stakes;
    last = tier;
  }
  EXPECT_EQ(last, 2);
}

TEST(WhatIf, WeighsWordsByLeavingThemOut) {
  Supposed supposed = ByTheCeo("normal");
  supposed.text = "Compute the integral of x^2 from 0 to 3 and explain every step of it.";
  const Supposition decided = Decided(supposed);
  const auto words = WordsOf(supposed, *decided.snapshot, 0, 2);
  ASSERT_FALSE(words.empty());
  EXPECT_LE(words.size(), 4U);
  for (const WordWeight& weight : words) {
    EXPECT_NE(supposed.text.find(weight.word.substr(1)), std::string::npos) << weight.word;
    EXPECT_GE(std::abs(weight.points), 0.5);
  }
  supposed.text = "";
  EXPECT_TRUE(WordsOf(supposed, *decided.snapshot, 0).empty());
}

}  // namespace
}  // namespace triage::app
