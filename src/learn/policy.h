#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "learn/router.h"

namespace triage::learn {

/// How the thresholds are applied to a request.
enum class ThresholdRule : std::uint8_t {
  kPlain,    ///< the same threshold for every request
  kWeighed,  ///< 1 − (1 − threshold) × the request's cost weight: a dear escalation needs a greater
             ///< risk
};

/// One question with what the router thinks of it and what each tier made of it.
struct RoutedRow {
  std::array<float, kMaxTiers> sufficiency{};
  /// What is expected of each tier's score, as a share of the top tier's; 1 for the top tier.
  std::array<float, kMaxTiers> value{};
  std::array<float, kMaxTiers> expected_cost{};  ///< nano-dollars
  float cost_weight = 1;
  std::array<float, kMaxTiers> score{};
  std::array<std::int64_t, kMaxTiers> cost{};  ///< nano-dollars
};

using Thresholds = std::array<float, kMaxTiers>;

/// What a set of thresholds gives on a set of rows.
struct PolicyPoint {
  Thresholds threshold{};
  double cost_share = 1;     ///< ÷ always-top
  double quality_share = 1;  ///< ÷ always-top
  std::array<double, kMaxTiers> tier_share{};
};

struct Policy {
  std::size_t tiers = 2;
  ThresholdRule rule = ThresholdRule::kPlain;
  float band = kDefaultBand;
};

PolicyPoint Measure(std::span<const RoutedRow> rows, const Policy& policy,
                    const Thresholds& threshold);

/// Thresholds from all-cheap to all-top, rising in cost and in quality: for up to three tiers the
/// best of a grid over quantiles, for more a search in one threshold at a time for a series of
/// prices of quality.
std::vector<PolicyPoint> Frontier(std::span<const RoutedRow> rows, const Policy& policy);

/// The cheapest point with at least this share of always-top's quality; always-top when there is
/// none.
PolicyPoint Cheapest(std::span<const PolicyPoint> frontier, double quality_share,
                     std::size_t tiers);

/// Cost share of the cheapest random mix of single tiers that keeps this share of quality, from the
/// sums over all rows of each tier's costs and scores.
double RandomMixCost(const std::array<double, kMaxTiers>& cost,
                     const std::array<double, kMaxTiers>& score, std::size_t tiers,
                     double quality_share);

}  // namespace triage::learn
