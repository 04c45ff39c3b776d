#include "config/presets.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "config/load.h"
#include "config/schema.h"

namespace triage::config {
namespace {

TEST(Presets, ThatTheProgramCarriesAreThoseThatMayBeNamed) {
  Problems problems("presets");
  const std::vector<Preset> presets = ParsePresets(BuiltInPresets(), problems);
  EXPECT_FALSE(problems.has_errors());
  std::string names;
  for (const Preset& preset : presets) {
    names += (names.empty() ? "" : "|") + preset.name;
    EXPECT_FALSE(preset.rules.empty()) << preset.name;
    EXPECT_GT(preset.stakes.value(), 0) << preset.name;
    ASSERT_FALSE(preset.likely_enough.empty()) << preset.name;
    EXPECT_TRUE(std::ranges::is_sorted(preset.likely_enough)) << preset.name;
  }
  EXPECT_EQ(names, kPresetWords);
}

TEST(Presets, ReportWhatIsNoPreset) {
  Problems problems("presets");
  ParsePresets("presets: {a: {likely_enough: [2], stakes: x, rules: [{when: {mood: bad}}]}}",
               problems);
  EXPECT_TRUE(problems.has_errors());
}

constexpr const char* kSmall =
    "providers: {p: {base_url: \"http://127.0.0.1:9/v1\"}}\n"
    "models: {m: {provider: p, model: m-1}}\n"
    "tiers: [{name: t, chain: [m]}]\n";

Snapshot Loaded(const std::string& more) {
  LoadResult result =
      Parse(kSmall + more, "triage.yaml", [](std::string_view) { return std::nullopt; }, ".");
  return result.config;
}

TEST(Presets, OfAFeatureAreTakenFromWorkloads) {
  const Snapshot config = Loaded("workloads: {telegram: chat_bot, bi: data_analysis}\n");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->routing.preset, "general");
  EXPECT_EQ(config->workloads.at("telegram"), "chat_bot");
  EXPECT_EQ(Loaded("routing: {preset: none}\n")->routing.preset, "");
  EXPECT_EQ(Loaded("workloads: {telegram: chatbot}\n"), nullptr);
}

}  // namespace
}  // namespace triage::config
