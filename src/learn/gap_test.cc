#include "learn/gap.h"

#include <gtest/gtest.h>

namespace triage::learn {
namespace {

GapCurve MeasureGap(const std::vector<float>& sufficiency, const std::vector<float>& weak,
                    const std::vector<float>& strong) {
  std::vector<float> gain(weak.size());
  for (std::size_t i = 0; i < gain.size(); ++i) gain[i] = strong[i] - weak[i];
  return GapOrder(sufficiency, gain).Measure(Weights(gain.size(), 1));
}

TEST(Gap, AgreesWithAHandComputedCurve) {
  // Order of strong calls: 0, 1, 2, 3. Gains 1, 0, 1, 0; PGR after each: .5, .5, 1, 1.
  const std::vector<float> sufficiency{0.1F, 0.2F, 0.3F, 0.4F};
  const std::vector<float> weak{0, 1, 0, 0};
  const std::vector<float> strong{1, 1, 1, 0};
  const GapCurve curve = MeasureGap(sufficiency, weak, strong);
  EXPECT_NEAR(curve.apgr, 0.25 * (0.25 + 0.5 + 0.75 + 1), 1e-12);
  EXPECT_NEAR(curve.cpt50, 0.25, 1e-12);
  EXPECT_NEAR(curve.cpt80, 0.5 + 0.25 * 0.6, 1e-12);
  EXPECT_NEAR(curve.cpt95, 0.5 + 0.25 * 0.9, 1e-12);
}

TEST(Gap, IsHalfForAnIndifferentRouter) {
  const std::vector<float> same{0.5F, 0.5F, 0.5F, 0.5F};
  const std::vector<float> weak{0, 1, 0, 1};
  const std::vector<float> strong{1, 1, 1, 0};
  const GapCurve curve = MeasureGap(same, weak, strong);
  EXPECT_NEAR(curve.apgr, 0.5, 1e-12);
  EXPECT_NEAR(curve.cpt50, 0.5, 1e-12);
  EXPECT_NEAR(curve.cpt80, 0.8, 1e-12);
}

TEST(Gap, CountsRowsAsOftenAsTheirWeightsSay) {
  const std::vector<float> sufficiency{0.3F, 0.1F, 0.2F};
  const std::vector<float> gain{0, 1, -0.5F};
  const GapCurve weighed = GapOrder(sufficiency, gain).Measure(Weights{2, 3, 0});
  const std::vector<float> repeated_sufficiency{0.3F, 0.3F, 0.1F, 0.1F, 0.1F};
  const std::vector<float> repeated_gain{0, 0, 1, 1, 1};
  const GapCurve repeated =
      GapOrder(repeated_sufficiency, repeated_gain).Measure(Weights{1, 1, 1, 1, 1});
  EXPECT_NEAR(weighed.apgr, repeated.apgr, 1e-12);
  EXPECT_NEAR(weighed.cpt80, repeated.cpt80, 1e-12);
}

TEST(Gap, IsNothingWhereThereIsNothingToRecover) {
  const std::vector<float> same{1, 1};
  EXPECT_EQ(MeasureGap(same, same, same).apgr, 0);
  EXPECT_EQ(MeasureGap(same, same, same).cpt50, 1);
  EXPECT_EQ(MeasureGap({}, {}, {}).apgr, 0);
}

}  // namespace
}  // namespace triage::learn
