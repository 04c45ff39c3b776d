#include "learn/router.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/random.h"
#include "learn/evaluate.h"
#include "learn/split.h"
#include "learn/train.h"

namespace triage::learn {
namespace {

constexpr std::array<std::string_view, 10> kTopics = {"spelling",  "capitals", "colours", "sums",
                                                      "weather",   "dates",    "grammar", "physics",
                                                      "integrals", "theorems"};

/// Ten topics from what the weak model always solves to what it hardly ever does; the strong one
/// solves all.
Dataset Synthetic(std::size_t count, std::uint64_t seed) {
  Dataset data;
  data.models = {"weak", "strong"};
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t topic = i % kTopics.size();
    Row row;
    row.id = std::to_string(i);
    row.dataset = "synthetic";
    row.prompt =
        fmt::format("a question on {} with number {}", kTopics[topic], random.Below(1'000'000));
    const bool solved = random.Uniform() > 0.1 * static_cast<double>(topic);
    row.outcomes = {{.model = 0, .score = solved ? 1.0F : 0.0F, .output_chars = 400},
                    {.model = 1, .score = 1, .output_chars = 400}};
    data.rows.push_back(std::move(row));
  }
  return data;
}

TrainOptions Options() {
  TrainOptions options;
  options.name = "test";
  options.tiers = {"weak", "strong"};
  options.prices = {{"weak", {{100'000'000}, {100'000'000}}},
                    {"strong", {{1'000'000'000}, {1'000'000'000}}}};
  return options;
}

Prediction Ask(const Router& router, std::string_view text) {
  Features features;
  const llm::Turn turn{.role = llm::Role::kUser, .text = text};
  features.Extract({&turn, 1}, {}, {}, 0);
  return router.Predict(features);
}

class TrainedRouter : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto report = Train(Synthetic(600, 1), Options());
    ASSERT_TRUE(report) << report.error().message;
    report_ = new TrainReport(std::move(*report));
  }

  static void TearDownTestSuite() { delete report_; }

  static const Router& router() { return *report_->router; }

  static inline TrainReport* report_ = nullptr;
};

TEST_F(TrainedRouter, TellsWhatTheCheapTierCanDo) {
  const Prediction easy = Ask(router(), "a question on spelling with number 77");
  const Prediction hard = Ask(router(), "a question on theorems with number 77");
  EXPECT_EQ(easy.tiers, 2U);
  EXPECT_GT(easy.sufficiency[0], 0.75F);
  EXPECT_LT(hard.sufficiency[0], 0.3F);
  EXPECT_EQ(hard.sufficiency[1], 1);
  EXPECT_NEAR(easy.output_tokens[1], 100, 5);
}

TEST_F(TrainedRouter, KnowsThatForeignTextIsFarAndFallsBackToTheBaseRate) {
  EXPECT_LT(Ask(router(), "a question on dates with number").distance, 0.2F);
  const Prediction far = Ask(router(), "zebra quilts juggle vexing waltz nymphs");
  EXPECT_GT(far.distance, 0.8F);
  EXPECT_NEAR(far.sufficiency[0], report_->tiers[0].base_rate, 0.05);
  EXPECT_EQ(Ask(router(), "  ").distance, 1);
}

TEST_F(TrainedRouter, KeepsItsQualityOnUnseenQuestionsForLess) {
  EvalOptions options;
  options.tiers = Options().tiers;
  options.prices = Options().prices;
  options.keep_quality =
      0.9;  // every tenth label is noise: .95 is the best that half the cost can buy
  const auto rows = RouteRows(router(), Synthetic(400, 99), options);
  ASSERT_TRUE(rows) << rows.error().message;
  const EvalReport report = Summarise(*rows, router().tiers(), 200);
  EXPECT_EQ(report.rows, 400U);
  EXPECT_GT(report.plain.point.quality_share, 0.86);
  EXPECT_LT(report.plain.point.cost_share, 0.8);
  ASSERT_TRUE(report.router.gap);
  EXPECT_GT(report.router.gap->apgr.value, 0.6);
  EXPECT_GE(report.oracle.gap->apgr.value, report.router.gap->apgr.value);
  EXPECT_LT(report.oracle.cost95.value, report.router.cost95.value + 0.02);
  EXPECT_GT(report.weighed.skill.interval.low, 0);
  EXPECT_TRUE(BetterThanShuffle(report));
}

