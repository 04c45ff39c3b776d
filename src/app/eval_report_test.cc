#include "app/eval_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace triage::app {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

Evaluation Example(std::size_t tiers) {
  Evaluation evaluation;
  evaluation.router = "test-1";
  evaluation.tiers = {"cheap", "mid<dle>"};
  evaluation.tiers.resize(tiers - 1);
  evaluation.tiers.emplace_back("dear");
  std::vector<learn::TestRow> rows(200);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    learn::TestRow& row = rows[i];
    const float p = static_cast<float>(i % 10) / 10;
    row.family = "chat";
    row.dataset = i % 2 == 0 ? "even" : "odd";
    row.prompt_bytes = i;
    for (std::size_t t = 0; t < tiers; ++t) {
      const bool top = t + 1 == tiers;
      row.routed.sufficiency[t] = row.routed.value[t] = top ? 1 : p;
      row.routed.score[t] = top || i / 10 % 10 < i % 10 ? 1 : 0;
      row.routed.cost[t] = static_cast<std::int64_t>(t + 1) * 100;
      row.routed.expected_cost[t] = static_cast<float>(row.routed.cost[t]);
    }
  }
  evaluation.all = learn::Summarise(rows, tiers, 20);
  constexpr learn::SliceBy kBy[] = {learn::SliceBy::kFamily, learn::SliceBy::kDataset};
  evaluation.slices = learn::Slices(rows, tiers, kBy, 20);
  return evaluation;
}

TEST(EvaluationJson, HasTheKeysThatScriptsRelyOn) {
  const Json json = Json::parse(EvaluationJson(Example(2)));
  for (const char* key : {"rows", "apgr", "cpt50", "cpt80", "cpt95", "ece", "cost95", "cost99"}) {
    EXPECT_TRUE(json.at(key).is_number()) << key;
  }
  for (const char* baseline : {"random", "length", "oracle", "shuffle"}) {
    EXPECT_TRUE(json.at("baselines").at(baseline).at("apgr").is_number()) << baseline;
    EXPECT_TRUE(json.at("baselines").at(baseline).at("cost95").is_number()) << baseline;
  }
  EXPECT_EQ(json.at("rows"), 200);
  EXPECT_GT(json.at("apgr"), 0.5);
  EXPECT_EQ(json.at("apgr_interval").size(), 2U);
  EXPECT_EQ(json.at("baselines").at("random").at("cpt80"), 0.8);
  EXPECT_EQ(json.at("by").at("family").at("chat").at("rows"), 200);
  EXPECT_EQ(json.at("by").at("dataset").at("odd").at("rows"), 100);
}

TEST(EvaluationJson, HasNoGapForMoreThanTwoTiers) {
  const Json json = Json::parse(EvaluationJson(Example(3)));
  EXPECT_TRUE(json.at("apgr").is_null());
  EXPECT_TRUE(json.at("cpt50").is_null());
  EXPECT_TRUE(json.at("cost95").is_number());
  EXPECT_TRUE(json.at("baselines").at("oracle").at("apgr").is_null());
}

TEST(EvaluationHtml, IsWholeByItselfAndEscapesNames) {
  const std::string page = EvaluationHtml(Example(3));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("mid&lt;dle&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("mid<dle>")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, HasSubstr("Data set odd, 100 rows"));
}

TEST(EvaluationText, SaysWhereTheRouterIsNotShownToBeBetter) {
  Evaluation evaluation = Example(2);
  EXPECT_THAT(EvaluationText(evaluation), HasSubstr("\nfamily chat, 200 rows"));
  evaluation.slices[0].report.over_length.interval.low = -0.1;
  EXPECT_THAT(EvaluationText(evaluation), HasSubstr("NOT shown to be better than length"));
}

}  // namespace
}  // namespace triage::app
