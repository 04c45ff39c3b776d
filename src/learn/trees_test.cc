#include "learn/trees.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/random.h"

namespace triage::learn {
namespace {

struct Sample {
  Matrix data{.columns = 4, .values = {}};
  std::vector<float> y;
};

/// y depends on columns 0 and 1 together, which no linear model can follow; 2 is noise, 3 constant.
Sample Draw(std::size_t count, std::uint64_t seed) {
  Sample sample;
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const auto a = static_cast<float>(random.Uniform());
    const auto b = static_cast<float>(random.Uniform());
    const auto noise = static_cast<float>(random.Uniform());
    sample.data.values.insert(sample.data.values.end(), {a, b, noise, 7});
    sample.y.push_back((a > 0.5F) != (b > 0.5F) ? 1.0F : 0.0F);
  }
  return sample;
}

double Error(const Trees& trees, const Sample& sample) {
  double sum = 0;
  for (std::size_t i = 0; i < sample.y.size(); ++i) {
    const double gap = double{trees.Apply(sample.data.row(i))} - double{sample.y[i]};
    sum += gap * gap / static_cast<double>(sample.y.size());
  }
  return sum;
}

TEST(Trees, LearnWhatNoLinearModelCan) {
  const Sample sample = Draw(2000, 1);
  const std::vector<char> all(2000, 1);
  const Trees trees =
      TrainTrees(sample.data, sample.y, all, {.trees = 200, .rate = 0.1F, .column_share = 0.8F});
  EXPECT_LT(Error(trees, Draw(500, 2)), 0.08);
}

TEST(Trees, SeeOnlyTheRowsTheyMayUse) {
  Sample sample = Draw(1000, 1);
  std::vector<char> use(1000, 1);
  for (std::size_t i = 0; i < 1000; i += 3) use[i] = 0;
  const Trees before = TrainTrees(sample.data, sample.y, use, {});
  for (std::size_t i = 0; i < 1000; i += 3) {
    sample.y[i] = 100;
    sample.data.row(i)[0] = -5;
  }
  const Trees after = TrainTrees(sample.data, sample.y, use, {});
  EXPECT_EQ(before.Apply(sample.data.row(1)), after.Apply(sample.data.row(1)));
  EXPECT_EQ(before.base, after.base);
}

TEST(Trees, AreTheMeanWhereThereIsNothingToSplit) {
  Matrix flat{.columns = 1, .values = std::vector<float>(300, 1)};
  std::vector<float> y(300, 0.25F);
  const Trees trees = TrainTrees(flat, y, std::vector<char>(300, 1), {});
  EXPECT_NEAR(trees.Apply(flat.row(0)), 0.25, 1e-6);
  EXPECT_EQ(TrainTrees(flat, y, std::vector<char>(300, 0), {}).trees.size(), 0U);
}

}  // namespace
}  // namespace triage::learn
