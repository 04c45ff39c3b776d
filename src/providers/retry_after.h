#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace triage::providers {

/// Value of a Retry-After field (RFC 9110 §10.2.3): whole seconds or an IMF-fixdate; at most a day,
/// never negative. Nothing for what is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, WallTime now);

}  // namespace triage::providers
