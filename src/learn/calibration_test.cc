#include "learn/calibration.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/random.h"

namespace triage::learn {
namespace {

struct Sample {
  std::vector<float> z;
  std::vector<char> y;
  std::vector<int> folds;
};

/// Labels drawn with log-odds slope · z.
Sample Draw(std::size_t count, double slope, std::uint64_t seed) {
  Random random(seed);
  Sample sample;
  for (std::size_t i = 0; i < count; ++i) {
    const double z = 6 * random.Uniform() - 3;
    sample.z.push_back(static_cast<float>(z));
    sample.y.push_back(random.Uniform() < 1 / (1 + std::exp(-slope * z)) ? 1 : 0);
    sample.folds.push_back(static_cast<int>(i % 5));
  }
  return sample;
}

TEST(Calibration, PlattFindsTheSlopeOfOverconfidentScores) {
  const Sample sample = Draw(5000, 0.5, 1);
  const Calibration map = FitPlatt(sample.z, sample.y);
  EXPECT_NEAR(map.slope, 0.5, 0.06);
  EXPECT_NEAR(map.offset, 0, 0.1);
}

TEST(Calibration, IsotonicNeverFallsAndStaysInsideItsClip) {
  const Sample sample = Draw(4000, 1.5, 2);
  const Calibration map = FitIsotonic(sample.z, sample.y);
  float last = 0;
  for (float z = -10; z < 10; z += 0.1F) {
    const float p = map.Apply(z);
    EXPECT_GE(p, last);
    EXPECT_GE(p, 0.005F);
    EXPECT_LE(p, 0.995F);
    last = p;
  }
  EXPECT_NEAR(map.Apply(1), 1 / (1 + std::exp(-1.5)), 0.06);
}

TEST(Calibration, AHelpfulMapIsAcceptedPlattBelowAThousandLabelsTheBetterOneAbove) {
  const Sample small = Draw(800, 0.3, 3);
  const CalibrationChoice platt = ChooseCalibration(small.z, small.y, small.folds);
  EXPECT_TRUE(platt.accepted);
  EXPECT_EQ(platt.map.kind, CalibrationKind::kPlatt);
  EXPECT_LT(platt.loss_after, platt.loss_before);
  Sample large = Draw(5000, 0.3, 4);
  EXPECT_EQ(ChooseCalibration(large.z, large.y, large.folds).map.kind, CalibrationKind::kPlatt);
  // Stairs are nothing that a sigmoid can follow.
  Random random(5);
  for (std::size_t i = 0; i < large.z.size(); ++i) {
    const double p = large.z[i] < -2 ? 0.05 : large.z[i] < 2 ? 0.5 : 0.95;
    large.y[i] = random.Uniform() < p ? 1 : 0;
  }
  const CalibrationChoice step = ChooseCalibration(large.z, large.y, large.folds);
  EXPECT_EQ(step.map.kind, CalibrationKind::kIsotonic);
  EXPECT_LT(step.loss_after, step.loss_before);
}

TEST(Calibration, AMapThatMakesUnseenRowsWorseIsRejected) {
  // The base rate is right on average; each fold is biased its own way, so that what the others
  // teach is wrong.
  Sample sample;
  for (int fold = 0; fold < 2; ++fold) {
    for (int i = 0; i < 100; ++i) {
      sample.z.push_back(i % 2 == 0 ? 0.5F : -0.5F);
      sample.y.push_back((i % 10 < 2) == (fold == 0) ? 1 : 0);
      sample.folds.push_back(fold);
    }
  }
  const CalibrationChoice choice = ChooseCalibration(sample.z, sample.y, sample.folds);
  EXPECT_FALSE(choice.accepted);
  EXPECT_EQ(choice.loss_after, choice.loss_before);
  EXPECT_EQ(choice.map.kind, CalibrationKind::kConstant);
  EXPECT_EQ(choice.map.Apply(-9), choice.map.Apply(9));
  EXPECT_NEAR(choice.map.Apply(0), 0.5, 1e-6);
}

TEST(Calibration, ErrorIsTheGapBetweenPredictedAndObserved) {
  const std::vector<float> p(100, 0.8F);
  std::vector<char> y(100, 1);
  for (std::size_t i = 0; i < 100; i += 2) y[i] = 0;
  EXPECT_NEAR(CalibrationError(p, y, 1), 0.3, 1e-6);
}

}  // namespace
}  // namespace triage::learn
