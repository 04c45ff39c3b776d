#include "observe/gateway_metrics.h"

#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::observe {
namespace {

using std::chrono::milliseconds;

std::string ReadGolden() {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/metrics.txt");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The golden file is the contract with dashboards and alerts: names, labels and kinds change only
// on purpose.
TEST(GatewayMetrics, NamesLabelsAndKindsAreThoseOfTheGoldenFile) {
  Registry registry;
  GatewayMetrics gateway(registry);
  ModelMetrics model(registry, "groq", "llama-fast", "llama-3.1-8b-instant");
  TierMetrics tier(registry, "fast");
  model.Attempt(std::nullopt, milliseconds(250));
  model.Attempt(ErrorCode::kTimeout, milliseconds(2000));
  model.FirstToken(milliseconds(30));
  model.Tokens(100, 20);
  model.retries.Add();
  model.hedges.Add(2);
  model.hedges_won.Add();
  tier.Exchange(std::nullopt);
  tier.Exchange(ErrorCode::kUnavailable);
  tier.fallbacks.Add();
  tier.AddCost("llama-fast").Add(6'600);
  gateway.no_tier.Exchange(ErrorCode::kInvalidRequest);
  gateway.decide_seconds.Record(std::chrono::microseconds(12));
  gateway.reloads_taken.Add();
  const std::string text = registry.Render();
  EXPECT_EQ(text, ReadGolden()) << "When the change is meant, make tests/golden/metrics.txt:\n"
                                << text;
}

TEST(GatewayMetrics, AReloadKeepsTheCounts) {
  Registry registry;
  {
    TierMetrics before(registry, "fast");
    before.Exchange(ErrorCode::kTimeout);
  }
  TierMetrics after(registry, "fast");
  after.Exchange(ErrorCode::kTimeout);
  EXPECT_THAT(
      registry.Render(),
      ::testing::HasSubstr("triage_exchanges_total{tier=\"fast\",outcome=\"timeout\"} 2\n"));
}

TEST(GatewayMetrics, ThreadsThatMeetANewOutcomeAtOnceLoseNoCount) {
  Registry registry;
  ModelMetrics model(registry, "groq", "llama-fast", "llama-3.1-8b-instant");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&model] {
        for (int n = 0; n < 100; ++n) model.Attempt(ErrorCode::kUpstream, milliseconds(1));
      });
    }
  }
  EXPECT_THAT(registry.Render(),
              ::testing::HasSubstr("triage_attempts_total{provider=\"groq\",model=\"llama-fast\","
                                   "outcome=\"upstream\"} 800\n"));
}

}  // namespace
}  // namespace triage::observe
