#include "learn/gap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace triage::learn {

GapOrder::GapOrder(std::span<const float> weak_sufficiency, std::span<const float> gain)
    : order_(gain.size()), gain_(gain.size()), ties_(gain.size()) {
  TRIAGE_CHECK(weak_sufficiency.size() == gain.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return weak_sufficiency[a] != weak_sufficiency[b] ? weak_sufficiency[a] < weak_sufficiency[b]
                                                      : a < b;
  });
  for (std::size_t i = 0; i < order_.size(); ++i) {
    gain_[i] = gain[order_[i]];
    ties_[i] = i > 0 && weak_sufficiency[order_[i]] == weak_sufficiency[order_[i - 1]] ? 1 : 0;
  }
}

GapCurve GapOrder::Measure(std::span<const std::uint16_t> weights) const {
  GapCurve curve;
  double gap = 0;
  double rows = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    gap += double{gain_[i]} * weights[order_[i]];
    rows += weights[order_[i]];
  }
  if (!(rows > 0) || std::abs(gap) < 1e-9) return curve;  // nothing to recover

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
  for (std::size_t begin = 0; begin < order_.size();) {
    std::size_t end = begin;
    double gain = 0;
    double count = 0;
    do {
      gain += double{gain_[end]} * weights[order_[end]];
      count += weights[order_[end]];
      ++end;
    } while (end < order_.size() && ties_[end] != 0);
    const double next_share = share + count / rows;
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

}  // namespace triage::learn
