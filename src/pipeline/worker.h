#pragma once

#include <memory>
#include <vector>

#include "admit/client_slots.h"
#include "admit/gate.h"
#include "admit/metrics.h"
#include "base/clock.h"
#include "base/random.h"
#include "dispatch/retry.h"
#include "feedback/sessions.h"
#include "learn/features.h"
#include "ledger/record.h"
#include "llm/provider.h"
#include "observe/gateway_metrics.h"
#include "pipeline/recent.h"
#include "pipeline/snapshot.h"
#include "verify/validator.h"

namespace triage::pipeline {

/// A snapshot with this thread's providers. Exchanges hold it, so that a reload takes nothing from
/// under them.
struct Bound {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<llm::Provider*> providers;       ///< by model index
  std::vector<verify::Validator*> validators;  ///< as in config::Verify::webhooks
  std::shared_ptr<void> owner;                 ///< keeps the providers
};

class Judges;
class SpotChecks;

/// What the exchanges of one I/O thread share. Everything outlives them.
struct Worker {
  const Clock& clock;
  Random random;
  ledger::Sink& sink;
  dispatch::Timer& timer;
  observe::GatewayMetrics& metrics;
  admit::Gate& gate;            ///< this thread's
  admit::ClientSlots& clients;  ///< of all threads
  admit::Metrics& admission;
  feedback::Sessions& sessions;  ///< of all threads
  RecentRequests& recent;        ///< of all threads
  learn::Features features;
  std::shared_ptr<const Bound> bound;
  Judges* judges = nullptr;           ///< null = no judge is asked
  SpotChecks* spot_checks = nullptr;  ///< null = delivered answers are not sampled
};

}  // namespace triage::pipeline
