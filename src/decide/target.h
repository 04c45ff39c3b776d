#pragma once

#include <string_view>

#include "base/error.h"
#include "decide/options.h"

namespace triage::decide {

/// What the client's `model` asks for.
struct Target {
  enum class Kind { kAuto, kTier, kModel };

  Kind kind = Kind::kAuto;
  int tier = -1;   ///< kTier: index into Options::tiers; kModel: the first tier whose chain has it,
                   ///< -1 = none
  int model = -1;  ///< kModel: index into Options::models
};

/// Resolves, in this order: `auto` and `triage/auto`; `tier:NAME`; a configured model's name; an
/// alias; PROVIDER/MODEL with the provider's or our own name of the model. kNotFound with the
/// nearest names otherwise. Names are case-sensitive. Only Kind::kAuto asks the router.
Result<Target> ResolveTarget(const Options& options, std::string_view model);

/// Index of the tier called `name`, or kInvalidRequest with the nearest names; `field` says where
/// the name stood.
Result<int> ResolveTier(const Options& options, std::string_view name, std::string_view field);

}  // namespace triage::decide
