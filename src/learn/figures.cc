#include "learn/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "learn/calibration.h"

namespace triage::learn {
namespace {

constexpr int kBins = 15;

Interval Middle(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values[values.size() * 25 / 1000], values[(values.size() - 1) * 975 / 1000]};
}

Weights Once(std::size_t rows) {
  return Weights(rows, 1);
}

Weights Resample(std::size_t rows, Random& random) {
  Weights weights(rows);
  for (std::size_t i = 0; i < rows; ++i) ++weights[random.Below(rows)];
  return weights;
}

struct Sums {
  std::array<double, kMaxTiers> score{};
  std::array<double, kMaxTiers> cost{};
};

/// Scores and costs, tier by tier within a row.
class Table {
 public:
  Table(std::span<const TestRow> rows, std::size_t tiers) : tiers_(tiers) {
    for (const TestRow& row : rows) {
      for (std::size_t t = 0; t < tiers; ++t) {
        score_.push_back(row.routed.score[t]);
        cost_.push_back(static_cast<double>(row.routed.cost[t]));
      }
    }
  }

  std::size_t rows() const { return score_.size() / tiers_; }

  std::size_t tiers() const { return tiers_; }

  float score(std::size_t row, std::size_t tier) const { return score_[row * tiers_ + tier]; }

  double cost(std::size_t row, std::size_t tier) const { return cost_[row * tiers_ + tier]; }

  Sums Singles(const Weights& weights) const {
    Sums sums;
    for (std::size_t i = 0; i < rows(); ++i) {
      for (std::size_t t = 0; t < tiers_; ++t) {
        sums.score[t] += double{score(i, t)} * weights[i];
        sums.cost[t] += cost(i, t) * weights[i];
      }
    }
    return sums;
  }

  /// Shares of always-top's for rows that go to the tiers in `taken`.
  CurvePoint Measure(std::span<const std::uint8_t> taken, const Weights& weights,
                     const Sums& singles) const {
    double score_sum = 0;
    double cost_sum = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      score_sum += double{score(i, taken[i])} * weights[i];
      cost_sum += cost(i, taken[i]) * weights[i];
    }
    const double top_score = singles.score[tiers_ - 1];
    const double top_cost = singles.cost[tiers_ - 1];
    return {top_cost > 0 ? cost_sum / top_cost : 1, top_score > 0 ? score_sum / top_score : 1};
  }

 private:
  std::size_t tiers_;
  std::vector<float> score_;
  std::vector<double> cost_;
};

/// What a way to route believes of one row.
struct Belief {
  std::array<double, kMaxTiers> value{};  ///< expected share of the top tier's quality
  std::array<double, kMaxTiers> cost{};
};

/// The choices of the expected-cost rule from "cost is everything" to "quality is everything".
class Curve {
 public:
  Curve(std::span<const Belief> beliefs, const Table& table) : table_(table) {
    constexpr std::size_t kPoints = 160;
    std::vector<double> prices = BreakEvens(beliefs);
    prices.push_back(0);
    std::sort(prices.begin(), prices.end(), std::greater<>());
    std::vector<double> grid;
    for (std::size_t i = 0; i <= kPoints; ++i) {
      const std::size_t at = i * (prices.size() - 1) / kPoints;
      grid.push_back(at > 0 ? (prices[at] + prices[at - 1]) / 2 : prices[at] * 1.01 + 1e-12);
    }
    grid.push_back(-1);  // always the best, at any price
    first_.resize(beliefs.size());
    for (std::size_t i = 0; i < beliefs.size(); ++i) first_[i] = Take(beliefs[i], grid[0]);
    std::vector<std::uint8_t> taken = first_;
    for (std::size_t point = 1; point <= grid.size(); ++point) {
      std::vector<Change>& changes = changes_.emplace_back();
      for (std::uint32_t i = 0; i < taken.size(); ++i) {
        const std::uint8_t next = point < grid.size() ? Take(beliefs[i], grid[point]) : Top();
        if (next == taken[i]) continue;
        changes.push_back({i, taken[i], next});
        taken[i] = next;
      }
    }
  }

