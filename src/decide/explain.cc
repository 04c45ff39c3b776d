#include "decide/explain.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "decide/choose.h"
#include "decide/printable.h"

namespace triage::decide {
namespace {

constexpr std::size_t kHeaderLength = 120;

std::size_t At(int index) {
  return static_cast<std::size_t>(index);
}

std::string Percent(double probability) {
  return fmt::format("{} %", std::lround(probability * 100));
}

/// Words of the configuration as a reader says them.
std::string Spaced(std::string text) {
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::string Asked(const Decision& decision, const StoryContext& told) {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) parts.push_back(fmt::format("{} {}", name, value));
  };
  add("model", told.requested_model);
  add("kind", Spaced(decision.query_type));
  add("found", Spaced(Join(decision.detected, " and ")));
  parts.push_back(fmt::format("about {} tokens", decision.tokens_in));
  if (told.context != nullptr) {
    const llm::Context& context = *told.context;
    add("user", Printable(context.user, 60));
    add("team", Printable(context.team, 60));
    add("feature", Printable(context.feature, 60));
    if (context.impact != llm::Impact::kNormal) add("impact", llm::Name(context.impact));
    if (context.error_tolerance != llm::Tolerance::kNormal) {
      add("error tolerance", llm::Name(context.error_tolerance));
    }
    add("data class", Printable(context.sensitivity, 60));
  }
  return Join(parts);
}

/// Two digits say enough of an estimate.
std::string AboutUsd(NanoDollars amount) {
  std::int64_t unit = 1;
  while (amount.value() / unit >= 100) unit *= 10;
  return "$" + FormatUsd(NanoDollars((amount.value() + unit / 2) / unit * unit));
}

std::string TierLine(const Decision& decision, std::size_t tier, std::size_t width,
                     std::optional<NanoDollars> stakes) {
  const TierView& view = decision.tiers[tier];
  std::string line = fmt::format("  {} {:<{}}", static_cast<int>(tier) == decision.tier ? '*' : ' ',
                                 view.tier, width);
  line += view.sufficiency ? fmt::format("  {:>5} likely enough", Percent(*view.sufficiency))
                           : fmt::format("  {:>5}             ", "");
  line += view.expected_cost ? fmt::format("  about {}", AboutUsd(*view.expected_cost))
                             : "  cost unknown";
  if (stakes && view.sufficiency) {
    line += fmt::format(", {} at risk", AboutUsd(ExpectedLoss(*stakes, *view.sufficiency)));
  }
  if (!view.admissible) line += fmt::format("  cannot serve: {}", view.because);
  return line + '\n';
}

/// The cheapest tier that the router alone would have found enough, at best the top.
int RoutersPick(const Decision& decision, const Options& options) {
  for (std::size_t t = 0; t < decision.tiers.size(); ++t) {
    const TierView& view = decision.tiers[t];
    if (!view.admissible || !view.sufficiency) continue;
    if (!view.threshold || *view.sufficiency > *view.threshold + options.band) {
      return static_cast<int>(t);
    }
  }
  return -1;
}

/// What it takes, under the thresholds rule, for `tier` to be chosen over a higher one.
std::string Needed(const Decision& decision, const Options& options, std::size_t tier) {
  const TierView& view = decision.tiers[tier];
  const double enough = *view.threshold + options.band;
  const bool ruled = std::any_of(decision.steps.begin(), decision.steps.end(),
                                 [](const Step& step) { return step.kind == StepKind::kPolicy; });
  const std::string taken = enough < 1 ? fmt::format("is taken above {}", Percent(enough))
                                       : "is out of reach for this request";
  return fmt::format("{} {}{} ({} threshold and {} points of band); it had {}", view.tier, taken,
                     ruled ? ", where the policies allow it" : "", Percent(*view.threshold),
                     std::lround(options.band * 100), Percent(*view.sufficiency));
}

std::string ThresholdChange(const Decision& decision, const Options& options) {
  if (options.rule != Rule::kThresholds) {
    return "a lower price or a higher sufficiency of another tier, or other stakes";
  }
  for (int below = decision.tier - 1; below >= 0; --below) {
    const TierView& view = decision.tiers[At(below)];
    if (view.admissible && view.sufficiency && view.threshold) {
      return Needed(decision, options, At(below));
    }
  }
  const TierView& chosen = decision.tiers[At(decision.tier)];
  if (!chosen.threshold) return "nothing: it is the only tier left";
  return fmt::format("below {} it would have gone up a tier",
                     Percent(*chosen.threshold + options.band));
}

std::string WouldChange(const Decision& decision, const Options& options) {
  if (decision.pinned) return "model \"auto\" would let Triage choose";
  const Step* step = DecidingStep(decision);
  if (step == nullptr) return {};
  switch (step->kind) {
    case StepKind::kPolicy: {
      const int pick = RoutersPick(decision, options);
      if (pick < 0) return "another policy";
      if (pick == decision.tier) return "nothing: the router alone would have chosen the same";
      return fmt::format("without that policy the router would have chosen {}",
                         decision.tiers[At(pick)].tier);
    }
    case StepKind::kConstraint: return "a model in another tier that can serve this request";
    case StepKind::kFeedback: return "a turn that does not complain about the answer before it";
    case StepKind::kVerdict: return "an answer that passes its checks";
    case StepKind::kRouter:
    case StepKind::kJudge:
    case StepKind::kBand:
    case StepKind::kCost: break;
  }
  if (!decision.tiers[At(decision.tier)].sufficiency) return "a trained router";
  return ThresholdChange(decision, options);
}

}  // namespace

