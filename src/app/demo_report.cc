#include "app/demo_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace triage::app {

namespace {

constexpr int kSmallestSlice = 20;  // below this a mean says little
constexpr std::size_t kWorstSlices = 5;
constexpr std::size_t kExamples = 3;

double Score(const DemoOutcome& outcome, int tier) {
  if (tier < 0) return 0;
  return outcome.tiers[static_cast<std::size_t>(tier)].score.value_or(0);
}

double Ratio(NanoDollars part, NanoDollars whole) {
  return whole.value() == 0
             ? 0
             : static_cast<double>(part.value()) / static_cast<double>(whole.value());
}

std::vector<double> Latencies(std::span<const DemoOutcome> outcomes, std::size_t tier) {
  std::vector<double> values;
  for (const DemoOutcome& outcome : outcomes) values.push_back(outcome.tiers[tier].latency_ms);
  return values;
}

Figures Single(std::span<const DemoOutcome> outcomes, std::size_t tier) {
  Figures figures;
  for (const DemoOutcome& outcome : outcomes) {
    figures.quality += Score(outcome, static_cast<int>(tier));
    figures.cost += outcome.tiers[tier].cost;
  }
  figures.quality /= static_cast<double>(std::max<std::size_t>(outcomes.size(), 1));
  const std::vector<double> latencies = Latencies(outcomes, tier);
  figures.p50_ms = Percentile(latencies, 0.50);
  figures.p95_ms = Percentile(latencies, 0.95);
  return figures;
}

Figures Routed(std::span<const DemoOutcome> outcomes) {
  Figures figures;
  std::vector<double> latencies;
  for (const DemoOutcome& outcome : outcomes) {
    figures.quality += Score(outcome, outcome.delivered);
    figures.cost += outcome.cost;
    if (outcome.delivered >= 0) latencies.push_back(outcome.latency_ms);
  }
  figures.quality /= static_cast<double>(std::max<std::size_t>(outcomes.size(), 1));
  figures.p50_ms = Percentile(latencies, 0.50);
  figures.p95_ms = Percentile(latencies, 0.95);
  return figures;
}

/// The best quality that random mixing of two single models has at a cost, and with which two.
RandomMixing MixAt(std::span<const Figures> single, double cost) {
  RandomMixing best;
  best.figures.quality = -1;
  for (std::size_t a = 0; a < single.size(); ++a) {
    for (std::size_t b = 0; b < single.size(); ++b) {
      const double low = static_cast<double>(single[a].cost.value());
      const double high = static_cast<double>(single[b].cost.value());
      if (low > cost) continue;
      const double share = high > low ? std::min(1.0, (cost - low) / (high - low)) : 0.0;
      const double quality = (1 - share) * single[a].quality + share * single[b].quality;
      if (quality <= best.figures.quality) continue;
      best.figures.quality = quality;
      best.figures.cost =
          NanoDollars(std::llround((1 - share) * low + share * std::max(high, low)));
      best.cheap = static_cast<int>(a);
      best.dear = static_cast<int>(share > 0 ? b : a);
      best.dear_share = share;
    }
  }
  return best;
}

/// The least cost at which random mixing reaches a quality; the dearest single model's when it
/// never does.
double MixingCostFor(std::span<const Figures> single, double quality) {
  double least = -1;
  double dearest = 0;
  for (const Figures& low : single) {
    dearest = std::max(dearest, static_cast<double>(low.cost.value()));
    for (const Figures& high : single) {
      double share = 0;
      if (low.quality < quality) {
        if (high.quality < quality) continue;
        share = (quality - low.quality) / (high.quality - low.quality);
      }
      const double cost = (1 - share) * static_cast<double>(low.cost.value()) +
                          share * static_cast<double>(high.cost.value());
      if (least < 0 || cost < least) least = cost;
    }
  }
  return least < 0 ? dearest : least;
}

RandomMixing Mixing(std::span<const DemoOutcome> outcomes, const DemoReport& report) {
  RandomMixing mixing = MixAt(report.single, static_cast<double>(report.routed.cost.value()));
  if (mixing.figures.quality < 0) {  // routing costs less than any single model
    mixing.figures = report.single.front();
  }
  const auto cheap = Latencies(outcomes, static_cast<std::size_t>(mixing.cheap));
  const auto dear = Latencies(outcomes, static_cast<std::size_t>(mixing.dear));
  mixing.figures.p50_ms = MixedPercentile(cheap, dear, mixing.dear_share, 0.50);
  mixing.figures.p95_ms = MixedPercentile(cheap, dear, mixing.dear_share, 0.95);
  const double frontier = static_cast<double>(report.single.back().cost.value());
  mixing.cost_ratio_for_same_quality =
      frontier > 0 ? MixingCostFor(report.single, report.routed.quality) / frontier : 0;
  return mixing;
}

std::vector<SliceLoss> WorstSlices(std::span<const DemoOutcome> outcomes) {
  std::map<std::string, SliceLoss> slices;
  for (const DemoOutcome& outcome : outcomes) {
    SliceLoss& slice = slices[outcome.slice];
    slice.name = outcome.slice;
    ++slice.questions;
    slice.routed += Score(outcome, outcome.delivered);
    slice.frontier += Score(outcome, static_cast<int>(outcome.tiers.size()) - 1);
  }
  std::vector<SliceLoss> worst;
  for (auto& [name, slice] : slices) {
    slice.routed /= slice.questions;
    slice.frontier /= slice.questions;
    if (slice.questions >= kSmallestSlice && slice.routed < slice.frontier) worst.push_back(slice);
  }
  std::ranges::sort(worst, [](const SliceLoss& a, const SliceLoss& b) {
    return a.frontier - a.routed > b.frontier - b.routed;
  });
  if (worst.size() > kWorstSlices) worst.resize(kWorstSlices);
  return worst;
}

/// The questions that lost most against the top tier, one a slice, the worst slices first.
std::vector<LostExample> Examples(std::span<const DemoOutcome> outcomes,
                                  std::span<const SliceLoss> worst) {
  const auto rank = [&](const DemoOutcome& outcome) {
    const auto found = std::ranges::find(worst, outcome.slice, &SliceLoss::name);
    return found - worst.begin();
  };
  const auto lost = [](const DemoOutcome& outcome) {
    return Score(outcome, static_cast<int>(outcome.tiers.size()) - 1) -
           Score(outcome, outcome.delivered);
  };
  std::vector<const DemoOutcome*> candidates;
  for (const DemoOutcome& outcome : outcomes) {
    if (outcome.delivered >= 0 && lost(outcome) > 0) candidates.push_back(&outcome);
  }
  std::ranges::sort(candidates, [&](const DemoOutcome* a, const DemoOutcome* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    if (lost(*a) != lost(*b)) return lost(*a) > lost(*b);
    return a->id < b->id;
  });
  std::vector<LostExample> examples;
  std::set<std::string> seen;
  for (const bool allow_same_slice : {false, true}) {
    for (const DemoOutcome* outcome : candidates) {
      if (examples.size() == kExamples) return examples;
      const bool known =
          std::ranges::find(examples, outcome->id, &LostExample::id) != examples.end();
      if (known || (!allow_same_slice && !seen.insert(outcome->slice).second)) continue;
      LostExample example{.id = outcome->id,
                          .slice = outcome->slice,
                          .question = OneLine(outcome->prompt, 140),
                          .delivered = outcome->delivered,
                          .scores = {}};
      for (int tier = 0; tier < static_cast<int>(outcome->tiers.size()); ++tier) {
        example.scores.push_back(Score(*outcome, tier));
      }
      examples.push_back(std::move(example));
    }
  }
  return examples;
}

void Count(std::span<const DemoOutcome> outcomes, DemoReport& report) {
  std::vector<double> decide;
  for (const DemoOutcome& outcome : outcomes) {
    decide.push_back(outcome.decide_us);
    report.fallbacks += outcome.fallback ? 1 : 0;
    report.cost_disagreements += outcome.cost_agrees ? 0 : 1;
    if (outcome.delivered < 0) {
      ++report.errors;
      continue;
    }
    const auto tier = static_cast<std::size_t>(outcome.delivered);
    report.tier_share[tier] += 1.0 / static_cast<double>(outcomes.size());
    report.mismatches += outcome.text_matches ? 0 : 1;
    report.ungraded += outcome.tiers[tier].score ? 0 : 1;
  }
  report.decide_p50_us = Percentile(decide, 0.50);
  report.decide_p99_us = Percentile(decide, 0.99);
}

}  // namespace

