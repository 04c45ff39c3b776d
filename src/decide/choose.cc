#include "decide/choose.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace triage::decide {
namespace {

// Decimal edges such as 0.55 − 0.50 are not exact in binary; far below any calibration.
constexpr double kEdge = 1e-9;

// 0 ≤ value < 10 with fixed decimals, by integer arithmetic: several times cheaper than a
// floating-point formatter.
void AppendFixed(std::string& text, double value, int decimals) {
  const double scale = decimals == 2 ? 100 : 10'000;
  auto scaled = static_cast<unsigned>(std::clamp(value * scale + 0.5, 0.0, 10 * scale - 1));
  char digits[8];
  char* begin = digits + sizeof digits;
  for (int i = 0; i < decimals; ++i, scaled /= 10) *--begin = static_cast<char>('0' + scaled % 10);
  *--begin = '.';
  *--begin = static_cast<char>('0' + scaled);
  text.append(begin, digits + sizeof digits);
}

std::size_t At(int tier) {
  return static_cast<std::size_t>(tier);
}

class Chooser {
 public:
  Chooser(const Options& options, const Choice& choice, std::vector<Step>& steps)
      : options_(options), choice_(choice), steps_(steps) {}

  Chosen Choose() {
    highest_ = choice_.Below(choice_.max + 1);
    if (!choice_.tiers[At(highest_)].sufficiency) return WithoutRouter();
    by_cost_ = options_.rule == Rule::kExpectedCost;
    if (const int unknown = by_cost_ ? FirstWithoutCost() : -1; unknown >= 0) {
      by_cost_ = false;
      steps_.push_back({StepKind::kCost, -1, -1,
                        fmt::format("thresholds decide, as {} has no known price", Name(unknown))});
    }
    learned_ = by_cost_ ? LeastExpectedCost() : ByThresholds();
    Chosen chosen{.tier = learned_};
    if (choice_.judge && choice_.Open(choice_.judge->tier)) {
      chosen.tier = Judged();
    } else {
      chosen.doubtful = Doubtful();
    }
    if (!by_cost_) chosen.tier = Band(chosen.tier);
    chosen.confidence = Sufficiency(chosen.tier);
    return chosen;
  }

 private:
  const std::string& Name(int tier) const { return choice_.tiers[At(tier)].tier; }

  double Sufficiency(int tier) const {
    return tier == assumed_tier_ ? assumed_ : *choice_.tiers[At(tier)].sufficiency;
  }

  // The top tier of the ladder has no boundary above it.
  const std::optional<double>& Threshold(int tier) const {
    return choice_.tiers[At(tier)].threshold;
  }

  bool Enough(int tier) const {
    const std::optional<double>& threshold = Threshold(tier);
    return !threshold || Sufficiency(tier) >= *threshold - kEdge;
  }

  bool InBand(int tier) const {
    const std::optional<double>& threshold = Threshold(tier);
    return threshold && options_.band > 0 &&
           std::abs(Sufficiency(tier) - *threshold) <= options_.band + kEdge;
  }

  int ByThresholds() {
    int tier = choice_.Above(choice_.min - 1);
    std::string lower;
    while (tier != highest_ && !Enough(tier)) {
      const bool first = lower.empty();
      lower += first ? "" : ", nor ";
      lower += Name(tier);
      lower += first ? " is not enough (" : " (";
      lower += Compare(Sufficiency(tier), "<", *Threshold(tier));
      lower += ')';
      tier = choice_.Above(tier);
    }
    std::string reason;
    reason.reserve(96);
    reason += Name(tier);
    const std::optional<double>& threshold = Threshold(tier);
    if (!threshold) {
      // Nothing to compare: the top of the ladder.
    } else if (Enough(tier)) {
      reason += " is enough (" + Compare(Sufficiency(tier), ">=", *threshold) + ')';
    } else {
      reason += " is the highest allowed (" + Compare(Sufficiency(tier), "<", *threshold) + ')';
    }
    if (!lower.empty()) reason += (threshold ? "; " : ", as ") + lower;
    steps_.push_back({StepKind::kRouter, -1, tier, std::move(reason)});
    return tier;
  }

  /// Only the judge has an estimate, and only of the cheapest tier.
  Chosen WithoutRouter() {
    Chosen chosen{.tier = highest_};
    const int lowest = choice_.Above(choice_.min - 1);
    const bool judged = choice_.judge && choice_.judge->tier == lowest;
    if (options_.judge != JudgeMode::kAlways || !judged) {
      if (options_.judge == JudgeMode::kAlways && lowest != highest_) chosen.doubtful = lowest;
      steps_.push_back(
          {StepKind::kRouter, -1, highest_,
           fmt::format("{}, as no router was asked: the highest tier allowed", Name(highest_))});
      return chosen;
    }
    const double probability = choice_.judge->probability;
    const double threshold = options_.thresholds[At(lowest)];
    const bool enough = probability >= threshold - kEdge;
    chosen.tier = enough ? lowest : highest_;
    if (enough) chosen.confidence = probability;
    steps_.push_back({StepKind::kJudge, -1, chosen.tier,
                      fmt::format("{} is {} ({})", Name(lowest), enough ? "enough" : "not enough",
                                  Compare(probability, enough ? ">=" : "<", threshold))});
    return chosen;
  }

