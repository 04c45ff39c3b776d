#pragma once

#include <span>
#include <vector>

#include "app/demo_report.h"
#include "learn/router.h"

namespace triage::app {

/// What the outcomes would have cost and been worth at each operating point that the router was
/// tuned for on its training data; no point is chosen in hindsight. Empty when the router is for
/// another number of tiers.
std::vector<CurvePoint> OperatingCurve(const learn::Router& router,
                                       std::span<const DemoOutcome> outcomes);

}  // namespace triage::app
