#include "learn/policy.h"

#include <algorithm>
#include <cmath>

namespace triage::learn {
namespace {

constexpr float kNever = 2;  ///< no sufficiency reaches it

Thresholds AlwaysTop() {
  Thresholds threshold;
  threshold.fill(kNever);
  return threshold;
}

std::size_t Take(const RoutedRow& row, const Policy& policy, const Thresholds& threshold) {
  const float weight = policy.rule == ThresholdRule::kWeighed ? row.cost_weight : 1;
  return ChooseTier(row.sufficiency, policy.tiers, threshold, weight, policy.band);
}

/// Candidates for one threshold: quantiles of the sufficiencies seen, so that each step moves as
/// many rows.
std::vector<float> Candidates(std::span<const RoutedRow> rows, const Policy& policy,
                              std::size_t tier, std::size_t steps) {
  std::vector<float> values;
  values.reserve(rows.size());
  for (const RoutedRow& row : rows) {
    const float weight = policy.rule == ThresholdRule::kWeighed ? row.cost_weight : 1;
    // The threshold at which this row would just be taken.
    values.push_back(1 - (1 - row.sufficiency[tier] + policy.band) / weight);
  }
  std::sort(values.begin(), values.end());
  std::vector<float> candidates{kNever};
  for (std::size_t i = 0; i <= steps; ++i) {
    const std::size_t at = i * (values.size() - 1) / steps;
    // In the middle of the gap below the row: the model that is served scores a little differently.
    candidates.push_back(at > 0 ? (values[at] + values[at - 1]) / 2 : values[at]);
  }
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace

PolicyPoint Measure(std::span<const RoutedRow> rows, const Policy& policy,
                    const Thresholds& threshold) {
  PolicyPoint point{.threshold = threshold};
  double cost = 0;
  double score = 0;
  double top_score = 0;
  double top_cost = 0;
  std::array<std::size_t, kMaxTiers> taken{};
  for (const RoutedRow& row : rows) {
    const std::size_t tier = Take(row, policy, threshold);
    cost += static_cast<double>(row.cost[tier]);
    score += double{row.score[tier]};
    top_score += double{row.score[policy.tiers - 1]};
    top_cost += static_cast<double>(row.cost[policy.tiers - 1]);
    ++taken[tier];
  }
  for (std::size_t t = 0; t < policy.tiers; ++t) {
    point.tier_share[t] = static_cast<double>(taken[t]) / static_cast<double>(rows.size());
  }
  point.cost_share = top_cost > 0 ? cost / top_cost : 1;
  point.quality_share = top_score > 0 ? score / top_score : 1;
  return point;
}

namespace {

/// All pairs (or single ones) of candidate thresholds; what is dearer and not better than another
/// is left out.
std::vector<PolicyPoint> FullGrid(std::span<const RoutedRow> rows, const Policy& policy) {
  const std::vector<float> first = Candidates(rows, policy, 0, policy.tiers == 2 ? 1000 : 72);
  const std::vector<float> second =
      policy.tiers == 3 ? Candidates(rows, policy, 1, 96) : std::vector<float>{kNever};
  std::vector<PolicyPoint> points;
  for (const float a : first) {
    for (const float b : second) {
      Thresholds threshold = AlwaysTop();
      threshold[0] = a;
      if (policy.tiers == 3) threshold[1] = b;
      points.push_back(Measure(rows, policy, threshold));
    }
  }
  return points;
}

/// For a series of prices of quality, search in one threshold at a time.
std::vector<PolicyPoint> CoordinateSearch(std::span<const RoutedRow> rows, const Policy& policy) {
  std::vector<std::vector<float>> candidates;
  for (std::size_t t = 0; t + 1 < policy.tiers; ++t) {
    candidates.push_back(Candidates(rows, policy, t, 48));
  }
  std::vector<PolicyPoint> points;
  Thresholds threshold = AlwaysTop();
  for (double price = 0.01; price < 2; price *= 1.4) {
    const auto value = [&](const PolicyPoint& point) {
      return point.quality_share - price * point.cost_share;
    };
    PolicyPoint best = Measure(rows, policy, threshold);
    for (int round = 0; round < 3; ++round) {
      const Thresholds before = best.threshold;
      for (std::size_t t = 0; t + 1 < policy.tiers; ++t) {
        for (const float candidate : candidates[t]) {
          Thresholds next = best.threshold;
          next[t] = candidate;
          points.push_back(Measure(rows, policy, next));
          if (value(points.back()) > value(best) + 1e-12) best = points.back();
        }
      }
      if (best.threshold == before) break;
    }
    threshold = best.threshold;
  }
  return points;
}

}  // namespace

std::vector<PolicyPoint> Frontier(std::span<const RoutedRow> rows, const Policy& policy) {
  if (rows.empty()) return {};
  std::vector<PolicyPoint> points =
      policy.tiers <= 3 ? FullGrid(rows, policy) : CoordinateSearch(rows, policy);
  points.push_back(Measure(rows, policy, AlwaysTop()));
  std::sort(points.begin(), points.end(), [](const PolicyPoint& a, const PolicyPoint& b) {
    return a.cost_share != b.cost_share ? a.cost_share < b.cost_share
                                        : a.quality_share > b.quality_share;
  });
  std::vector<PolicyPoint> best;
  for (const PolicyPoint& point : points) {
    if (best.empty() || point.quality_share > best.back().quality_share) best.push_back(point);
  }
  return best;
}

PolicyPoint Cheapest(std::span<const PolicyPoint> frontier, double quality_share,
                     std::size_t tiers) {
  for (const PolicyPoint& point : frontier) {
    if (point.quality_share + 1e-9 >= quality_share) return point;
  }
  PolicyPoint top{.threshold = AlwaysTop()};
  top.tier_share[tiers - 1] = 1;
  return top;
}

double RandomMixCost(const std::array<double, kMaxTiers>& cost,
                     const std::array<double, kMaxTiers>& score, std::size_t tiers,
                     double quality_share) {
  const double top_cost = cost[tiers - 1];
  const double wanted = quality_share * score[tiers - 1];
  double best = top_cost;
  for (std::size_t a = 0; a < tiers; ++a) {
    if (score[a] >= wanted) best = std::min(best, cost[a]);
    for (std::size_t b = 0; b < tiers; ++b) {
      if (!(score[a] < wanted && score[b] >= wanted)) continue;
      const double part = (wanted - score[a]) / (score[b] - score[a]);
      best = std::min(best, cost[a] + part * (cost[b] - cost[a]));
    }
  }
  return top_cost > 0 ? best / top_cost : 1;
}

}  // namespace triage::learn
