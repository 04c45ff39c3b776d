#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace triage::reports {

/// "7d" and "24h" count back from `now`; "2026-11-24" is that day's midnight in UTC.
/// kInvalidRequest otherwise.
Result<WallTime> ParseSince(std::string_view text, WallTime now);

}  // namespace triage::reports
