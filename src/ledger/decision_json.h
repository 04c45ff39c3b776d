#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "decide/decision.h"
#include "ledger/record.h"

namespace triage::ledger {

/// The decision as `triage explain --json` prints it and the ledger keeps it: one line of JSON, in
/// which tiers are named, money is integer nano-dollars (`…_nusd`) and what is not known is null.
/// Not the standby models of tiers.
std::string DecisionJson(const Exchange& exchange);

/// Reads back what DecisionJson wrote. kProtocol when it is something else.
Result<decide::Decision> ParseDecisionJson(std::string_view json);

}  // namespace triage::ledger
