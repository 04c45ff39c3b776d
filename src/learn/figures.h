#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "learn/gap.h"
#include "learn/policy.h"

namespace triage::learn {

/// A 95 % percentile interval of the bootstrap.
struct Interval {
  double low = 0;
  double high = 0;
};

struct Estimate {
  double value = 0;
  Interval interval;
};

/// A row with a score for every tier, as a router that has not seen it would route it.
struct TestRow {
  RoutedRow routed;
  std::size_t plain = 0;    ///< tier taken at the router's thresholds for keep_quality
  std::size_t weighed = 0;  ///< the same, weighed by expected cost
  std::size_t prompt_bytes = 0;
  float distance = 0;
  std::string family;
  std::string dataset;
};

struct GapFigures {
  Estimate apgr;
  Estimate cpt50;
  Estimate cpt80;
  Estimate cpt95;
};

/// One way to route, measured.
struct RoutingFigures {
  std::optional<GapFigures> gap;  ///< two tiers only
  /// Smallest cost, as a share of always-top's, that keeps 95 (99, 100) % of always-top's quality
  /// on the curve of the expected-cost rule: each row goes to the tier with the least
  /// λ · expected cost + (1 − sufficiency), for one λ after another. 1 where no point keeps it.
  Estimate cost95;
  Estimate cost99;
  Estimate cost100;
};

/// The router's thresholds for one quality to keep.
struct OperatingPoint {
  PolicyPoint point;
  Interval cost;
  Interval quality;
  Estimate shuffled;  ///< quality share when as many rows per tier are drawn blindly
  Estimate skill;     ///< quality share less that of the shuffle
};

struct CurvePoint {
  double cost = 0;     ///< ÷ always-top
  double quality = 0;  ///< ÷ always-top
};

/// Rows of about equal predicted sufficiency.
struct ReliabilityBin {
  std::size_t rows = 0;
  double predicted = 0;
  double observed = 0;
};

struct EvalReport {
  std::size_t rows = 0;
  RoutingFigures router;
  RoutingFigures random;   ///< a mix of single tiers
  RoutingFigures length;   ///< longer prompt = harder
  RoutingFigures oracle;   ///< knows every score and cost
  RoutingFigures shuffle;  ///< the router's own scores, dealt to the rows at random
  /// APGR of the router less that of length; with more tiers the cost for 95 % of the quality by
  /// length less the router's.
  Estimate over_length;
  Estimate
      calibration_error;  ///< ECE over 15 bins of equal mass; mean over the tiers below the top
  double calibration_floor = 0;  ///< what a perfectly calibrated router shows on so many rows
  Estimate brier;
  Estimate log_loss;
  OperatingPoint plain;
  OperatingPoint weighed;
  double mean_distance = 0;
  std::array<double, kMaxTiers> quality{};     ///< mean score of each tier alone
  std::array<double, kMaxTiers> cost_share{};  ///< of each tier alone
  std::vector<CurvePoint> curve;               ///< rising cost
  std::vector<CurvePoint> length_curve;
  std::vector<std::vector<ReliabilityBin>> reliability;  ///< per tier below the top
};

/// Figures over at least one row. Deterministic.
EvalReport Summarise(std::span<const TestRow> rows, std::size_t tiers, int resamples);

/// 1 = the router is better with 97.5 % confidence.
bool BetterThanLength(const EvalReport& report);
bool BetterThanShuffle(const EvalReport& report);

}  // namespace triage::learn
