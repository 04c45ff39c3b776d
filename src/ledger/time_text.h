#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace triage::ledger {

/// RFC 3339 in UTC with microseconds: "2026-11-24T05:44:35.123456Z".
std::string TimeText(WallTime time);

/// "2026-11-24T05:00Z" for hours since the Unix epoch; "2026-11-24" for days.
std::string HourText(std::int64_t hour);
std::string DayText(std::int64_t day);

}  // namespace triage::ledger
