#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"

namespace triage::decide {

/// Why a step of a decision exists; in the order in which they are taken.
enum class StepKind : std::uint8_t {
  kConstraint,
  kPolicy,
  kRouter,
  kJudge,
  kBand,
  kCost,
  kFeedback,  ///< what the session's turn says of the answer before it
  kVerdict    ///< what was done about an answer that failed a check
};

std::string_view Name(StepKind kind);

/// One move of the decision; tiers are indexes into Decision::tiers. `from` is -1 where no tier had
/// been chosen.
struct Step {
  StepKind kind = StepKind::kRouter;
  int from = -1;
  int to = -1;
  std::string reason;  ///< a sentence that a manager understands
};

/// What the decision knew of one tier.
struct TierView {
  std::string tier;
  std::optional<double>
      sufficiency;  ///< calibrated probability; nothing when the router was not asked
  std::optional<NanoDollars> expected_cost;  ///< all-in for this request
  bool admissible = true;
  std::string because;  ///< why not admissible; empty otherwise
  /// Its models that can serve this request, in order. Filled for tiers above the chosen one that
  /// may stand in when the chosen chain is exhausted; empty for all others. Not stored on the
  /// ledger.
  std::vector<std::string> standby = {};
  /// Sufficiency from which the tier is enough, its boundary to the next one; nothing at the top
  /// and where the router was not asked. Not stored on the ledger.
  std::optional<double> threshold = {};
};

/// What the LLM judge was asked and what it said.
struct JudgeView {
  int tier = -1;  ///< whose answer it was asked about
  /// That the tier's answer is acceptable; nothing: it gave no usable answer.
  std::optional<double> probability = {};
  std::chrono::microseconds time{0};  ///< until its answer, or until it was no longer waited for
  bool late = false;                  ///< it was not waited for to its end, so that it had no say
  bool cached = false;                ///< it had been asked the same before
};

/// Which tier, which chain, which checks, and why. Always explainable, stored on the ledger as it
/// is.
struct Decision {
  std::string router_version;
  std::string config_version;
  std::string query_type;
  std::vector<std::string> detected;  ///< what was found in the text, e.g. "card_number"
  std::string preset;                 ///< workload whose assumptions held; empty = none
  std::int64_t tokens_in = 0;
  std::vector<TierView> tiers;  ///< cheapest first
  std::optional<double>
      distance;  ///< to known data: 0 = like the training data, 1 = unlike anything in it
  std::vector<Step> steps;
  int tier = -1;  ///< index into `tiers`; -1 when the request named a model that is in no tier
  std::vector<std::string> chain;  ///< names of the models to try, in order, of `tier`
  std::vector<std::string> checks;
  double confidence =
      1.0;  ///< sufficiency of the chosen tier; 1 when a rule or the request fixed it
  double propensity = 1.0;  ///< probability with which this tier was chosen
  bool pinned = false;      ///< the request named the model or the tier: no other tier may stand in
  std::chrono::nanoseconds decide_time{0};
  std::optional<JudgeView> judge = {};  ///< nothing: it was not asked
  /// Tier about whose answer the judge is to be asked before this decision holds; -1 = none. Not
  /// stored on the ledger.
  int doubtful = -1;
  /// Bit i: Options::sensitivity[i] applies. Not stored on the ledger.
  std::uint64_t data_classes = 0;

  /// Name of the chosen tier; empty when the request named a model that is in no tier.
  const std::string& TierName() const;
};

}  // namespace triage::decide
