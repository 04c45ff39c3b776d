#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "decide/decision.h"
#include "decide/options.h"
#include "llm/types.h"

namespace triage::decide {

/// Tiers that constraints and policies leave, with what is known of them.
struct Choice {
  std::span<const TierView> tiers;
  int min = 0;
  int max = 0;
  NanoDollars stakes = {};  ///< what an unacceptable answer costs

  bool Open(int tier) const {
    return tier >= min && tier <= max && tiers[static_cast<std::size_t>(tier)].admissible;
  }

  /// Next open tier above / below; -1 = none.
  int Above(int tier) const;
  int Below(int tier) const;
};

/// Applies the rule of the options, then the band, as documented at Decide. Appends its steps and
/// returns the tier; at least one tier must be open.
int ChooseTier(const Options& options, const Choice& choice, std::vector<Step>& steps);

/// stakes × (1 − sufficiency), in millionths of the probability.
NanoDollars ExpectedLoss(NanoDollars stakes, double sufficiency);

/// "0.83 >= 0.62": two decimals, or four where two could hide that a is less.
std::string Compare(double a, std::string_view sign, double b);

}  // namespace triage::decide
