#include "learn/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "base/random.h"
#include "learn/split.h"

namespace triage::learn {
namespace {

struct Columns {
  std::vector<float> weak;
  std::vector<float> strong;
};

Columns Scores(std::span<const RoutedRow> rows) {
  Columns columns;
  for (const RoutedRow& row : rows) {
    columns.weak.push_back(row.score[0]);
    columns.strong.push_back(row.score[1]);
  }
  return columns;
}

RoutingFigures Figures(std::span<const RoutedRow> rows, const Policy& policy) {
  RoutingFigures figures;
  const std::vector<PolicyPoint> frontier = Frontier(rows, policy);
  figures.cost95 = Cheapest(frontier, 0.95, policy.tiers).cost_share;
  figures.cost99 = Cheapest(frontier, 0.99, policy.tiers).cost_share;
  if (policy.tiers == 2) {
    std::vector<float> sufficiency;
    for (const RoutedRow& row : rows) sufficiency.push_back(row.sufficiency[0]);
    const Columns scores = Scores(rows);
    figures.gap = MeasureGap(sufficiency, scores.weak, scores.strong);
  }
  return figures;
}

RoutingFigures RandomFigures(std::span<const RoutedRow> rows, std::size_t tiers) {
  RoutingFigures figures;
  figures.cost95 = RandomMixCost(rows, tiers, 0.95);
  figures.cost99 = RandomMixCost(rows, tiers, 0.99);
  if (tiers == 2) figures.gap = GapCurve{.apgr = 0.5, .cpt50 = 0.5, .cpt80 = 0.8, .cpt95 = 0.95};
  return figures;
}

RoutingFigures LengthFigures(std::vector<RoutedRow> rows, std::span<const std::size_t> lengths,
                             const Policy& policy) {
  const std::size_t longest = *std::max_element(lengths.begin(), lengths.end());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float relative = static_cast<float>(lengths[i]) / static_cast<float>(longest + 1);
    std::fill_n(rows[i].sufficiency.begin(), policy.tiers - 1, 1 - relative);
  }
  return Figures(rows, {policy.tiers, ThresholdRule::kPlain, 0});
}

RoutingFigures OracleFigures(std::span<const RoutedRow> rows, std::size_t tiers) {
  RoutingFigures figures;
  figures.cost95 = OracleCost(rows, tiers, 0.95);
  figures.cost99 = OracleCost(rows, tiers, 0.99);
  if (tiers == 2) {
    std::vector<float> sufficiency;
    for (const RoutedRow& row : rows) sufficiency.push_back(row.score[0] - row.score[1]);
    const Columns scores = Scores(rows);
    figures.gap = MeasureGap(sufficiency, scores.weak, scores.strong);
  }
  return figures;
}

struct Intervals {
  Interval cost;
  Interval quality;
};

Intervals Bootstrap(std::span<const RoutedRow> rows, const Policy& policy,
                    const Thresholds& threshold, int resamples) {
  std::vector<double> cost;
  std::vector<double> quality;
  Random random(20240607);
  std::vector<RoutedRow> sample(rows.size());
  for (int i = 0; i < resamples; ++i) {
    for (RoutedRow& row : sample) row = rows[random.Below(rows.size())];
    const PolicyPoint point = Measure(sample, policy, threshold);
    cost.push_back(point.cost_share);
    quality.push_back(point.quality_share);
  }
  const auto interval = [](std::vector<double>& values) {
    if (values.empty()) return Interval{};
    std::sort(values.begin(), values.end());
    return Interval{values[values.size() * 25 / 1000], values[(values.size() - 1) * 975 / 1000]};
  };
  return {interval(cost), interval(quality)};
}

}  // namespace

GapCurve MeasureGap(std::span<const float> weak_sufficiency, std::span<const float> weak_score,
                    std::span<const float> strong_score) {
  TRIAGE_CHECK(weak_sufficiency.size() == weak_score.size() &&
               weak_score.size() == strong_score.size());
  GapCurve curve;
  const std::size_t n = weak_score.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return weak_sufficiency[a] != weak_sufficiency[b] ? weak_sufficiency[a] < weak_sufficiency[b]
                                                      : a < b;
  });
  double gap = 0;
  for (std::size_t i = 0; i < n; ++i) gap += double{strong_score[i]} - double{weak_score[i]};
  if (n == 0 || std::abs(gap) < 1e-9) return curve;  // nothing to recover

  struct Target {
    double pgr;
    double* share;
    bool reached = false;
  };

  Target targets[] = {{.pgr = 0.5, .share = &curve.cpt50},
                      {.pgr = 0.8, .share = &curve.cpt80},
                      {.pgr = 0.95, .share = &curve.cpt95}};
  double share = 0;
  double pgr = 0;
  for (std::size_t begin = 0; begin < n;) {
    std::size_t end = begin;
    double gain = 0;
    const float value = weak_sufficiency[order[begin]];
    for (; end < n && weak_sufficiency[order[end]] == value; ++end) {
      gain += double{strong_score[order[end]]} - double{weak_score[order[end]]};
    }
    const double next_share = static_cast<double>(end) / static_cast<double>(n);
    const double next_pgr = pgr + gain / gap;
    curve.apgr += (next_share - share) * (pgr + next_pgr) / 2;
    for (Target& target : targets) {
      if (target.reached || next_pgr + 1e-12 < target.pgr) continue;
      target.reached = true;
      const double part = next_pgr > pgr ? (target.pgr - pgr) / (next_pgr - pgr) : 0;
      *target.share = share + std::clamp(part, 0.0, 1.0) * (next_share - share);
    }
    share = next_share;
    pgr = next_pgr;
    begin = end;
  }
  return curve;
}