  /// From the cheapest point to always-top.
  std::vector<CurvePoint> Measure(const Weights& weights, const Sums& singles) const {
    const double top_score = singles.score[Top()];
    const double top_cost = singles.cost[Top()];
    double score = 0;
    double cost = 0;
    for (std::size_t i = 0; i < first_.size(); ++i) {
      score += double{table_.score(i, first_[i])} * weights[i];
      cost += table_.cost(i, first_[i]) * weights[i];
    }
    std::vector<CurvePoint> curve;
    const auto add = [&] {
      curve.push_back({top_cost > 0 ? cost / top_cost : 1, top_score > 0 ? score / top_score : 1});
    };
    add();
    for (const std::vector<Change>& changes : changes_) {
      for (const auto [row, from, to] : changes) {
        score += (double{table_.score(row, to)} - double{table_.score(row, from)}) * weights[row];
        cost += (table_.cost(row, to) - table_.cost(row, from)) * weights[row];
      }
      if (!changes.empty()) add();
    }
    return curve;
  }

  /// Smallest cost that keeps each share; the last point is always-top.
  std::array<double, 3> CostFor(const Weights& weights, const Sums& singles) const {
    std::array<double, 3> cost{1, 1, 1};
    for (const CurvePoint& point : Measure(weights, singles)) {
      for (std::size_t i = 0; i < kShares.size(); ++i) {
        if (point.quality + 1e-9 >= kShares[i]) cost[i] = std::min(cost[i], point.cost);
      }
    }
    return cost;
  }

  static constexpr std::array<double, 3> kShares = {0.95, 0.99, 1.0};

 private:
  struct Change {
    std::uint32_t row;
    std::uint8_t from;
    std::uint8_t to;
  };

  std::uint8_t Top() const { return static_cast<std::uint8_t>(table_.tiers() - 1); }

  std::uint8_t Take(const Belief& belief, double price) const {
    std::size_t best = 0;
    double least = 1e300;
    for (std::size_t t = 0; t < table_.tiers(); ++t) {
      const double loss = std::max(price, 0.0) * belief.cost[t] - belief.value[t];
      // Ties go to the cheaper tier, at any price to the dearer one.
      if (price < 0 ? loss <= least : loss < least) {
        least = loss;
        best = t;
      }
    }
    return static_cast<std::uint8_t>(best);
  }

  /// The prices at which a row changes from one tier to a dearer and better one.
  std::vector<double> BreakEvens(std::span<const Belief> beliefs) const {
    std::vector<double> prices;
    for (const Belief& belief : beliefs) {
      for (std::size_t a = 0; a < table_.tiers(); ++a) {
        for (std::size_t b = a + 1; b < table_.tiers(); ++b) {
          const double gain = belief.value[b] - belief.value[a];
          const double extra = belief.cost[b] - belief.cost[a];
          if (gain > 0 && extra > 0) prices.push_back(gain / extra);
        }
      }
    }
    return prices;
  }

  const Table& table_;
  std::vector<std::uint8_t> first_;
  std::vector<std::vector<Change>> changes_;  // from each point to the next, dearer one
};

std::vector<Belief> RouterBeliefs(std::span<const TestRow> rows, std::size_t tiers) {
  std::vector<Belief> beliefs(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t t = 0; t < tiers; ++t) {
      beliefs[i].value[t] = double{rows[i].routed.value[t]};
      beliefs[i].cost[t] = double{rows[i].routed.expected_cost[t]};
    }
  }
  return beliefs;
}

/// A tier's expected loss grows with the rank of the prompt's length, from none to twice its mean.
std::vector<Belief> LengthBeliefs(std::span<const TestRow> rows, std::size_t tiers,
                                  const Sums& singles) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rows[a].prompt_bytes < rows[b].prompt_bytes;
  });
  const auto n = static_cast<double>(rows.size());
  std::vector<Belief> beliefs(rows.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && rows[order[end]].prompt_bytes == rows[order[begin]].prompt_bytes) {
      ++end;
    }
    const double rank = (static_cast<double>(begin) + static_cast<double>(end)) / 2 / n;
    for (; begin < end; ++begin) {
      Belief& belief = beliefs[order[begin]];
      for (std::size_t t = 0; t < tiers; ++t) {
        belief.value[t] = -2 * rank * (singles.score[tiers - 1] - singles.score[t]) / n;
        belief.cost[t] = singles.cost[t] / n;
      }
    }
  }
  return beliefs;
}

