#include "learn/model_card.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace triage::learn {
namespace {

/// Observed share of acceptable answers by tenths of the predicted one.
std::string CalibrationTable(std::span<const RoutedRow> routed, std::size_t tier, std::size_t top) {
  constexpr std::size_t kRows = 10;
  std::vector<std::size_t> order(routed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const float left = routed[a].sufficiency[tier];
    const float right = routed[b].sufficiency[tier];
    return left != right ? left < right : a < b;
  });
  std::string out = "| rows | predicted | observed |\n| --- | --- | --- |\n";
  for (std::size_t bin = 0; bin < kRows; ++bin) {
    const std::size_t begin = order.size() * bin / kRows;
    const std::size_t end = order.size() * (bin + 1) / kRows;
    if (begin == end) continue;
    double predicted = 0;
    double observed = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const RoutedRow& row = routed[order[i]];
      predicted += double{row.sufficiency[tier]};
      observed += row.score[tier] >= row.score[top] ? 1 : 0;
    }
    const auto n = static_cast<double>(end - begin);
    out += fmt::format("| {} | {:.3f} | {:.3f} |\n", end - begin, predicted / n, observed / n);
  }
  return out;
}

}  // namespace

std::string ModelCard(const Dataset& data, const TrainOptions& options, const TrainReport& report,
                      std::span<const RoutedRow> routed, std::span<const Row* const> used) {
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
  std::map<std::string, std::vector<RoutedRow>> slices;
  for (std::size_t i = 0; i < used.size(); ++i) slices[used[i]->dataset].push_back(routed[i]);
  for (const auto& [name, rows] : slices) fmt::format_to(to, "| {} | {} |\n", name, rows.size());

  out += "\n## Sufficiency on unseen rows\n";
  out += "| tier | mean score | acceptable | ECE | Brier | log-loss | calibration |\n";
  out += "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const TierMetrics& tier : report.tiers) {
    fmt::format_to(to,
                   "| {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.4f} | {} ({:.4f} → {:.4f}) |\n",
                   tier.model, tier.mean_score, tier.base_rate, tier.calibration_error, tier.brier,
                   tier.log_loss, Name(tier.calibration.map.kind), tier.calibration.loss_before,
                   tier.calibration.loss_after);
  }
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    fmt::format_to(to, "\n{}, by tenths:\n\n{}", router.models()[t],
                   CalibrationTable(routed, t, tiers - 1));
  }

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

  const ThresholdRow& row = router.thresholds(0.95);
  const Policy policy{tiers, ThresholdRule::kWeighed, options.band};
  out +=
      "\nAt 0.95, weighed, by data set:\n\n| data set | rows | cost | quality |\n| --- | --- | --- "
      "| --- |\n";
  for (const auto& [name, rows] : slices) {
    const PolicyPoint point = Measure(rows, policy, row.base);
    fmt::format_to(to, "| {} | {} | {:.3f} | {:.3f} |\n", name, rows.size(), point.cost_share,
                   point.quality_share);
  }
  const PolicyPoint all = Measure(routed, policy, row.base);
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    if (all.tier_share[t] >= 0.01) continue;
    fmt::format_to(to,
                   "\n**{} serves {:.1f} % of the questions at 0.95**: with these prices another "
                   "tier gives more quality for the money. Leave it out, or keep less.\n",
                   router.models()[t], 100 * all.tier_share[t]);
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
