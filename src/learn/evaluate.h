#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "learn/dataset.h"
#include "learn/policy.h"

namespace triage::learn {

/// Two tiers: quality bought per share of strong calls. Definitions of RouteLLM (arXiv 2406.18665):
/// PGR = (quality − weak) / (strong − weak).
struct GapCurve {
  double apgr = 0;   ///< area under PGR over the share of strong calls, exact integral
  double cpt50 = 1;  ///< smallest share of strong calls with PGR ≥ .5
  double cpt80 = 1;
  double cpt95 = 1;
};

/// Strong calls go to the lowest `weak_sufficiency` first; ties are mixed at random (in
/// expectation).
GapCurve MeasureGap(std::span<const float> weak_sufficiency, std::span<const float> weak_score,
                    std::span<const float> strong_score);

/// One way to route, measured; the gap only for two tiers.
struct RoutingFigures {
  std::optional<GapCurve> gap;
  double cost95 = 1;  ///< smallest cost share of always-top that keeps 95 % of its quality, over
                      ///< the curve on these rows
  double cost99 = 1;
};

struct Interval {
  double low = 0;
  double high = 0;
};

struct EvalOptions {
  std::vector<std::string>
      tiers;  ///< models in the data, cheapest first; as many as the router's tiers
  PriceTable prices;
  int only_fold = -1;          ///< -1 = all rows
  double keep_quality = 0.95;  ///< picks the operating point among the router's own thresholds
  int resamples = 200;         ///< of the bootstrap
};

struct EvalReport {
  std::size_t rows = 0;
  RoutingFigures router;
  RoutingFigures random;
  RoutingFigures length;  ///< longer prompt = harder
  RoutingFigures oracle;
  double calibration_error = 0;  ///< mean over the tiers below the top
  double brier = 0;
  double log_loss = 0;
  PolicyPoint plain;    ///< the router's thresholds for keep_quality
  PolicyPoint weighed;  ///< the same, weighed by expected cost
  Interval plain_cost;  ///< 95 % bootstrap intervals
  Interval plain_quality;
  Interval weighed_cost;
  Interval weighed_quality;
  double mean_distance = 0;
  std::array<double, kMaxTiers> quality{};     ///< mean score of each tier alone
  std::array<double, kMaxTiers> cost_share{};  ///< of each tier alone
  std::vector<RoutedRow> routed;
};

/// Measures a router on rows with a score for every tier. Errors: kInvalidRequest (tiers do not
/// match, no rows).
Result<EvalReport> Evaluate(const Router& router, const Dataset& data, const EvalOptions& options);

}  // namespace triage::learn
