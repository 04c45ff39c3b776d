#include "pipeline/router_traffic.h"

#include <array>
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "base/random.h"
#include "decide/decide.h"
#include "decide/options.h"

namespace triage::pipeline {
namespace {

constexpr double kBandWidth = 0.05;

decide::Options Ladder() {
  decide::Options options;
  for (const char* name : {"fast", "balanced", "frontier"}) {
    options.models.push_back({.name = name, .provider = "p", .context_window = 0});
    options.tiers.push_back({.name = name, .chain = {static_cast<int>(options.tiers.size())}});
  }
  options.thresholds = {0.5, 0.5};
  options.band = kBandWidth;
  return options;
}

/// Sends `count` random requests through Decide as the pipeline does; shares of the tiers.
std::array<double, 3> Send(RouterTraffic& traffic, int count, double spread, std::uint64_t seed,
                           RouterTraffic::Band* band = nullptr) {
  const decide::Options options = Ladder();
  Random random(seed);
  std::array<double, 3> shares{};
  llm::Request request;
  request.model = "auto";
  for (int i = 0; i < count; ++i) {
    const double easy = random.Uniform();
    const std::array<double, 3> sufficiency = {0.9 - spread * easy,
                                               0.95 - spread * random.Uniform(), 1.0};
    std::array<double, 2> thresholds = {0.5, 0.5};
    for (std::size_t t = 0; t < 2; ++t) {
      thresholds[t] = traffic.Threshold(t).value_or(options.thresholds[t]);
    }
    const auto decision = decide::Decide(
        options, {.request = request, .sufficiency = sufficiency, .thresholds = thresholds});
    EXPECT_TRUE(decision);
    shares[static_cast<std::size_t>(decision->tier)] += 1.0 / count;
    const RouterTraffic::Band said = traffic.Note(*decision);
    if (band != nullptr && said != RouterTraffic::Band::kUnknown) *band = said;
  }
  return shares;
}

TEST(RouterTraffic, FindsTheThresholdsThatGiveEachTierItsShare) {
  RouterTraffic traffic({0.24, 0.05}, kBandWidth);
  Send(traffic, 3'000, 0.6, 1);
  const auto shares = Send(traffic, 20'000, 0.6, 2);
  EXPECT_NEAR(shares[1] + shares[2], 0.24, 0.02);
  EXPECT_NEAR(shares[2], 0.05, 0.01);
}

TEST(RouterTraffic, FollowsTheTrafficWhenItChanges) {
  RouterTraffic traffic({0.5, 0.10}, kBandWidth);
  Send(traffic, 20'000, 0.6, 3);
  const double before = *traffic.Threshold(0);
  Send(traffic, 60'000, 0.3, 4);
  EXPECT_NEAR(*traffic.Threshold(0) - before, 0.15, 0.02);  // of the medians, 0.6 and 0.75
}

TEST(RouterTraffic, LeavesTiersWithoutAShareToTheirThresholds) {
  RouterTraffic traffic({std::nullopt, 0.10}, kBandWidth);
  Send(traffic, 20'000, 0.6, 11);
  EXPECT_FALSE(traffic.Threshold(0));
  EXPECT_TRUE(traffic.Threshold(1));
}

TEST(RouterTraffic, KnowsNoThresholdBeforeItHasSeenEnough) {
  RouterTraffic traffic({0.2, std::nullopt}, kBandWidth);
  Send(traffic, static_cast<int>(RouterTraffic::kEnough) - 10, 0.6, 5);
  EXPECT_FALSE(traffic.Threshold(0));
  Send(traffic, 200, 0.6, 6);
  EXPECT_TRUE(traffic.Threshold(0));
}

TEST(RouterTraffic, KeepsAShareWhereAllRequestsLookAlike) {
  RouterTraffic traffic({0.2, std::nullopt}, kBandWidth);
  Send(traffic, 5'000, 0, 7);
  const auto shares = Send(traffic, 5'000, 0, 8);
  EXPECT_LE(shares[1] + shares[2], 0.2);
}

TEST(RouterTraffic, TellsOfABandThatCatchesNothingOrTooMuch) {
  RouterTraffic::Band band = RouterTraffic::Band::kUnknown;
  RouterTraffic none({std::nullopt, std::nullopt}, kBandWidth);
  Send(none, RouterTraffic::kWindow, 0.01, 9, &band);  // all of it near 0.9
  EXPECT_EQ(band, RouterTraffic::Band::kEmpty);
  RouterTraffic some({std::nullopt, std::nullopt}, kBandWidth);
  Send(some, RouterTraffic::kWindow, 0.8, 10, &band);
  EXPECT_EQ(band, RouterTraffic::Band::kFine);
  RouterTraffic all({std::nullopt}, kBandWidth);
  decide::Decision decision;
  decision.tiers.resize(2);
  decision.tiers[0].sufficiency = 0.5;
  decision.tiers[1].sufficiency = 1;
  decision.steps.resize(1);
  decision.steps[0].kind = decide::StepKind::kBand;
  for (std::uint32_t i = 0; i < RouterTraffic::kWindow; ++i) band = all.Note(decision);
  EXPECT_EQ(band, RouterTraffic::Band::kOverfull);
}

TEST(RouterTraffic, IgnoresDecisionsThatTheRouterDidNotTake) {
  RouterTraffic traffic({0.2, std::nullopt}, kBandWidth);
  decide::Decision decision;
  decision.tiers.resize(3);
  for (int i = 0; i < 30'000; ++i) {
    EXPECT_EQ(traffic.Note(decision), RouterTraffic::Band::kUnknown);
  }
  EXPECT_FALSE(traffic.Threshold(0));
}

}  // namespace
}  // namespace triage::pipeline
