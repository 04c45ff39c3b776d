#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace triage::learn {

/// Two tiers: quality bought per share of strong calls. Definitions of RouteLLM (arXiv 2406.18665):
/// PGR = (quality − weak) / (strong − weak).
struct GapCurve {
  double apgr = 0;   ///< area under PGR over the share of strong calls, exact integral
  double cpt50 = 1;  ///< smallest share of strong calls with PGR ≥ .5
  double cpt80 = 1;
  double cpt95 = 1;
};

/// How often each row counts: a resample of the bootstrap.
using Weights = std::vector<std::uint16_t>;

/// Rows in the order in which they go to the strong model, sorted once, measured for many weights.
class GapOrder {
 public:
  /// Strong calls go to the lowest `weak_sufficiency` first; ties are mixed at random (in
  /// expectation). `gain` is the strong score less the weak one.
  GapOrder(std::span<const float> weak_sufficiency, std::span<const float> gain);

  /// All zero and one where there is nothing to recover.
  GapCurve Measure(std::span<const std::uint16_t> weights) const;

 private:
  std::vector<std::uint32_t> order_;
  std::vector<float> gain_;  // in that order
  std::vector<char> ties_;   // with the row before
};

}  // namespace triage::learn
