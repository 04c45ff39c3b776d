#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "decide/decision.h"
#include "llm/types.h"
#include "pipeline/snapshot.h"

namespace triage::app {

/// A question as it might be asked, under a configuration as it might be.
struct Supposed {
  std::string text;
  std::string model = "auto";
  llm::Context context;
  config::Config config;
};

/// Applies "NAME=VALUE": model or one of the context (user, team, feature, session, impact,
/// error_tolerance, sensitivity, min_tier, max_tier), or one of `routing` (rule, band,
/// keep_quality, preset, stakes; stakes also set the rule to expected_cost, which alone weighs
/// them). An empty value of the context takes it away. kInvalidRequest says what may stand there.
Result<void> Suppose(Supposed& supposed, std::string_view assignment);

/// What is decided, and what it was decided with.
struct Supposition {
  decide::Decision decision;
  std::shared_ptr<const pipeline::Snapshot> snapshot;
};

/// Reads the router's file.
Result<Supposition> DecideSupposed(const Supposed& supposed);

/// A single change that would send the question elsewhere.
struct Change {
  std::string what;  ///< "impact=critical"
  std::string tier;
};

/// Tries other impacts, tolerances, no user, no feature, other qualities to keep and the other
/// rule.
std::vector<Change> ChangesOf(const Supposed& supposed, const decide::Decision& decision);

/// How much a word of the question moves the router's estimate that a tier is enough.
struct WordWeight {
  std::string word;
  double points = 0;  ///< hundredths of the probability; negative speaks against the tier
};

/// The words that move it most, at most `most` each way, strongest first: found by leaving each out
/// and asking again, so for any router. Empty where no router was asked.
std::vector<WordWeight> WordsOf(const Supposed& supposed, const pipeline::Snapshot& snapshot,
                                std::size_t tier, std::size_t most = 3);

}  // namespace triage::app
