#pragma once

#include <string>

#include "ledger/record.h"

namespace triage::ledger {

/// All of an exchange as one line of JSON without a line break: the form of the recovery file.
/// Members are named like the columns of docs/ledger.md; `features` is base 64.
std::string ExchangeJson(const Exchange& exchange);

}  // namespace triage::ledger