const Step* DecidingStep(const Decision& decision) {
  const auto settled = [&](const Step& step) {
    return step.to == decision.tier && step.from != step.to;
  };
  const auto last = std::find_if(decision.steps.rbegin(), decision.steps.rend(), settled);
  if (last != decision.steps.rend()) return &*last;
  return decision.steps.empty() ? nullptr : &decision.steps.back();
}

std::string Reason(const Decision& decision) {
  const Step* step = DecidingStep(decision);
  if (step == nullptr) return "unknown";
  std::string line;
  line.reserve(kHeaderLength);
  // A band's reason says "escalated: boundary" itself.
  if (step->kind != StepKind::kBand) line.append(Name(step->kind)).append(": ");
  line += step->reason;
  for (const Step& move : decision.steps) {
    if (step->kind == StepKind::kConstraint) break;
    if (move.kind == StepKind::kConstraint && move.to == decision.tier) {
      line.append("; ").append(move.reason);
      break;
    }
  }
  return Printable(line, kHeaderLength);
}

std::string Reason(const Step& step) {
  return Printable(fmt::format("{}: {}", Name(step.kind), step.reason), kHeaderLength);
}

std::string Story(const Decision& decision, const StoryContext& told) {
  std::string story = fmt::format("Asked:    {}\n", Asked(decision, told));
  const std::string& tier = decision.TierName();
  story += fmt::format("Goes to:  {} ({})\n", tier.empty() ? "no tier" : tier,
                       Join(decision.chain, ", then "));
  if (const Step* step = DecidingStep(decision)) {
    story += fmt::format("Because:  {}: {}\n", Name(step->kind), step->reason);
  }
  std::size_t width = 0;
  for (const TierView& view : decision.tiers) width = std::max(width, view.tier.size());
  story += "Tiers:\n";
  std::optional<NanoDollars> stakes;
  if (told.options != nullptr && told.context != nullptr) {
    stakes = StakesOf(*told.options, *told.context);
  }
  for (std::size_t t = 0; t < decision.tiers.size(); ++t) {
    story += TierLine(decision, t, width, stakes);
  }
  story += "Steps:\n";
  int number = 0;
  for (const Step& step : decision.steps) {
    story += fmt::format("  {}. {}: {}\n", ++number, Name(step.kind), step.reason);
  }
  if (!decision.checks.empty()) story += fmt::format("Checks:   {}\n", Join(decision.checks));
  if (decision.distance) {
    story += fmt::format("Known:    {} like the questions that the router learned from\n",
                         Percent(1 - *decision.distance));
  }
  if (told.options != nullptr) {
    const std::string change = WouldChange(decision, *told.options);
    if (!change.empty()) story += fmt::format("Changes:  {}\n", change);
  }
  return story;
}

}  // namespace triage::decide