TEST_F(TrainedRouter, IsTheSameOnEveryTraining) {
  const auto again = Train(Synthetic(600, 1), Options());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->router->version(), router().version());
  EXPECT_EQ(again->router->Bytes(), router().Bytes());
}

TEST_F(TrainedRouter, SurvivesTheFile) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("triage_router_" + std::to_string(::getpid()) + ".triage"))
                               .string();
  ASSERT_TRUE(router().Save(path));
  const auto loaded = Router::Load(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->version(), router().version());
  EXPECT_EQ((*loaded)->models(), router().models());
  const Prediction a = Ask(router(), "a question on sums with number 9");
  const Prediction b = Ask(**loaded, "a question on sums with number 9");
  EXPECT_EQ(a.sufficiency, b.sufficiency);
  EXPECT_LE(router().Bytes().size(), std::size_t{4} << 20);
}

TEST_F(TrainedRouter, IsRefusedWhenTruncatedCorruptedOrOfAnotherVersion) {
  const std::string whole = router().Bytes();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{20}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_FALSE(Router::Parse(std::string_view(whole).substr(0, size))) << size;
  }
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{16}, std::size_t{40}, whole.size() / 2}) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 1);
    EXPECT_FALSE(Router::Parse(broken)) << at;
  }
  std::string other = whole;
  other[8] = 9;
  const auto refused = Router::Parse(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("format 9"), std::string::npos);
  EXPECT_FALSE(Router::Parse(whole + "x"));
  EXPECT_EQ(Router::Load("/nowhere.triage").error().code, ErrorCode::kIo);
}

TEST_F(TrainedRouter, GivesTheStrictestThresholdsAboveItsTable) {
  EXPECT_FLOAT_EQ(router().thresholds(0.95).keep_quality, 0.95F);
  EXPECT_FLOAT_EQ(router().thresholds(0.955).keep_quality, 0.96F);
  EXPECT_FLOAT_EQ(router().thresholds(2).keep_quality, 1);
}

TEST(ChooseTier, AppliesThresholdBandAndWeight) {
  const std::array<float, kMaxTiers> threshold{0.5F, 0.6F};
  const auto choose = [&](float a, float b, float weight) {
    return ChooseTier({a, b, 1}, 3, threshold, weight, 0.05F);
  };
  EXPECT_EQ(choose(0.60F, 0.1F, 1), 0U);
  EXPECT_EQ(choose(0.53F, 0.9F, 1), 1U);   // boundary: one tier up
  EXPECT_EQ(choose(0.53F, 0.2F, 1), 2U);   // the next tier is worse: past it
  EXPECT_EQ(choose(0.53F, 0.55F, 1), 1U);  // reached by the band: not examined
  EXPECT_EQ(choose(0.40F, 0.7F, 1), 1U);
  EXPECT_EQ(choose(0.40F, 0.5F, 1), 2U);
  EXPECT_EQ(choose(0.40F, 0.5F, 2), 0U);  // twice as dear to escalate: thresholds 0 and 0.2
}

TEST(Train, RefusesTinyAndSingleClassDataAndUnknownTiers) {
  EXPECT_FALSE(Train(Synthetic(50, 1), Options()));
  Dataset same = Synthetic(600, 1);
  for (Row& row : same.rows) row.outcomes[0].score = 1;
  const auto single = Train(same, Options());
  ASSERT_FALSE(single);
  EXPECT_NE(single.error().message.find("600 of 600"), std::string::npos);
  TrainOptions unknown = Options();
  unknown.tiers = {"weak", "missing"};
  EXPECT_NE(Train(same, unknown).error().message.find("missing"), std::string::npos);
  TrainOptions one = Options();
  one.tiers = {"weak"};
  EXPECT_FALSE(Train(same, one));
}

TEST(Train, NeverLooksAtTheExcludedFold) {
  Dataset data = Synthetic(900, 1);
  TrainOptions options = Options();
  options.exclude_fold = 0;
  const auto before = Train(data, options);
  ASSERT_TRUE(before);
  EXPECT_GT(before->rows_left_out, 100U);
  for (Row& row : data.rows) {
    if (Fold(row.prompt) == 0) row.outcomes[0].score = 1 - row.outcomes[0].score;
  }
  EXPECT_EQ(Train(data, options)->router->version(), before->router->version());
}

