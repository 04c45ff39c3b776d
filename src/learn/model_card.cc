#include "learn/model_card.h"

#include <iterator>

#include <fmt/format.h>

#include "learn/evaluate.h"

namespace triage::learn {
namespace {

std::string Text(const Estimate& estimate) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", estimate.value, estimate.interval.low,
                     estimate.interval.high);
}

std::string Ratio(double value, const Interval& interval) {
  return Text({value, interval});
}

std::string GapText(const RoutingFigures& figures) {
  return figures.gap ? Text(figures.gap->apgr) : "–";
}

/// Observed share of acceptable answers beside the predicted one.
std::string CalibrationTable(const std::vector<ReliabilityBin>& bins) {
  std::string out = "| rows | predicted | observed |\n| --- | --- | --- |\n";
  for (const ReliabilityBin& bin : bins) {
    out += fmt::format("| {} | {:.3f} | {:.3f} |\n", bin.rows, bin.predicted, bin.observed);
  }
  return out;
}

void Figures(const EvalReport& all, std::string& out) {
  auto to = std::back_inserter(out);
  out +=
      "\n## Routing unseen rows\nAPGR (two tiers only) is the area under the recovered quality gap "
      "over the share of dear calls; cost 95 and 99 are the smallest shares of always-top's cost "
      "that keep 95 and 99 % of its quality on the curve of the expected-cost rule. In brackets "
      "95 % bootstrap intervals.\n\n"
      "| | APGR | cost 95 | cost 99 |\n| --- | --- | --- | --- |\n";
  const auto line = [&](std::string_view name, const RoutingFigures& figures) {
    fmt::format_to(to, "| {} | {} | {} | {} |\n", name, GapText(figures), Text(figures.cost95),
                   Text(figures.cost99));
  };
  line("router", all.router);
  line("random mixing", all.random);
  line("length alone", all.length);
  line("router's scores shuffled", all.shuffle);
  line("oracle", all.oracle);
  fmt::format_to(to,
                 "\nAt the weighed thresholds for 95 %: cost {}, quality {}; as many rows per tier "
                 "drawn blindly keep {}. Skill, the difference: {}.\n",
                 Ratio(all.weighed.point.cost_share, all.weighed.cost),
                 Ratio(all.weighed.point.quality_share, all.weighed.quality),
                 Text(all.weighed.shuffled), Text(all.weighed.skill));
}

void SliceTable(std::span<const Slice> slices, std::string& out) {
  auto to = std::back_inserter(out);
  out +=
      "\n## By data set\nCost and quality at the weighed thresholds for 95 %.\n\n"
      "| data set | rows | cost | quality | APGR | skill against the shuffle | against length "
      "|\n| --- | --- | --- | --- | --- | --- | --- |\n";
  std::string weak;
  for (const Slice& slice : slices) {
    const EvalReport& part = slice.report;
    fmt::format_to(to, "| {} | {} | {:.3f} | {:.3f} | {} | {} | {} |\n", slice.name, part.rows,
                   part.weighed.point.cost_share, part.weighed.point.quality_share,
                   GapText(part.router), Text(part.weighed.skill), Text(part.over_length));
    if (!BetterThanLength(part)) weak += fmt::format("- {}: not better than length\n", slice.name);
    if (!BetterThanShuffle(part)) {
      weak += fmt::format("- {}: not better than a shuffle\n", slice.name);
    }
  }
  out += weak.empty() ? "\nBetter than length alone and than a shuffle on every data set.\n"
                      : "\n**Where it is not shown to be better** (the interval reaches zero; few "
                        "rows widen it):\n" +
                            weak;
}

}  // namespace

