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

  int Choose() {
    highest_ = choice_.Below(choice_.max + 1);
    if (!choice_.tiers[At(highest_)].sufficiency) {
      steps_.push_back(
          {StepKind::kRouter, -1, highest_,
           fmt::format("{}, as no router was asked: the highest tier allowed", Name(highest_))});
      return highest_;
    }
    if (options_.rule == Rule::kExpectedCost) {
      if (const int unknown = FirstWithoutCost(); unknown < 0) {
        return LeastExpectedCost();
      } else {
        steps_.push_back(
            {StepKind::kCost, -1, -1,
             fmt::format("thresholds decide, as {} has no known price", Name(unknown))});
      }
    }
    return Band(ByThresholds());
  }

 private:
  const std::string& Name(int tier) const { return choice_.tiers[At(tier)].tier; }

  double Sufficiency(int tier) const { return *choice_.tiers[At(tier)].sufficiency; }

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

  int Band(int tier) {
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

  int LeastExpectedCost() {
    const NanoDollars stakes = choice_.stakes;
    const auto total = [&](int tier) {
      return *choice_.tiers[At(tier)].expected_cost + ExpectedLoss(stakes, Sufficiency(tier));
    };
    int best = choice_.Above(choice_.min - 1);
    for (int tier = choice_.Above(best); tier >= 0; tier = choice_.Above(tier)) {
      if (total(tier) < total(best)) best = tier;
    }
    steps_.push_back({StepKind::kCost, -1, best,
                      fmt::format("{} is cheapest, risk included: ${} + {} % of ${} at stake",
                                  Name(best), FormatUsd(*choice_.tiers[At(best)].expected_cost),
                                  std::lround((1 - Sufficiency(best)) * 100), FormatUsd(stakes))});
    return best;
  }

  const Options& options_;
  const Choice& choice_;
  std::vector<Step>& steps_;
  int highest_ = -1;
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

int ChooseTier(const Options& options, const Choice& choice, std::vector<Step>& steps) {
  return Chooser(options, choice, steps).Choose();
}

NanoDollars ExpectedLoss(NanoDollars stakes, double sufficiency) {
  const auto risk = static_cast<__int128>(std::llround((1 - sufficiency) * 1e6));
  return NanoDollars(static_cast<std::int64_t>(stakes.value() * risk / 1'000'000));
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