TEST(Train, SaysSoWhenNothingBeatsTheBaseRates) {
  Dataset data = Synthetic(600, 1);
  Random random(5);
  for (Row& row : data.rows) row.outcomes[0].score = random.Uniform() < 0.7 ? 1.0F : 0.0F;
  const auto report = Train(data, Options());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->router->prior_only());
  EXPECT_NE(report->model_card.find("**Prior only.**"), std::string::npos);
  const Prediction a = Ask(*report->router, "a question on sums with number 9");
  const Prediction b = Ask(*report->router, "a question on theorems with number 9");
  EXPECT_EQ(a.sufficiency, b.sufficiency);
  EXPECT_EQ(a.value, b.value);
  EXPECT_NEAR(a.sufficiency[0], 0.7, 0.05);
}

TEST(Train, ServesUpToEightTiers) {
  for (const std::size_t tiers : {3U, 4U, 5U, 8U}) {
    Dataset data = Synthetic(600, 1);
    TrainOptions options = Options();
    options.tiers.clear();
    data.models.clear();
    for (std::size_t t = 0; t < tiers; ++t) {
      data.models.push_back(fmt::format("model{}", t));
      options.tiers.push_back(data.models.back());
      options.prices[data.models.back()] = options.prices[t + 1 < tiers ? "weak" : "strong"];
    }
    for (Row& row : data.rows) {
      const Outcome weak = row.outcomes[0];
      const Outcome strong = row.outcomes[1];
      row.outcomes.assign(tiers, weak);
      row.outcomes.back() = strong;
      for (std::size_t t = 0; t < tiers; ++t) row.outcomes[t].model = static_cast<std::uint32_t>(t);
    }
    const auto report = Train(data, options);
    ASSERT_TRUE(report) << report.error().message;
    const auto parsed = Router::Parse(report->router->Bytes());
    ASSERT_TRUE(parsed) << parsed.error().message;
    const Prediction hard = Ask(**parsed, "a question on theorems with number 77");
    const Prediction easy = Ask(**parsed, "a question on spelling with number 77");
    for (std::size_t t = 0; t + 1 < tiers; ++t) {
      EXPECT_GT(easy.sufficiency[t], hard.sufficiency[t] + 0.2F) << tiers << " tiers, " << t;
      EXPECT_GT(easy.value[t], hard.value[t] + 0.2F) << tiers << " tiers, " << t;
    }
    EXPECT_EQ(hard.sufficiency[tiers - 1], 1);
    EXPECT_EQ(hard.value[tiers - 1], 1);
  }
}

TEST(CrossValidate, RoutesEveryRowOnceByARouterThatHasNotSeenIt) {
  Dataset data = Synthetic(600, 1);
  const auto rows = CrossValidate(data, Options(), 3, 0.9);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->size(), data.rows.size());
  const EvalReport report = Summarise(*rows, 2, 20);
  EXPECT_GT(report.router.gap->apgr.value, 0.6);
  // Labels of one fold tell nothing about its own rows.
  for (Row& row : data.rows) {
    if (Fold(row.prompt, 3) == 0) row.outcomes[0].score = 1 - row.outcomes[0].score;
  }
  const auto again = CrossValidate(data, Options(), 3, 0.9);
  ASSERT_TRUE(again);
  const auto first = std::count_if(data.rows.begin(), data.rows.end(),
                                   [](const Row& row) { return Fold(row.prompt, 3) == 0; });
  for (std::size_t i = 0; i < static_cast<std::size_t>(first); ++i) {
    EXPECT_EQ((*again)[i].routed.value, (*rows)[i].routed.value);
  }
}

TEST(Slices, MeasureEachPartByItself) {
  Dataset data = Synthetic(800, 1);
  for (std::size_t i = 0; i < data.rows.size(); ++i) {
    data.rows[i].dataset = i % 4 == 0 ? "rare" : "usual";
  }
  const auto rows = CrossValidate(data, Options(), 2, 0.9);
  ASSERT_TRUE(rows) << rows.error().message;
  constexpr SliceBy kBy[] = {SliceBy::kFamily, SliceBy::kDataset};
  const std::vector<Slice> slices = Slices(*rows, 2, kBy, 10);
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].name, "(none)");
  EXPECT_EQ(slices[1].name, "rare");
  EXPECT_EQ(slices[1].report.rows, 200U);
  EXPECT_EQ(slices[2].report.rows, 600U);
}

}  // namespace
}  // namespace triage::learn
