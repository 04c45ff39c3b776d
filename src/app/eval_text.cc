#include <iterator>

#include <fmt/format.h>

#include "app/eval_report.h"

namespace triage::app {

namespace {

std::string Cell(const learn::Estimate& estimate) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", estimate.value, estimate.interval.low,
                     estimate.interval.high);
}

void Line(std::string_view name, const learn::RoutingFigures& figures, std::string& out) {
  const auto gap = [&](learn::Estimate learn::GapFigures::* which) {
    return figures.gap ? Cell((*figures.gap).*which) : std::string("–");
  };
  fmt::format_to(std::back_inserter(out), "  {:<9}{:>23}{:>23}{:>23}{:>23}{:>23}\n", name,
                 gap(&learn::GapFigures::apgr), gap(&learn::GapFigures::cpt50),
                 gap(&learn::GapFigures::cpt80), Cell(figures.cost95), Cell(figures.cost99));
}

void Point(std::string_view name, const Evaluation& evaluation, const learn::OperatingPoint& at,
           std::string& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "  {} thresholds for {:.0f} %: cost {}, quality {}; skill against a shuffle {}\n",
                 name, 100 * evaluation.keep_quality, Cell({at.point.cost_share, at.cost}),
                 Cell({at.point.quality_share, at.quality}), Cell(at.skill));
  for (std::size_t t = 0; t < evaluation.tiers.size(); ++t) {
    fmt::format_to(to, "    {:<20} {:5.1f} %\n", evaluation.tiers[t], 100 * at.point.tier_share[t]);
  }
}

}  // namespace

std::string EvaluationText(const Evaluation& evaluation) {
  const learn::EvalReport& all = evaluation.all;
  std::string out =
      fmt::format("{} on {} rows; 95 % intervals in brackets\n", evaluation.router, all.rows);
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  {:<9}{:>23}{:>23}{:>23}{:>23}{:>23}\n", "", "APGR", "CPT50", "CPT80",
                 "cost for 95 %", "cost for 99 %");
  Line("router", all.router, out);
  Line("random", all.random, out);
  Line("length", all.length, out);
  Line("shuffle", all.shuffle, out);
  Line("oracle", all.oracle, out);
  fmt::format_to(to,
                 "  calibration: ECE {} (a perfect router shows {:.3f} on so many rows), Brier {}, "
                 "log-loss {}; mean distance {:.2f}\n",
                 Cell(all.calibration_error), all.calibration_floor, Cell(all.brier),
                 Cell(all.log_loss), all.mean_distance);
  Point("weighed", evaluation, all.weighed, out);
  Point("plain", evaluation, all.plain, out);
  for (const learn::Slice& slice : evaluation.slices) {
    const learn::EvalReport& part = slice.report;
    fmt::format_to(to, "\n{} {}, {} rows\n",
                   slice.by == learn::SliceBy::kFamily ? "family" : "data set", slice.name,
                   part.rows);
    Line("router", part.router, out);
    Line("length", part.length, out);
    fmt::format_to(
        to, "  ECE {:.3f}; {}; {}\n", part.calibration_error.value,
        learn::BetterThanLength(part) ? "better than length" : "NOT shown to be better than length",
        learn::BetterThanShuffle(part) ? "better than a shuffle"
                                       : "NOT shown to be better than a shuffle");
  }
  return out;
}

}  // namespace triage::app