Result<EvalReport> Evaluate(const Router& router, const Dataset& data, const EvalOptions& options) {
  const auto refuse = [](std::string message) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
  };
  const std::size_t tiers = options.tiers.size();
  if (tiers != router.tiers()) {
    return refuse(fmt::format("{} tiers given; the router has {}: {}", tiers, router.tiers(),
                              fmt::join(router.models(), ", ")));
  }
  std::vector<std::uint32_t> models;
  std::vector<ModelPrice> prices;
  for (const std::string& tier : options.tiers) {
    const auto model = data.FindModel(tier);
    if (!model) return refuse(fmt::format("no outcomes of {}", tier));
    const auto price = options.prices.find(tier);
    if (price == options.prices.end()) return refuse(fmt::format("no price for {}", tier));
    models.push_back(*model);
    prices.push_back(price->second);
  }
  const OutputLengths lengths(data);
  EvalReport report;
  std::vector<std::size_t> prompt_lengths;
  Features features;
  for (const Row& row : data.rows) {
    const bool complete = std::all_of(models.begin(), models.end(), [&](std::uint32_t model) {
      return row.Find(model) != nullptr;
    });
    if (!complete || (options.only_fold >= 0 && Fold(row.prompt) != options.only_fold)) continue;
    const llm::Turn turn{.role = llm::Role::kUser, .text = row.prompt};
    features.Extract({&turn, 1}, {.tools = row.tools}, {}, 0);
    const Prediction prediction = router.Predict(features);
    RoutedRow& routed = report.routed.emplace_back();
    routed.sufficiency = prediction.sufficiency;
    routed.cost_weight = prediction.cost_weight;
    report.mean_distance += double{prediction.distance};
    const std::int64_t prompt_tokens = PromptTokens(row.prompt);
    for (std::size_t t = 0; t < tiers; ++t) {
      routed.score[t] = row.Find(models[t])->score;
      routed.cost[t] = RowCost(prompt_tokens, lengths.Tokens(row, models[t]), prices[t]).value();
      report.quality[t] += double{routed.score[t]};
      report.cost_share[t] += static_cast<double>(routed.cost[t]);
    }
    prompt_lengths.push_back(row.prompt.size());
  }
  report.rows = report.routed.size();
  if (report.rows == 0) return refuse("no rows with a score for every tier");

  const auto n = static_cast<double>(report.rows);
  const double top_cost = report.cost_share[tiers - 1];
  report.mean_distance /= n;
  for (std::size_t t = 0; t < tiers; ++t) {
    report.quality[t] /= n;
    report.cost_share[t] = top_cost > 0 ? report.cost_share[t] / top_cost : 1;
  }
  const auto boundaries = static_cast<double>(tiers - 1);
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    std::vector<float> p;
    std::vector<char> y;
    for (const RoutedRow& row : report.routed) {
      p.push_back(row.sufficiency[t]);
      y.push_back(row.score[t] >= row.score[tiers - 1] ? 1 : 0);
      const double hit = y.back() != 0 ? double{p.back()} : 1 - double{p.back()};
      report.brier += (1 - hit) * (1 - hit) / n / boundaries;
      report.log_loss -= std::log(std::max(hit, 1e-6)) / n / boundaries;
    }
    report.calibration_error += CalibrationError(p, y) / boundaries;
  }
  const float band = router.parts().band;
  const Policy plain{tiers, ThresholdRule::kPlain, band};
  const Policy weighed{tiers, ThresholdRule::kWeighed, band};
  report.router = Figures(report.routed, weighed);
  report.random = RandomFigures(report.routed, tiers);
  report.length = LengthFigures(report.routed, prompt_lengths, plain);
  report.oracle = OracleFigures(report.routed, tiers);
  const ThresholdRow& row = router.thresholds(options.keep_quality);
  report.plain = Measure(report.routed, plain, row.threshold);
  report.weighed = Measure(report.routed, weighed, row.base);
  const Intervals a = Bootstrap(report.routed, plain, row.threshold, options.resamples);
  const Intervals b = Bootstrap(report.routed, weighed, row.base, options.resamples);
  report.plain_cost = a.cost;
  report.plain_quality = a.quality;
  report.weighed_cost = b.cost;
  report.weighed_quality = b.quality;
  return report;
}

}  // namespace triage::learn
