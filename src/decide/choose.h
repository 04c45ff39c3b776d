#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "decide/decide.h"
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
  bool far = false;         ///< nothing like the request is known
  bool checked = false;     ///< answers are checked, and escalate where they fail
  std::optional<Judgement> judge = {};

  bool Open(int tier) const {
    return tier >= min && tier <= max && tiers[static_cast<std::size_t>(tier)].admissible;
  }

  /// Next open tier above / below; -1 = none.
  int Above(int tier) const;
  int Below(int tier) const;
};

struct Chosen {
  int tier = -1;
  double confidence = 1;  ///< its sufficiency; 1 where none is known
  int doubtful = -1;      ///< as in Decision
};

/// Applies the rule of the options, the judge's opinion, then the band, as documented at Decide.
/// Appends its steps; at least one tier must be open.
Chosen ChooseTier(const Options& options, const Choice& choice, std::vector<Step>& steps);

/// amount × probability, in millionths of the probability.
NanoDollars Expected(NanoDollars amount, double probability);

/// stakes × (1 − sufficiency), likewise.
NanoDollars ExpectedLoss(NanoDollars stakes, double sufficiency);

/// "0.83 >= 0.62": two decimals, or four where two could hide that a is less.
std::string Compare(double a, std::string_view sign, double b);

}  // namespace triage::decide
