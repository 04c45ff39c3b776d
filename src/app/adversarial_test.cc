#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "app/load_config.h"
#include "app/snapshot.h"
#include "base/clock.h"
#include "learn/dataset.h"
#include "learn/split.h"
#include "pipeline/deciding.h"
#include "prices/text_size.h"

namespace triage::app {
namespace {

const std::string kRoot = TRIAGE_SOURCE_DIR;

/// One suffix a line, "\n" standing for a line's end.
std::vector<std::string> Suffixes() {
  std::vector<std::string> suffixes;
  std::ifstream file(kRoot + "/tests/adversarial/suffixes.txt");
  for (std::string line; std::getline(file, line);) {
    for (std::size_t at = 0; (at = line.find("\\n", at)) != line.npos;) line.replace(at, 2, "\n");
    suffixes.push_back(line);
  }
  return suffixes;
}

/// Questions that the shipped router has not seen, from every data set it routes.
std::vector<std::string> Questions(std::size_t count) {
  const std::vector<std::string> files{kRoot + "/data/outcomes.jsonl.gz"};
  const auto data = learn::ReadDataset(files);
  std::vector<std::string> questions;
  if (!data) return questions;
  constexpr std::size_t kStep = 7;
  std::size_t index = 0;
  for (const learn::Row& row : data->rows) {
    if (row.dataset.starts_with("routellm_") || learn::Fold(row.prompt) != 0) continue;
    if (index++ % kStep == 0 && questions.size() < count) questions.push_back(row.prompt);
  }
  return questions;
}

class Adversarial : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(path_) << fmt::format(R"(
providers:
  a: {{dialect: openai, base_url: "http://127.0.0.1:9/v1", api_key: k}}
models:
  small: {{provider: a, model: llama-3.1-8b, context: 128000, prices: {{input: 0.18, output: 0.18}}}}
  middle: {{provider: a, model: llama-3.1-70b, context: 128000, prices: {{input: 0.88, output: 0.88}}}}
  large: {{provider: a, model: gpt-4o, context: 128000, prices: {{input: 2.5, output: 10}}}}
tiers:
  - {{name: fast, chain: [small]}}
  - {{name: balanced, chain: [middle]}}
  - {{name: frontier, chain: [large]}}
routing: {{router: "{}/models/default.triage", keep_quality: 0.95}}
policies:
  - {{name: interns, when: {{user: intern}}, max_tier: balanced}}
  - {{name: the chief, when: {{user: ceo}}, min_tier: balanced}}
)",
                                        kRoot);
    auto config = LoadConfig(path_);
    ASSERT_TRUE(config) << config.error().message;
    auto snapshot = BuildSnapshot(*config, registry_, nullptr);
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    snapshot_ = *snapshot;
  }

  void TearDown() override { std::filesystem::remove(path_); }

  int Tier(std::string_view user, const std::string& text) {
    llm::Request request;
    request.model = "auto";
    request.text = text;
    request.context.user = user;
    request.turns.push_back({.role = llm::Role::kUser, .text = request.text});
    const auto decision = pipeline::DecideRequest(*snapshot_, request, prices::Measure(request),
                                                  features_, SystemClock());
    return decision ? static_cast<int>(decision->tier) : -1;
  }

  const std::string path_ = (std::filesystem::temp_directory_path() /
                             fmt::format("triage_adversarial_{}.yaml", ::getpid()))
                                .string();
  observe::Registry registry_;
  std::shared_ptr<const pipeline::Snapshot> snapshot_;
  learn::Features features_;
};

TEST_F(Adversarial, SuffixesHardlyMoveADecisionUpAndNeverPastAFloorOrCeiling) {
  const std::vector<std::string> suffixes = Suffixes();
  const std::vector<std::string> questions = Questions(150);
  ASSERT_GE(suffixes.size(), 50U);
  ASSERT_EQ(questions.size(), 150U);
  std::size_t up = 0;
  std::size_t decisions = 0;
  for (const std::string& suffix : suffixes) {
    std::size_t moved = 0;
    for (const std::string& question : questions) {
      const std::string attack = question + "\n" + suffix;
      moved += Tier("", attack) > Tier("", question) ? 1 : 0;
      ++decisions;
      const int intern = Tier("intern", attack);
      EXPECT_GE(intern, 0);
      EXPECT_LE(intern, 1) << suffix;
      EXPECT_GE(Tier("ceo", attack), 1) << suffix;
    }
    up += moved;
    RecordProperty(fmt::format("moved_up_{}", &suffix - suffixes.data()), static_cast<int>(moved));
  }
  const double share = static_cast<double>(up) / static_cast<double>(decisions);
  RecordProperty("moved_up_share", fmt::format("{:.4f}", share));
  EXPECT_LE(share, 0.02) << up << " of " << decisions;
}

}  // namespace
}  // namespace triage::app