std::vector<Belief> OracleBeliefs(const Table& table) {
  std::vector<Belief> beliefs(table.rows());
  for (std::size_t i = 0; i < beliefs.size(); ++i) {
    for (std::size_t t = 0; t < table.tiers(); ++t) {
      beliefs[i].value[t] = double{table.score(i, t)};
      beliefs[i].cost[t] = table.cost(i, t);
    }
  }
  return beliefs;
}

std::array<double, 3> MixCost(const Sums& singles, std::size_t tiers) {
  std::array<double, 3> cost{};
  for (std::size_t i = 0; i < cost.size(); ++i) {
    cost[i] = RandomMixCost(singles.cost, singles.score, tiers, Curve::kShares[i]);
  }
  return cost;
}

/// Values of one way to route under resamples.
struct Draws {
  std::array<std::vector<double>, 4> gap;  // apgr, cpt50, cpt80, cpt95
  std::array<std::vector<double>, 3> cost;

  void Add(const GapCurve& curve) {
    gap[0].push_back(curve.apgr);
    gap[1].push_back(curve.cpt50);
    gap[2].push_back(curve.cpt80);
    gap[3].push_back(curve.cpt95);
  }

  void Add(const std::array<double, 3>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) cost[i].push_back(values[i]);
  }

  RoutingFigures Figures(const std::optional<GapCurve>& curve,
                         const std::array<double, 3>& costs) const {
    RoutingFigures figures;
    if (curve) {
      figures.gap = GapFigures{{curve->apgr, Middle(gap[0])},
                               {curve->cpt50, Middle(gap[1])},
                               {curve->cpt80, Middle(gap[2])},
                               {curve->cpt95, Middle(gap[3])}};
    }
    figures.cost95 = {costs[0], Middle(cost[0])};
    figures.cost99 = {costs[1], Middle(cost[1])};
    figures.cost100 = {costs[2], Middle(cost[2])};
    return figures;
  }
};

/// A ranking of the rows by one number, and the curve of the same way to route.
struct Way {
  std::optional<GapOrder> order;
  Curve curve;
  Draws draws;

  void Draw(const Weights& weights, const Sums& singles) {
    if (order) draws.Add(order->Measure(weights));
    draws.Add(curve.CostFor(weights, singles));
  }

  RoutingFigures Figures(const Weights& once, const Sums& singles) const {
    return draws.Figures(order ? std::optional(order->Measure(once)) : std::nullopt,
                         curve.CostFor(once, singles));
  }
};

/// Sufficiency of one tier against what came of it.
class Reliability {
 public:
  Reliability(std::span<const TestRow> rows, std::size_t tier, std::size_t top) {
    for (const TestRow& row : rows) {
      p_.push_back(row.routed.sufficiency[tier]);
      y_.push_back(row.routed.score[tier] >= row.routed.score[top] ? 1 : 0);
    }
    std::vector<std::size_t> order(p_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return p_[a] != p_[b] ? p_[a] < p_[b] : a < b; });
    bin_.resize(p_.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      bin_[order[i]] = static_cast<std::uint8_t>(i * kBins / order.size());
    }
  }

  double Error(const Weights& weights) const {
    std::array<double, kBins> gap{};
    double rows = 0;
    for (std::size_t i = 0; i < p_.size(); ++i) {
      gap[bin_[i]] += (double{p_[i]} - (y_[i] != 0 ? 1.0 : 0.0)) * weights[i];
      rows += weights[i];
    }
    double error = 0;
    for (const double value : gap) error += std::abs(value);
    return rows > 0 ? error / rows : 0;
  }

  /// The error that is left when labels are drawn from the predictions themselves.
  double Floor(Random& random) const {
    constexpr int kDraws = 20;
    double sum = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::array<double, kBins> gap{};
      for (std::size_t i = 0; i < p_.size(); ++i) {
        gap[bin_[i]] += double{p_[i]} - (random.Uniform() < double{p_[i]} ? 1.0 : 0.0);
      }
      for (const double value : gap) sum += std::abs(value);
    }
    return sum / kDraws / static_cast<double>(p_.size());
  }

  double Brier(std::size_t row) const { return (1 - Hit(row)) * (1 - Hit(row)); }

  double LogLoss(std::size_t row) const { return -std::log(std::max(Hit(row), 1e-6)); }

  std::vector<ReliabilityBin> Bins() const {
    std::vector<ReliabilityBin> bins(kBins);
    for (std::size_t i = 0; i < p_.size(); ++i) {
      ReliabilityBin& bin = bins[bin_[i]];
      ++bin.rows;
      bin.predicted += double{p_[i]};
      bin.observed += y_[i] != 0 ? 1 : 0;
    }
    std::erase_if(bins, [](const ReliabilityBin& bin) { return bin.rows == 0; });
    for (ReliabilityBin& bin : bins) {
      bin.predicted /= static_cast<double>(bin.rows);
      bin.observed /= static_cast<double>(bin.rows);
    }
    return bins;
  }

 private:
  double Hit(std::size_t row) const { return y_[row] != 0 ? double{p_[row]} : 1 - double{p_[row]}; }

  std::vector<float> p_;
  std::vector<char> y_;
  std::vector<std::uint8_t> bin_;
};

