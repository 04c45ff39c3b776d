#pragma once

#include "decide/options.h"

// Ladders for the tests of this folder.
namespace triage::decide {

/// fast (llama-fast, llama-together) < balanced (haiku) < frontier (opus, gpt), thresholds 0.5,
/// with the field report's rules: the CEO's analyses at the top, bulk extraction at the bottom,
/// card numbers only for oci and anthropic.
Options ThreeTiers();

/// small < large: "start simple".
Options TwoTiers();

/// t0 < t1 < t2 < t3 < t4, thresholds 0.5.
Options FiveTiers();

}  // namespace triage::decide
