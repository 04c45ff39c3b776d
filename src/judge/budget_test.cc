#include "judge/budget.h"

#include <cmath>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "judge/estimate.h"

namespace triage::judge {
namespace {

constexpr NanoDollars Dollars(double amount) {
  return NanoDollars(static_cast<std::int64_t>(amount * 1e9));
}

TEST(Intervention, AnAnswerIsCheckedWhenTheLossThatIsAvoidedExceedsThePrice) {
  Intervention check{.p_bad = 0.05,
                     .sensitivity = 0.8,
                     .stakes = Dollars(0.05),
                     .retry_cost = Dollars(0.01),
                     .check_cost = Dollars(0.0001),
                     .per_second = {}};
  // 0.05 × 0.8 × $0.04 = $0.0016 > $0.0001
  EXPECT_TRUE(WorthChecking(check));
  check.check_cost = Dollars(0.0016);
  EXPECT_FALSE(WorthChecking(check)) << "not when it only pays for itself exactly";
  check.check_cost = NanoDollars(1'599'999);
  EXPECT_TRUE(WorthChecking(check));
}

TEST(Intervention, WaitingHasAPriceToo) {
  Intervention check{.p_bad = 0.05,
                     .sensitivity = 0.8,
                     .stakes = Dollars(0.05),
                     .retry_cost = Dollars(0.01),
                     .check_cost = Dollars(0.0001),
                     .check_time = std::chrono::milliseconds(500),
                     .per_second = Dollars(0.002)};
  EXPECT_TRUE(WorthChecking(check));  // $0.0011 < $0.0016
  check.check_time = std::chrono::milliseconds(800);
  EXPECT_FALSE(WorthChecking(check));
}

TEST(Intervention, NothingIsGainedWhereRepairCostsMoreThanTheHarm) {
  EXPECT_FALSE(WorthChecking({.p_bad = 1,
                              .stakes = Dollars(0.01),
                              .retry_cost = Dollars(0.01),
                              .check_cost = {},
                              .per_second = {}}));
  EXPECT_FALSE(WorthChecking(
      {.p_bad = 0, .stakes = Dollars(9), .retry_cost = {}, .check_cost = {}, .per_second = {}}));
  EXPECT_FALSE(WorthChecking({.p_bad = std::nan(""),
                              .stakes = Dollars(9),
                              .retry_cost = {},
                              .check_cost = {},
                              .per_second = {}}));
  EXPECT_TRUE(WorthChecking({.p_bad = 1,
                             .stakes = NanoDollars(INT64_MAX),
                             .retry_cost = {},
                             .check_cost = {},
                             .per_second = {}}));
}

MeasurementSampler::Answer Cheap(std::size_t type = 0) {
  return {.tier = 0,
          .query_type = type,
          .cost = NanoDollars(100'000),
          .stakes = Dollars(0.05),
          .check_cost = NanoDollars(50'000)};
}

MeasurementSampler::Answer Dear() {
  return {.tier = 1,
          .query_type = 0,
          .cost = NanoDollars(10'000'000),
          .stakes = Dollars(0.05),
          .check_cost = NanoDollars(50'000)};
}

TEST(Sampler, AllChecksTogetherCostAtMostTheirShareOfSpending) {
  MeasurementSampler sampler({.query_types = 2, .floors = {0.5, 0.5}, .share = 0.02});
  Random random(1);
  for (int i = 0; i < 50'000; ++i) {
    const auto answer = i % 50 == 0 ? Dear() : Cheap(static_cast<std::size_t>(i % 2));
    const auto draw = sampler.Ask(answer, random.Uniform());
    const auto totals = sampler.totals();
    ASSERT_LE(static_cast<double>(totals.checks.value()),
              0.02 * static_cast<double>(totals.spending.value()));
    if (draw.check) sampler.Checked(answer, NanoDollars(40'000), random.Uniform() < 0.1);
  }
  EXPECT_GT(sampler.totals().over_budget, 0) << "floors of a half cannot be paid for";
  EXPECT_GT(sampler.totals().drawn, 100);
}

TEST(Sampler, WithinTheBudgetTheExpectedShareIsSpent) {
  MeasurementSampler sampler({.query_types = 1, .floors = {0.0001, 0.0001}, .share = 0.02});
  Random random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto answer = i % 20 == 0 ? Dear() : Cheap();
    const auto draw = sampler.Ask(answer, random.Uniform());
    if (draw.check) sampler.Checked(answer, answer.check_cost, random.Uniform() < 0.05);
  }
  const auto totals = sampler.totals();
  const double share =
      static_cast<double>(totals.checks.value()) / static_cast<double>(totals.spending.value());
  EXPECT_GT(share, 0.016);
  EXPECT_LE(share, 0.02);
}

TEST(Sampler, StrataThatAreWorseOrHaveMoreAtStakeAreCheckedMoreOften) {
  MeasurementSampler sampler({.query_types = 3, .floors = {0.001}, .share = 0.02});
  Random random(3);
  double probability[3] = {};
  for (int i = 0; i < 60'000; ++i) {
    auto answer = Cheap(static_cast<std::size_t>(i % 3));
    if (answer.query_type == 2) answer.stakes = Dollars(0.15);
    const auto draw = sampler.Ask(answer, random.Uniform());
    if (draw.probability > 0) probability[answer.query_type] = draw.probability;
    const double bad = answer.query_type == 1 ? 0.4 : 0.02;
    if (draw.check) sampler.Checked(answer, answer.check_cost, random.Uniform() < bad);
  }
  EXPECT_GT(probability[1], 1.5 * probability[0]);
  EXPECT_GT(probability[2], 1.5 * probability[0]);
}

TEST(Sampler, NoStratumFallsBelowItsFloorOrAboveOne) {
  MeasurementSampler sampler({.query_types = 1, .floors = MeasurementSampler::DefaultFloors(4)});
  Random random(4);
  constexpr double kFloors[] = {0.01, 0.005, 0.002, 0.002};
  for (int i = 0; i < 20'000; ++i) {
    auto answer = Dear();
    answer.tier = static_cast<std::size_t>(i % 4);
    const auto draw = sampler.Ask(answer, random.Uniform());
    EXPECT_LE(draw.probability, 1.0);
    if (draw.probability > 0) EXPECT_GE(draw.probability, kFloors[answer.tier]);
    if (draw.check) sampler.Abandoned(answer, NanoDollars(0));
  }
  EXPECT_EQ(sampler.totals().checks.value(), 0);
}

TEST(Sampler, AnUnknownTierOrQueryTypeIsCountedWithTheLast) {
  MeasurementSampler sampler({.query_types = 2, .floors = {0.01}});
  auto answer = Cheap(99);
  answer.tier = 99;
  (void)sampler.Ask(answer, 0.5);
  sampler.Checked(answer, {}, true);
  EXPECT_EQ(sampler.totals().answers, 1);
}

TEST(Sampler, KeepsItsBudgetUnderManyThreads) {
  MeasurementSampler sampler({.query_types = 2, .floors = {0.05, 0.05}});
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&sampler, t] {
      Random random(t);
      for (int i = 0; i < 5'000; ++i) {
        const auto answer = Cheap(static_cast<std::size_t>(i % 2));
        if (sampler.Ask(answer, random.Uniform()).check) {
          sampler.Checked(answer, answer.check_cost, false);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto totals = sampler.totals();
  EXPECT_EQ(totals.answers, 20'000);
  EXPECT_LE(totals.checks.value() * 50, totals.spending.value());
}

TEST(Estimate, RoganGladenUndoesTheErrorsOfTheCheck) {
  // 10 % bad, of which 80 % are found, and 5 % false alarms: 0.1·0.8 + 0.9·0.05 = 0.125.
  EXPECT_NEAR(RoganGladen(0.125, 0.8, 0.95).value(), 0.1, 1e-12);
  EXPECT_EQ(RoganGladen(0.01, 0.8, 0.95), 0.0);
  EXPECT_EQ(RoganGladen(0.99, 0.8, 0.95), 1.0);
  EXPECT_FALSE(RoganGladen(0.5, 0.5, 0.5));
  EXPECT_FALSE(RoganGladen(0.5, 0.2, 0.3));
}

TEST(Estimate, HajekWeighsEachOutcomeByTheInverseOfItsProbability) {
  const std::vector<Weighted> outcomes{{.value = 1, .probability = 0.5},
                                       {.value = 0, .probability = 0.1},
                                       {.value = 1, .probability = 1}};
  const auto estimate = Hajek(outcomes);
  ASSERT_TRUE(estimate);
  EXPECT_NEAR(estimate->mean, 3.0 / 13.0, 1e-12);
  EXPECT_NEAR(estimate->effective, 169.0 / 105.0, 1e-12);
  EXPECT_FALSE(Hajek({}));
  EXPECT_FALSE(Hajek(std::vector<Weighted>{{.value = 1, .probability = 0}}));
}

TEST(Estimate, HajekIsRightOnAverageAndItsErrorBarsCoverTheTruth) {
  Random random(5);
  int covered = 0;
  double sum = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<Weighted> seen;
    for (int i = 0; i < 4'000; ++i) {
      const bool hard = i % 4 == 0;
      const double bad = random.Uniform() < (hard ? 0.4 : 0.05) ? 1 : 0;
      const double probability = hard ? 0.5 : 0.1;
      if (random.Uniform() < probability)
        seen.push_back({.value = bad, .probability = probability});
    }
    const auto estimate = Hajek(seen);
    ASSERT_TRUE(estimate);
    sum += estimate->mean;
    constexpr double kTruth = 0.25 * 0.4 + 0.75 * 0.05;
    if (std::abs(estimate->mean - kTruth) <= 1.96 * estimate->standard_error) ++covered;
  }
  EXPECT_NEAR(sum / kRuns, 0.1375, 0.003);
  EXPECT_GE(covered, kRuns * 90 / 100);
  EXPECT_LE(covered, kRuns * 99 / 100);
}

}  // namespace
}  // namespace triage::judge
