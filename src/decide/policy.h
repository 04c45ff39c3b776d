#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "decide/decide.h"
#include "decide/decision.h"
#include "decide/options.h"

namespace triage::decide {

/// What the request's headers and the matching rules allow and ask for.
struct Limits {
  int min = 0;
  int max = 0;
  int hard_max = 0;  ///< the request's own ceiling; `max` may give way up to it
  std::uint64_t data_classes = 0;
  std::vector<std::string> checks;
  std::vector<Step> steps;
  int narrowed_by = -1;  ///< the last of `steps` that changed min or max
  /// The workload's floor, softer than `min`: gives way where no tier from it up is allowed.
  int soft_min = 0;
  std::string soft_because;  ///< "legal language (preset general)"
};

/// kInvalidRequest when a header names something that is not configured.
Result<Limits> ApplyPolicies(const Options& options, const Input& input);

bool Matches(const PolicyCondition& when, const Input& input);

/// "user=ceo, query_type=analysis|code"; "always" for an empty condition.
std::string Describe(const PolicyCondition& when);

}  // namespace triage::decide
