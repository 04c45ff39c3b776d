#include "learn/figures.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace triage::learn {
namespace {

/// Rows of two tiers; the cheap one fails with the probability that the router is told.
std::vector<TestRow> Draw(std::size_t count, double told, std::uint64_t seed) {
  std::vector<TestRow> rows(count);
  Random random(seed);
  for (TestRow& row : rows) {
    const double p = 0.2 + 0.8 * random.Uniform();
    const auto believed = static_cast<float>(told * p + (1 - told) * 0.6);
    row.routed.sufficiency = row.routed.value = {believed, 1};
    row.routed.score = {random.Uniform() < p ? 1.0F : 0.0F, 1};
    row.routed.cost = {1, 10};
    row.routed.expected_cost = {1, 10};
    row.plain = row.weighed = believed > 0.6F ? 0 : 1;
    row.prompt_bytes = 100 + random.Below(50);
  }
  return rows;
}

TEST(Figures, AGoodRouterBeatsLengthAndTheShuffleAndIsCalibrated) {
  const EvalReport report = Summarise(Draw(3000, 1, 1), 2, 200);
  EXPECT_EQ(report.rows, 3000U);
  EXPECT_GT(report.router.gap->apgr.value, 0.6);
  EXPECT_GT(report.router.gap->apgr.interval.high, report.router.gap->apgr.value);
  EXPECT_LT(report.router.gap->apgr.interval.low, report.router.gap->apgr.value);
  EXPECT_NEAR(report.length.gap->apgr.value, 0.5, 0.05);
  EXPECT_NEAR(report.shuffle.gap->apgr.value, 0.5, 0.05);
  EXPECT_GT(report.oracle.gap->apgr.value, report.router.gap->apgr.value);
  EXPECT_LT(report.router.cost95.value, report.random.cost95.value);
  EXPECT_LT(report.oracle.cost95.value, report.router.cost95.value);
  EXPECT_GE(report.router.cost99.value, report.router.cost95.value);
  EXPECT_TRUE(BetterThanLength(report));
  EXPECT_TRUE(BetterThanShuffle(report));
  EXPECT_GT(report.weighed.skill.interval.low, 0);
  EXPECT_LT(report.calibration_error.value, 2 * report.calibration_floor);
  EXPECT_NEAR(report.quality[1], 1, 1e-9);
  EXPECT_NEAR(report.cost_share[0], 0.1, 1e-9);
  ASSERT_FALSE(report.curve.empty());
  EXPECT_NEAR(report.curve.back().cost, 1, 1e-9);
  EXPECT_NEAR(report.curve.back().quality, 1, 1e-9);
  std::size_t rows = 0;
  for (const ReliabilityBin& bin : report.reliability.at(0)) rows += bin.rows;
  EXPECT_EQ(rows, 3000U);
}

TEST(Figures, ARouterThatKnowsNothingIsSaidToBeNoBetter) {
  const EvalReport report = Summarise(Draw(3000, 0, 2), 2, 200);
  EXPECT_NEAR(report.router.gap->apgr.value, 0.5, 1e-9);
  EXPECT_FALSE(BetterThanShuffle(report));
  EXPECT_FALSE(BetterThanLength(report));
  EXPECT_LE(report.weighed.skill.interval.low, 0);
}

TEST(Figures, WrongConfidenceShowsInTheCalibrationError) {
  std::vector<TestRow> rows = Draw(3000, 1, 3);
  for (TestRow& row : rows) row.routed.sufficiency[0] = 0.95F;
  const EvalReport report = Summarise(rows, 2, 50);
  EXPECT_GT(report.calibration_error.value, 0.3);
  EXPECT_LT(report.calibration_floor, 0.05);
  EXPECT_GT(report.log_loss.value, Summarise(Draw(3000, 1, 3), 2, 0).log_loss.value);
}

TEST(Figures, IntervalsCoverTheTruthAboutAsOftenAsTheySay) {
  const double truth = Summarise(Draw(60'000, 1, 4), 2, 0).router.gap->apgr.value;
  int covered = 0;
  for (std::uint64_t seed = 100; seed < 160; ++seed) {
    const Interval interval = Summarise(Draw(300, 1, seed), 2, 200).router.gap->apgr.interval;
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  EXPECT_GE(covered, 51);  // of 60; 57 expected
}

TEST(Figures, ThreeTiersHaveNoGapButCosts) {
  std::vector<TestRow> rows = Draw(2000, 1, 5);
  for (TestRow& row : rows) {
    // The middle tier is as good as the top for a third of the price.
    row.routed.sufficiency = row.routed.value = {row.routed.value[0], 1, 1};
    row.routed.score = {row.routed.score[0], 1, 1};
    row.routed.cost = {10, 30, 100};
    row.routed.expected_cost = {10, 30, 100};
  }
  const EvalReport report = Summarise(rows, 3, 50);
  EXPECT_FALSE(report.router.gap);
  EXPECT_LE(report.router.cost95.value, 0.3);
  EXPECT_NEAR(report.random.cost100.value, 0.3, 1e-9);
  EXPECT_EQ(report.reliability.size(), 2U);
}

TEST(Figures, OneRowIsEnoughToBeMeasured) {
  const EvalReport report = Summarise(Draw(1, 1, 6), 2, 10);
  EXPECT_EQ(report.rows, 1U);
  EXPECT_EQ(report.reliability.at(0).size(), 1U);
}

}  // namespace
}  // namespace triage::learn
