#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/money.h"
#include "decide/decision.h"
#include "decide/options.h"
#include "llm/types.h"

namespace triage::decide {

/// How large a request is for one model, and how much that model takes.
struct ModelSize {
  std::int64_t tokens = 0;  ///< the best guess
  std::int64_t least = 0;   ///< it is hardly fewer
  std::int64_t most = 0;    ///< it is hardly more
  std::int64_t window = 0;  ///< 0 = unknown
};

/// What the LLM judge said of one tier (Decision::doubtful).
struct Judgement {
  int tier = -1;
  double probability = 0;  ///< calibrated: its answer is acceptable
};

/// What is known of one request. Spans are empty or have one entry for each tier of
/// Options::tiers.
struct Input {
  const llm::Request& request;
  std::int64_t tokens_in = 0;
  /// One for each of Options::models; empty = `tokens_in`, 5 % more at most, and the configured
  /// windows for all.
  std::span<const ModelSize> sizes = {};
  std::span<const double> sufficiency = {};  ///< calibrated, 0..1; empty = the router was not asked
  /// One less than tiers; for this request instead of Options::thresholds, e.g. weighed by its
  /// cost.
  std::span<const double> thresholds = {};
  std::optional<double> distance = std::nullopt;       ///< to known data, 0..1
  std::span<const std::int64_t> expected_output = {};  ///< tokens
  std::string_view query_type = {};                    ///< empty = unknown
  std::span<const std::string_view> detected =
      {};                                ///< what was found in the text, e.g. "card_number"
  std::span<const bool> available = {};  ///< false: all breakers of the tier are open
  /// Cheapest tier that the session or an escalation asks for. Softer than the policies: gives way
  /// where no tier from it up is allowed.
  int floor = 0;
  std::string_view floor_because = {};
  int stakes_factor = 1;  ///< on the stakes: more when the session is not satisfied
  /// Tier of the session's last answer, whose provider may have the conversation in its cache; -1 =
  /// none. `switch_gain`: what going to each tier instead would save over the expected turns;
  /// negative = it costs.
  int session_tier = -1;
  std::span<const NanoDollars> switch_gain = {};
  std::optional<Judgement> judge = {};
};

/// Chooses the tier. Each move is a Step of the decision, in this order:
///
/// 1. Constraints. A model or tier named in the request is taken as it is (Decision::pinned,
/// confidence 1); of the rest
///    only data classes apply to it. Otherwise each tier's chain is reduced to the models that can
///    serve the request: provider may see its data classes, capabilities, and ModelSize::most +
///    (max_output_tokens, else expected output) ≤ window × 0.95. A tier with none left, or whose
///    breakers are open, is not admissible. Where the windows alone leave none, all is decided once
///    more with what the request has at least, ModelSize::least + max_output_tokens ≤ window: no
///    request is refused that might fit.
/// 2. Policies. Highest floor and lowest ceiling of `x-triage-min-tier`, `x-triage-max-tier` and
/// all matching rules; a
///    floor above a ceiling wins. Where no tier within them is admissible, a rule's ceiling gives
///    way upward, the request's own ceiling and floors never do. A range of one tier is final: the
///    router has no say, nor the band.
/// Then the workload's rules (Options::workloads), softly: they move the range only within what the
/// above leaves, and give way where that leaves no tier.
/// 3. Router, within the range. Rule::kThresholds: the cheapest tier whose sufficiency reaches its
/// threshold, else the
///    highest of the range (also when the router was not asked). Sufficiency need not grow with the
///    tier. Rule::kExpectedCost: least expected cost + stakes × (1 − sufficiency) (StakesOf), the
///    cheaper tier on a tie; thresholds where a price is unknown. Where answers are checked, a tier
///    stands for the plan "this one, then the next where its checks fail" (Options::check_catches).
/// 4. Judge, where Input::judge has its opinion of a tier: the rule is applied once more with that
/// tier's sufficiency as the router and the judge see it together (the mean of their log-odds; with
/// JudgeMode::kAlways, or without a router, as the judge alone sees it). The choice moves to the
/// next tier of the range at most. Without an opinion, `doubtful` of the decision says whose is
/// wanted.
/// 5. Band, for thresholds only. A sufficiency within ±band of its tier's threshold, ends included
/// (45–55 % at 50 %),
///    ends above that boundary, one tier up:
///    - in the upper half (50–55 %) the tier was chosen, and the request moves to the next tier of
///    the range that is
///      not worse than it; a no-op at the highest one;
///    - in the lower half (45–50 %) the threshold itself has moved it across; the step is recorded
///    without a move. The tier that is reached is not examined again, so one decision moves at most
///    one tier by the band. After a judge only the tier that it was asked about is looked at, and
///    nothing ends further than one tier from the rule's choice.
///
/// A session stays at its tier where a lower one would do, when leaving the provider's cache would
/// cost more than the lower prices save (Input::switch_gain).
///
/// Errors: kNotFound (no such model), kInvalidRequest (unknown name in a header), kForbidden (data
/// class), kUnsupported (capability), kContextLength (context window), kUnavailable (breakers).
/// Pure and deterministic; decide_time is left zero.
Result<Decision> Decide(const Options& options, const Input& input);

}  // namespace triage::decide
