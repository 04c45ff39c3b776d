#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "decide/decide.h"
#include "decide/options.h"

namespace triage::decide {

/// What a model must satisfy to serve a request: everything but the answer's expected length, which
/// differs by tier.
struct Demand {
  llm::Needs needs;
  std::int64_t tokens_in = 0;
  std::span<const ModelSize> sizes = {};  ///< as Input::sizes
  bool at_least = false;           ///< held against windows: what it has at least, not at most
  std::int64_t max_output = 0;     ///< 0 = not given
  std::uint64_t data_classes = 0;  ///< bit i: Options::sensitivity[i] applies
};

/// How far a model comes; in the order of the checks, so that the greatest is the nearest to
/// serving.
enum class Fit : std::uint8_t { kForbidden, kLacksCapability, kTooLong, kServes };

Fit FitOf(const Options& options, const ModelOption& model, const Demand& demand,
          std::int64_t expected_output);

/// Why a model that a request names cannot be sent it: part of what is asked, which the provider
/// cannot be sent and would refuse or never see. A wish for the answer's form (JSON, log-
/// probabilities, several choices) is no reason: it is dropped with a warning.
std::optional<Error> CannotBeSent(const ModelOption& model, const llm::Needs& needs);

/// The request as `model`, one of options.models, counts it.
ModelSize SizeFor(const Options& options, const ModelOption& model, const Demand& demand);

/// Whether the model's provider may see data of all `classes`.
bool MaySee(const Options& options, const ModelOption& model, std::uint64_t classes);

/// "restricted" or "restricted and internal".
std::string ClassNames(const Options& options, std::uint64_t classes);

/// Why `model` does not serve; empty when it does.
std::string Obstacle(const Options& options, const ModelOption& model, const Demand& demand,
                     std::int64_t expected_output);

/// Why no model of the tier serves, model by model.
std::string WhyNot(const Options& options, const TierOption& tier, const Demand& demand,
                   std::int64_t expected_output);

/// What is missing when no tier of [lowest, highest] is admissible, from the models that come
/// nearest.
Error NothingServes(const Options& options, const Input& input, const Demand& demand, int lowest,
                    int highest);

/// Expected tokens of the answer on a tier, at most what the request allows.
std::int64_t ExpectedOutput(const Options& options, const Input& input, std::size_t tier);

}  // namespace triage::decide
