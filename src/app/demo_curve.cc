#include "app/demo_curve.h"

#include <array>

#include "learn/features.h"
#include "learn/policy.h"
#include "llm/types.h"

namespace triage::app {

namespace {

learn::RoutedRow ToRow(const learn::Router& router, const DemoOutcome& outcome,
                       learn::Features& features) {
  const std::array<llm::Turn, 1> turns = {{{llm::Role::kUser, outcome.prompt}}};
  features.Extract(turns, {}, {}, 0);
  const learn::Prediction prediction = router.Predict(features);
  learn::RoutedRow row;
  row.sufficiency = prediction.sufficiency;
  row.cost_weight = prediction.cost_weight;
  for (std::size_t tier = 0; tier < outcome.tiers.size(); ++tier) {
    row.score[tier] = static_cast<float>(outcome.tiers[tier].score.value_or(0));
    row.cost[tier] = outcome.tiers[tier].cost.value();
  }
  return row;
}

double TopQuality(std::span<const learn::RoutedRow> rows, std::size_t tiers) {
  double sum = 0;
  for (const learn::RoutedRow& row : rows) sum += static_cast<double>(row.score[tiers - 1]);
  return sum / static_cast<double>(rows.size());
}

}  // namespace

std::vector<CurvePoint> OperatingCurve(const learn::Router& router,
                                       std::span<const DemoOutcome> outcomes) {
  if (outcomes.empty() || outcomes.front().tiers.size() != router.tiers()) return {};
  learn::Features features;
  std::vector<learn::RoutedRow> rows;
  for (const DemoOutcome& outcome : outcomes) rows.push_back(ToRow(router, outcome, features));
  const double top = TopQuality(rows, router.tiers());
  const learn::Policy policy{
      .tiers = router.tiers(), .rule = learn::ThresholdRule::kWeighed, .band = router.parts().band};
  std::vector<CurvePoint> curve;
  for (const learn::ThresholdRow& row : router.parts().thresholds) {
    const learn::PolicyPoint point = learn::Measure(rows, policy, row.base);
    curve.push_back(
        {static_cast<double>(row.keep_quality), point.cost_share, point.quality_share * top});
  }
  return curve;
}

}  // namespace triage::app
