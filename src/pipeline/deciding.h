#pragma once

#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "decide/decide.h"
#include "decide/decision.h"
#include "learn/features.h"
#include "llm/types.h"
#include "pipeline/session_turn.h"
#include "pipeline/snapshot.h"
#include "prices/text_size.h"

namespace triage::pipeline {

/// Understands and decides: counts tokens as each model does (`size` is the request's), extracts
/// features, asks the learned router, applies constraints, rules and band. Pure but for the clock
/// that times it. `session`: what the request's session asks for; null = nothing. `judge`: what the
/// LLM judge said of the decision before, if it was asked. `features` is the
/// calling thread's scratch; afterwards it holds this request's features, when the router was asked
/// (the request did not name a model or tier itself).
Result<decide::Decision> DecideRequest(const Snapshot& snapshot, const llm::Request& request,
                                       const prices::TextSize& size, learn::Features& features,
                                       const Clock& clock, SessionTurn* session = nullptr,
                                       std::optional<decide::Judgement> judge = {});

}  // namespace triage::pipeline
