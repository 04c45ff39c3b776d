#pragma once

#include <memory>

#include "app/resilience.h"
#include "base/error.h"
#include "config/config.h"
#include "observe/metrics.h"
#include "pipeline/snapshot.h"

namespace triage::app {

/// Makes a validated configuration ready to serve: loads the router, sets thresholds, resolves
/// names to indexes, makes the metric handles. Reads the router's file. Error kIo or
/// kInvalidRequest when the router cannot be used. `resilience` keeps what has been learned about
/// providers; null for a snapshot that only decides.
Result<std::shared_ptr<const pipeline::Snapshot>> BuildSnapshot(config::Snapshot config,
                                                                observe::Registry& registry,
                                                                Resilience* resilience);

}  // namespace triage::app