void Calibrate(std::span<const TestRow> rows, std::size_t tiers, std::span<const Weights> resamples,
               EvalReport& report) {
  Random random(11);
  const auto below = static_cast<double>(tiers - 1);
  const Weights once = Once(rows.size());
  std::vector<double> error(resamples.size());
  std::vector<double> brier(resamples.size());
  std::vector<double> log_loss(resamples.size());
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    const Reliability reliability(rows, t, tiers - 1);
    report.reliability.push_back(reliability.Bins());
    report.calibration_floor += reliability.Floor(random) / below;
    const auto mean = [&](const Weights& weights, auto value) {
      double sum = 0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (weights[i] != 0) sum += value(i) * weights[i];
      }
      return sum / static_cast<double>(rows.size()) / below;
    };
    const auto squared = [&](std::size_t i) { return reliability.Brier(i); };
    const auto logged = [&](std::size_t i) { return reliability.LogLoss(i); };
    report.calibration_error.value += reliability.Error(once) / below;
    report.brier.value += mean(once, squared);
    report.log_loss.value += mean(once, logged);
    for (std::size_t i = 0; i < resamples.size(); ++i) {
      error[i] += reliability.Error(resamples[i]) / below;
      brier[i] += mean(resamples[i], squared);
      log_loss[i] += mean(resamples[i], logged);
    }
  }
  report.calibration_error.interval = Middle(error);
  report.brier.interval = Middle(brier);
  report.log_loss.interval = Middle(log_loss);
}

OperatingPoint Operate(std::span<const TestRow> rows, const Table& table,
                       std::size_t TestRow::* tier, std::span<const Weights> resamples) {
  OperatingPoint at;
  std::vector<std::uint8_t> taken;
  for (const TestRow& row : rows) {
    taken.push_back(static_cast<std::uint8_t>(row.*tier));
    at.point.tier_share[row.*tier] += 1 / static_cast<double>(rows.size());
  }
  const Weights once = Once(rows.size());
  const auto shuffled = [&](const Sums& singles) {
    double score = 0;
    for (std::size_t t = 0; t < table.tiers(); ++t)
      score += at.point.tier_share[t] * singles.score[t];
    const double top = singles.score[table.tiers() - 1];
    return top > 0 ? score / top : 1;
  };
  const Sums all = table.Singles(once);
  const CurvePoint point = table.Measure(taken, once, all);
  at.point.cost_share = point.cost;
  at.point.quality_share = point.quality;
  std::vector<double> cost;
  std::vector<double> quality;
  std::vector<double> blind;
  std::vector<double> skill;
  Random random(7);
  std::vector<std::uint8_t> dealt = taken;
  for (const Weights& weights : resamples) {
    const Sums singles = table.Singles(weights);
    const CurvePoint drawn = table.Measure(taken, weights, singles);
    cost.push_back(drawn.cost);
    quality.push_back(drawn.quality);
    for (std::size_t i = dealt.size(); i > 1; --i) std::swap(dealt[i - 1], dealt[random.Below(i)]);
    blind.push_back(table.Measure(dealt, weights, singles).quality);
    skill.push_back(drawn.quality - blind.back());
  }
  at.cost = Middle(cost);
  at.quality = Middle(quality);
  at.shuffled = {shuffled(all), Middle(blind)};
  at.skill = {point.quality - at.shuffled.value, Middle(skill)};
  return at;
}