  int ByRule() const { return by_cost_ ? CheapestWithRisk() : CheapestEnough(); }

  /// The choice if `tier` had another sufficiency.
  int Assuming(int tier, double sufficiency) {
    assumed_tier_ = tier;
    assumed_ = std::clamp(sufficiency, 0.0, 1.0);
    return ByRule();
  }

  /// Whose sufficiency the choice hangs on: the boundary below the chosen tier or the one above
  /// it, the nearer one first. -1 where the judge is not to be asked.
  int Doubtful() {
    if (options_.judge == JudgeMode::kOff) return -1;
    const int below = choice_.Below(learned_);
    const int above = choice_.Above(learned_) >= 0 ? learned_ : -1;
    const auto margin = [&](int tier) { return std::abs(Sufficiency(tier) - *Threshold(tier)); };
    int first = below;
    int second = above;
    if (below < 0 || (above >= 0 && margin(above) < margin(below))) std::swap(first, second);
    if (options_.judge == JudgeMode::kAlways || choice_.far) return first;
    int doubtful = -1;
    for (const int tier : {first, second}) {
      if (tier < 0 || doubtful >= 0) continue;
      const double sufficiency = Sufficiency(tier);
      if (Assuming(tier, sufficiency + options_.judge_band) != learned_ ||
          Assuming(tier, sufficiency - options_.judge_band) != learned_) {
        doubtful = tier;
      }
      assumed_tier_ = -1;
    }
    return doubtful;
  }

  /// The rule's choice with the judge's opinion of one tier.
  int Judged() {
    const int about = choice_.judge->tier;
    const double learned = Sufficiency(about);
    const double stated = std::clamp(choice_.judge->probability, 0.0, 1.0);
    const bool leads = options_.judge == JudgeMode::kAlways;
    int tier = Assuming(about, leads ? stated : Together(learned, stated));
    if (tier > learned_) tier = choice_.Above(learned_);
    if (tier < learned_) tier = choice_.Below(learned_);
    judged_ = true;
    std::string reason = fmt::format("the judge gives {} {:.2f}", Name(about), stated);
    reason += leads ? std::string(": ") : fmt::format(" and the router {:.2f}, together ", learned);
    const std::optional<double>& threshold = Threshold(about);
    if (threshold && !by_cost_) {
      reason += Compare(assumed_, Enough(about) ? ">=" : "<", *threshold);
    } else {
      reason += fmt::format("{:.2f}", assumed_);
    }
    steps_.push_back({StepKind::kJudge, learned_, tier, std::move(reason)});
    return tier;
  }

  /// The mean of two log-odds, as long as no weights have been fitted (routing.md 2.1).
  static double Together(double a, double b) {
    const auto odds = [](double p) {
      constexpr double kCertain = 0.005;  // no estimate is surer than this
      p = std::clamp(p, kCertain, 1 - kCertain);
      return std::log(p / (1 - p));
    };
    return 1 / (1 + std::exp(-(odds(a) + odds(b)) / 2));
  }

  int CheapestEnough() const {
    int tier = choice_.Above(choice_.min - 1);
    while (tier != highest_ && !Enough(tier)) tier = choice_.Above(tier);
    return tier;
  }

  int Band(int tier) {
    if (judged_) {
      if (tier != assumed_tier_ || !InBand(tier)) return tier;
      const std::size_t steps = steps_.size();
      const int next = BandAbove(tier);
      if (next == learned_ || next == choice_.Above(learned_)) return next;
      steps_.resize(steps);
      return tier;
    }
    if (InBand(tier)) return BandAbove(tier);
    const int below = choice_.Below(tier);
    if (below >= 0 && InBand(below)) {
      steps_.push_back(
          {StepKind::kBand, tier, tier,
           fmt::format("boundary ({}): {} is already above it", Margin(below), Name(tier))});
    }
    return tier;
  }

  int BandAbove(int tier) {
    int next = choice_.Above(tier);
    while (next >= 0 && Sufficiency(next) < Sufficiency(tier)) next = choice_.Above(next);
    if (next < 0) {
      steps_.push_back({StepKind::kBand, tier, tier,
                        fmt::format("boundary ({}): no better tier is allowed", Margin(tier))});
      return tier;
    }
    steps_.push_back(
        {StepKind::kBand, tier, next, fmt::format("escalated: boundary ({})", Margin(tier))});
    return next;
  }