std::string ModelCard(const Dataset& data, const TrainOptions& options, const TrainReport& report) {
  const Router& router = *report.router;
  const std::size_t tiers = router.tiers();
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# Router {}\n\n", router.version());
  fmt::format_to(to, "Tiers, cheapest first: {}.\n\n", fmt::join(router.models(), ", "));
  out +=
      "**Sufficiency** of a tier is the calibrated probability that its answer is at least as good "
      "as the top tier's "
      "answer to the same question (graded score ≥ the top tier's). Questions that no tier can "
      "answer count as "
      "sufficient: paying more would not help. On the same data this definition needs less cost "
      "for the same quality "
      "than \"the answer is correct\".\n\n## Data\n";
  fmt::format_to(to,
                 "{} rows with a score for every tier; {} rows of fold {} were left out unseen; {} "
                 "rows lack a score "
                 "for some tier; {} unusable lines were skipped. Validation is out of fold: five "
                 "folds by a hash of the "
                 "question's core, so that twins stay together.\n\n",
                 report.rows, report.rows_left_out, options.exclude_fold, report.rows_unlabelled,
                 data.bad_lines);
  out += "| data set | rows |\n| --- | --- |\n";
  const EvalReport all = Summarise(report.unseen, tiers, options.resamples);
  constexpr SliceBy kBy[] = {SliceBy::kDataset};
  const std::vector<Slice> slices = Slices(report.unseen, tiers, kBy, options.resamples);
  for (const Slice& slice : slices) {
    fmt::format_to(to, "| {} | {} |\n", slice.name, slice.report.rows);
  }
  if (router.prior_only()) {
    out +=
        "\n**Prior only.** Nothing it learned beats the base rates on unseen rows: every request "
        "gets the same sufficiency. More rows, or rows of another kind, are needed.\n";
  }

  out += "\n## Sufficiency on unseen rows\n";
  out +=
      "| tier | mean score | acceptable | ECE | Brier | log-loss | calibration (log-loss of the "
      "base rate → calibrated) | trees |\n";
  out += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const TierMetrics& tier : report.tiers) {
    fmt::format_to(to,
                   "| {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.4f} | {} ({:.4f} → {:.4f}) | "
                   "{:.2f} |\n",
                   tier.model, tier.mean_score, tier.base_rate, tier.calibration_error, tier.brier,
                   tier.log_loss, Name(tier.calibration.map.kind), tier.calibration.loss_before,
                   tier.calibration.loss_after, double{tier.tree_trust});
  }
  fmt::format_to(to,
                 "\nMean ECE {}; a perfectly calibrated router shows {:.3f} on so many rows. "
                 "Trees: the share of their correction that held on unseen rows.\n",
                 Text(all.calibration_error), all.calibration_floor);
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    fmt::format_to(to, "\n{}, bins of equal size:\n\n{}", router.models()[t],
                   CalibrationTable(all.reliability[t]));
  }
  Figures(all, out);
  SliceTable(slices, out);

  fmt::format_to(to,
                 "\n## Thresholds\nTuned on unseen rows of the training data with a boundary band "
                 "of ±{:.2f} in effect "
                 "and a margin of {:.3f} on the quality to keep. Cost and quality are shares of "
                 "always using {}. "
                 "\"Plain\" thresholds are the same for every request; \"weighed\" ones are 1 − (1 "
                 "− base) × the "
                 "request's expected cost relative to the mean (¼ to 4).\n\n",
                 double{options.band}, options.quality_margin, router.models().back());
  out += "| keep | plain thresholds | cost | quality | weighed base | cost | quality |\n";
  out += "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const ThresholdRow& row : router.parts().thresholds) {
    const auto list = [&](const std::array<float, kMaxTiers>& values) {
      std::string text;
      for (std::size_t t = 0; t + 1 < tiers; ++t) {
        text += fmt::format("{}{:.3f}", t > 0 ? " / " : "", double{values[t]});
      }
      return text;
    };
    fmt::format_to(to, "| {:.3f} | {} | {:.3f} | {:.3f} | {} | {:.3f} | {:.3f} |\n",
                   double{row.keep_quality}, list(row.threshold), double{row.cost_share},
                   double{row.quality_share}, list(row.base), double{row.weighed_cost_share},
                   double{row.weighed_quality_share});
  }

  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    if (all.weighed.point.tier_share[t] >= 0.01) continue;
    fmt::format_to(to,
                   "\n**{} serves {:.1f} % of the questions at 0.95**: with these prices another "
                   "tier gives more quality for the money. Leave it out, or keep less.\n",
                   router.models()[t], 100 * all.weighed.point.tier_share[t]);
  }

  out +=
      "\n## Limits\n"
      "- It learned from the data sets above and knows nothing else. Requests whose words it does "
      "not know get a "
      "distance near 1 and a sufficiency near the base rate; policies or a judge should decide "
      "those.\n"
      "- Labels are single graded answers: an answer that was right by luck counts as right.\n"
      "- Costs are list prices of the models' own time with tokens = characters / 4.\n"
      "- Thresholds hold for traffic like the training data. Train on your own outcomes: `triage "
      "train`.\n";
  if (!options.command.empty()) {
    fmt::format_to(to, "\n## Made by\n```\n{}\n```\n", options.command);
  }
  return out;
}

}  // namespace triage::learn
