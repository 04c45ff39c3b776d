#pragma once

#include <string>
#include <vector>

#include "learn/evaluate.h"

namespace triage::app {

/// What `triage eval` has to show.
struct Evaluation {
  std::string router;  ///< version, or what was cross-validated
  std::vector<std::string> tiers;
  double keep_quality = 0.95;
  learn::EvalReport all;
  std::vector<learn::Slice> slices;
  std::int64_t bad_lines = 0;
};

std::string EvaluationText(const Evaluation& evaluation);

/// One JSON object; shares are fractions, `apgr` and `cpt*` null for more than two tiers.
std::string EvaluationJson(const Evaluation& evaluation);

/// One page with charts inside; needs nothing from elsewhere.
std::string EvaluationHtml(const Evaluation& evaluation);

}  // namespace triage::app