  // "fast 0.52 is within 0.05 of 0.50"
  std::string Margin(int tier) const {
    std::string text = Name(tier) + ' ';
    AppendFixed(text, Sufficiency(tier), 2);
    text += " is within ";
    AppendFixed(text, options_.band, 2);
    text += " of ";
    AppendFixed(text, *Threshold(tier), 2);
    return text;
  }

  int FirstWithoutCost() const {
    for (int tier = choice_.Above(choice_.min - 1); tier >= 0; tier = choice_.Above(tier)) {
      if (!choice_.tiers[At(tier)].expected_cost) return tier;
    }
    return -1;
  }

  /// What comes of asking a tier first.
  struct Plan {
    int next = -1;      // where its answer goes that fails its checks; -1 = it is served
    double moved = 0;   // probability that it does
    double bad = 0;     // probability that what is served in the end is not acceptable
    NanoDollars cost;   // expected, of all attempts
    NanoDollars total;  // and of what a bad answer costs
  };

  /// Whether two tiers' answers are acceptable is taken to hang together as closely as their
  /// sufficiencies allow: what the better one cannot do, the other cannot either. So a caught
  /// failure is repaired as seldom as it can be.
  Plan PlanOf(int tier) const {
    const double good = Sufficiency(tier);
    Plan plan{.bad = 1 - good, .cost = *choice_.tiers[At(tier)].expected_cost, .total = {}};
    const bool checked = choice_.checked && options_.check_catches > 0;
    plan.next = checked ? choice_.Above(tier) : -1;
    if (plan.next >= 0) {
      const double better = Sufficiency(plan.next);
      const double catches = options_.check_catches;
      const double alarms = options_.check_false_alarms;
      plan.moved = (1 - good) * catches + good * alarms;
      plan.bad = (1 - good) * (1 - catches) + catches * std::min(1 - better, 1 - good) +
                 alarms * std::max(0.0, good - better);
      plan.cost += Expected(*choice_.tiers[At(plan.next)].expected_cost, plan.moved);
    }
    plan.total = plan.cost + Expected(choice_.stakes, plan.bad);
    return plan;
  }

  int CheapestWithRisk() const {
    int best = choice_.Above(choice_.min - 1);
    NanoDollars least = PlanOf(best).total;
    for (int tier = choice_.Above(best); tier >= 0; tier = choice_.Above(tier)) {
      const NanoDollars total = PlanOf(tier).total;
      if (total >= least) continue;
      best = tier;
      least = total;
    }
    return best;
  }

  int LeastExpectedCost() {
    const int best = CheapestWithRisk();
    const Plan plan = PlanOf(best);
    std::string what = Name(best);
    if (plan.next >= 0) {
      what += fmt::format(", then {} where its checks fail ({} %),", Name(plan.next),
                          std::lround(plan.moved * 100));
    }
    steps_.push_back({StepKind::kCost, -1, best,
                      fmt::format("{} is cheapest, risk included: ${} + {} % of ${} at stake", what,
                                  FormatUsd(plan.cost), std::lround(plan.bad * 100),
                                  FormatUsd(choice_.stakes))});
    return best;
  }

  const Options& options_;
  const Choice& choice_;
  std::vector<Step>& steps_;
  int highest_ = -1;
  int learned_ = -1;  // the rule's choice, before judge and band
  bool by_cost_ = false;
  bool judged_ = false;
  // A tier whose sufficiency is taken to be another than the router's.
  int assumed_tier_ = -1;
  double assumed_ = 0;
};

}  // namespace

int Choice::Above(int tier) const {
  for (int next = tier + 1; next <= max; ++next) {
    if (Open(next)) return next;
  }
  return -1;
}

int Choice::Below(int tier) const {
  for (int next = tier - 1; next >= min; --next) {
    if (Open(next)) return next;
  }
  return -1;
}

Chosen ChooseTier(const Options& options, const Choice& choice, std::vector<Step>& steps) {
  return Chooser(options, choice, steps).Choose();
}

NanoDollars Expected(NanoDollars amount, double probability) {
  const auto millionths = static_cast<__int128>(std::llround(probability * 1e6));
  return NanoDollars(static_cast<std::int64_t>(amount.value() * millionths / 1'000'000));
}

NanoDollars ExpectedLoss(NanoDollars stakes, double sufficiency) {
  return Expected(stakes, 1 - sufficiency);
}

std::string Compare(double a, std::string_view sign, double b) {
  const int decimals = std::abs(a - b) < 0.01 && sign == "<" ? 4 : 2;
  std::string text;
  text.reserve(24);
  AppendFixed(text, a, decimals);
  text += ' ';
  text += sign;
  text += ' ';
  AppendFixed(text, b, decimals);
  return text;
}

}  // namespace triage::decide
