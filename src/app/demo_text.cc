#include "app/demo_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace triage::app {

namespace {

double Usd(NanoDollars amount) {
  return static_cast<double>(amount.value()) / 1e9;
}

double Percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

std::string Bar(double share) {
  std::string bar;
  for (int i = 0; i < static_cast<int>(std::lround(share * 40)); ++i) bar += "█";
  return bar;
}

std::string Row(std::string_view name, const Figures& figures, const Figures& frontier) {
  return fmt::format("  {:<46}{:>7.3f}{:>9.1f} %{:>10.4f}{:>9.1f} %{:>9.0f}{:>9.0f}\n", name,
                     figures.quality, Percent(figures.quality, frontier.quality), Usd(figures.cost),
                     Percent(Usd(figures.cost), Usd(frontier.cost)), figures.p50_ms,
                     figures.p95_ms);
}

const Figures& At(const DemoReport& report, int tier) {
  return report.single[static_cast<std::size_t>(tier)];
}

std::string TierModel(const DemoReport& report, int tier) {
  return report.tiers[static_cast<std::size_t>(tier)].model;
}

std::string Comparison(const DemoReport& report) {
  const Figures& frontier = report.single.back();
  std::string text = fmt::format("  {:<46}{:>7}{:>11}{:>10}{:>11}{:>9}{:>9}\n", "", "quality",
                                 "of top", "cost USD", "of top", "p50 ms", "p95 ms");
  text += Row("routed by Triage", report.routed, frontier);
  for (std::size_t i = report.single.size(); i-- > 0;) {
    text += Row(SingleName(report, static_cast<int>(i)), report.single[i], frontier);
  }
  text += Row("random mixing at the same cost", report.mixing.figures, frontier);
  return text;
}

std::string Sentences(const DemoReport& report) {
  std::string text;
  text += fmt::format("  Best single model: {}", TierModel(report, report.best_single));
  if (report.best_affordable) {
    text += fmt::format(
        "; within the routed cost it is {} ({:.1f} % of the top tier's quality)",
        TierModel(report, *report.best_affordable),
        Percent(At(report, *report.best_affordable).quality, report.single.back().quality));
  }
  text += ".\n";
  text += fmt::format(
      "  Random mixing would need {:.1f} % of always-frontier's cost for the routed quality.\n",
      100 * report.mixing.cost_ratio_for_same_quality);
  text += GoalSentence(report).insert(0, "  ") + "\n";
  return text;
}

std::string Lost(const DemoReport& report) {
  std::string text = "Where routing lost quality (against always-frontier)\n";
  if (report.worst_slices.empty()) text += "  nowhere, in slices of 20 questions and more\n";
  for (const SliceLoss& slice : report.worst_slices) {
    text += fmt::format("  {:<32}{:>5} questions   routed {:.3f}   frontier {:.3f}   lost {:.3f}\n",
                        slice.name, slice.questions, slice.routed, slice.frontier,
                        slice.frontier - slice.routed);
  }
  for (const LostExample& example : report.examples) {
    text += fmt::format("\n  {} ({}) went to {}:\n    {}\n    graded:", example.id, example.slice,
                        report.tiers[static_cast<std::size_t>(example.delivered)].name,
                        example.question);
    for (std::size_t i = 0; i < example.scores.size(); ++i) {
      text += fmt::format("  {} {:.2f}", report.tiers[i].model, example.scores[i]);
    }
    text += "\n";
  }
  return text;
}

std::string Operations(const DemoReport& report, const DemoRun& run) {
  std::string text = fmt::format(
      "  Deciding took {:.0f} µs at the median, {:.0f} µs at p99.\n"
      "  Fallbacks: {} (one answer in a hundred of the first hosts fails on purpose). Questions "
      "without an answer: {}.\n",
      report.decide_p50_us, report.decide_p99_us, report.fallbacks, report.errors);
  text += report.cost_disagreements == 0
              ? "  Every cost on the ledger agrees with the response header or a recomputation.\n"
              : fmt::format("  COST DISAGREES between ledger and recomputation for {} exchanges.\n",
                            report.cost_disagreements);
  if (report.mismatches > 0)
    text += fmt::format("  {} answers were not the recorded text.\n", report.mismatches);
  if (report.ungraded > 0) {
    text +=
        fmt::format("  {} answers have no recorded score and count as wrong.\n", report.ungraded);
  }
  text += fmt::format(
      "  Latencies are simulated (one latency model for all rows, run {:g} times faster); the "
      "replay took {:.1f} s.\n",
      run.speed, run.seconds);
  return text;
}

}  // namespace

std::string SingleName(const DemoReport& report, int tier) {
  const auto last = static_cast<int>(report.single.size()) - 1;
  const std::string which = tier == last ? "frontier"
                            : tier == 0  ? "cheap"
                                         : report.tiers[static_cast<std::size_t>(tier)].name;
  return "always " + which + " (" + TierModel(report, tier) + ")";
}

std::string GoalSentence(const DemoReport& report) {
  return fmt::format(
      "Goal, at most {:.0f} % of the cost at no less than {:.0f} % of the quality: {}: {:.1f} % of "
      "the "
      "cost at {:.1f} % of the quality.",
      100 * kCostGoal, 100 * kQualityGoal, report.GoalMet() ? "reached" : "MISSED",
      100 * report.cost_ratio, 100 * report.quality_ratio);
}

std::string DemoText(const DemoReport& report, const DemoRun& run) {
  std::string text = fmt::format(
      "\nTriage demo: {} real questions{}, answers and grades recorded from real models\n\n",
      report.questions, run.fold_zero ? " that the router has never seen" : "");
  text += "Where they went\n";
  for (std::size_t i = 0; i < report.tiers.size(); ++i) {
    text +=
        fmt::format("  {:<10}{:<16}{:>6.1f} %  {}\n", report.tiers[i].name, report.tiers[i].model,
                    100 * report.tier_share[i], Bar(report.tier_share[i]));
  }
  for (std::size_t i = 0; i + 1 < report.tiers.size(); ++i) {
    if (report.tier_share[i] >= 0.005) continue;
    text += fmt::format(
        "  At these prices {} is not worth its mistakes on these questions: the tier above gives "
        "more quality for the money.\n",
        report.tiers[i].name);
  }
  text += "\nWhat it cost and how good it was (mean grade, 0 to 1)\n" + Comparison(report) + "\n";
  text += Sentences(report) + "\nHow it ran\n" + Operations(report, run) + "\n" + Lost(report);
  return text;
}

}  // namespace triage::app