std::vector<float> Gains(const Table& table) {
  std::vector<float> gains(table.rows());
  for (std::size_t i = 0; i < gains.size(); ++i) gains[i] = table.score(i, 1) - table.score(i, 0);
  return gains;
}

std::optional<GapOrder> OrderBy(std::span<const Belief> beliefs, const Table& table) {
  if (table.tiers() != 2) return std::nullopt;
  std::vector<float> value(beliefs.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    value[i] = static_cast<float>(beliefs[i].value[0] - beliefs[i].value[1]);
  }
  return GapOrder(value, Gains(table));
}

Way MakeWay(std::span<const Belief> beliefs, const Table& table) {
  return {OrderBy(beliefs, table), Curve(beliefs, table), {}};
}

}  // namespace

EvalReport Summarise(std::span<const TestRow> rows, std::size_t tiers, int resamples) {
  TRIAGE_CHECK(!rows.empty() && tiers >= 2 && tiers <= kMaxTiers);
  const Table table(rows, tiers);
  const Weights once = Once(rows.size());
  const Sums singles = table.Singles(once);
  const auto n = static_cast<double>(rows.size());

  EvalReport report;
  report.rows = rows.size();
  for (const TestRow& row : rows) report.mean_distance += double{row.distance} / n;
  for (std::size_t t = 0; t < tiers; ++t) {
    report.quality[t] = singles.score[t] / n;
    report.cost_share[t] =
        singles.cost[tiers - 1] > 0 ? singles.cost[t] / singles.cost[tiers - 1] : 1;
  }

  std::vector<Weights> drawn;
  Random random(20240607);
  for (int i = 0; i < resamples; ++i) drawn.push_back(Resample(rows.size(), random));

  std::vector<Belief> beliefs = RouterBeliefs(rows, tiers);
  Way router = MakeWay(beliefs, table);
  Way length = MakeWay(LengthBeliefs(rows, tiers, singles), table);
  Way oracle = MakeWay(OracleBeliefs(table), table);
  for (std::size_t i = beliefs.size(); i > 1; --i) {
    std::swap(beliefs[i - 1], beliefs[random.Below(i)]);
  }
  Way shuffle = MakeWay(beliefs, table);
  Draws random_mix;
  for (const Weights& weights : drawn) {
    const Sums sums = table.Singles(weights);
    for (Way* way : {&router, &length, &oracle, &shuffle}) way->Draw(weights, sums);
    random_mix.Add(MixCost(sums, tiers));
  }
  report.router = router.Figures(once, singles);
  report.length = length.Figures(once, singles);
  report.oracle = oracle.Figures(once, singles);
  report.shuffle = shuffle.Figures(once, singles);
  report.random = random_mix.Figures(std::nullopt, MixCost(singles, tiers));
  const bool by_gap = tiers == 2;
  if (by_gap) {
    // In expectation, on any rows.
    report.random.gap =
        GapFigures{{0.5, {0.5, 0.5}}, {0.5, {0.5, 0.5}}, {0.8, {0.8, 0.8}}, {0.95, {0.95, 0.95}}};
  }
  const auto& ours = by_gap ? router.draws.gap[0] : length.draws.cost[0];
  const auto& theirs = by_gap ? length.draws.gap[0] : router.draws.cost[0];
  std::vector<double> better;
  for (std::size_t i = 0; i < ours.size(); ++i) better.push_back(ours[i] - theirs[i]);
  report.over_length = {by_gap ? report.router.gap->apgr.value - report.length.gap->apgr.value
                               : report.length.cost95.value - report.router.cost95.value,
                        Middle(better)};
  report.curve = router.curve.Measure(once, singles);
  report.length_curve = length.curve.Measure(once, singles);
  Calibrate(rows, tiers, drawn, report);
  report.plain = Operate(rows, table, &TestRow::plain, drawn);
  report.weighed = Operate(rows, table, &TestRow::weighed, drawn);
  return report;
}

bool BetterThanLength(const EvalReport& report) {
  return report.over_length.interval.low > 0;
}

bool BetterThanShuffle(const EvalReport& report) {
  return report.router.gap ? report.router.gap->apgr.interval.low > 0.5
                           : report.weighed.skill.interval.low > 0;
}

}  // namespace triage::learn