bool DemoReport::GoalMet() const {
  return cost_ratio <= kCostGoal && quality_ratio >= kQualityGoal;
}

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(index, values.size() - 1));
  std::ranges::nth_element(values, nth);
  return *nth;
}

double MixedPercentile(std::vector<double> a, std::vector<double> b, double share_b, double share) {
  std::vector<std::pair<double, double>> weighted;  // value, weight
  for (const double value : a)
    weighted.emplace_back(value, (1 - share_b) / static_cast<double>(a.size()));
  for (const double value : b)
    weighted.emplace_back(value, share_b / static_cast<double>(b.size()));
  std::ranges::sort(weighted);
  double seen = 0;
  double last = 0;
  for (const auto& [value, weight] : weighted) {
    if (weight <= 0) continue;
    seen += weight;
    last = value;
    if (seen >= share - 1e-12) break;
  }
  return last;
}

DemoReport Summarize(std::vector<DemoTier> tiers, std::span<const DemoOutcome> outcomes) {
  DemoReport report;
  report.tiers = std::move(tiers);
  report.questions = static_cast<int>(outcomes.size());
  report.tier_share.assign(report.tiers.size(), 0);
  report.routed = Routed(outcomes);
  for (std::size_t tier = 0; tier < report.tiers.size(); ++tier) {
    report.single.push_back(Single(outcomes, tier));
    const Figures& figures = report.single.back();
    if (figures.quality > report.single[static_cast<std::size_t>(report.best_single)].quality) {
      report.best_single = static_cast<int>(tier);
    }
    const bool better =
        !report.best_affordable ||
        figures.quality > report.single[static_cast<std::size_t>(*report.best_affordable)].quality;
    if (figures.cost <= report.routed.cost && better)
      report.best_affordable = static_cast<int>(tier);
  }
  const Figures& frontier = report.single.back();
  report.cost_ratio = Ratio(report.routed.cost, frontier.cost);
  report.quality_ratio = frontier.quality > 0 ? report.routed.quality / frontier.quality : 0;
  report.mixing = Mixing(outcomes, report);
  Count(outcomes, report);
  report.worst_slices = WorstSlices(outcomes);
  report.examples = Examples(outcomes, report.worst_slices);
  return report;
}

std::string OneLine(std::string_view text, std::size_t characters) {
  std::string line;
  std::size_t count = 0;
  for (const char c : text) {
    const bool starts_character = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts_character && count == characters) return line + "…";
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control && (line.empty() || line.back() == ' ')) continue;
    line += control ? ' ' : c;
    count += starts_character ? 1 : 0;
  }
  return line;
}

}  // namespace triage::app
