#pragma once

#include <span>
#include <vector>

#include "ledger/reader.h"
#include "reports/report.h"

namespace triage::reports {

/// What was spent, one row per group, dearest first; by time in order of time. `groups` as
/// Reader::Aggregate gave them for `by` and `range`. The cost of a group none of whose attempts has
/// a known cost is unknown, not zero.
Report CostReport(std::span<const ledger::Group> groups, std::span<const ledger::Dimension> by,
                  const ledger::TimeRange& range);

/// What was saved against the baseline stored with each exchange: signed, never clamped, over the
/// exchanges that have a baseline and a known cost for every attempt; the others are counted apart.
Report SavingsReport(std::span<const ledger::Group> groups, std::span<const ledger::Dimension> by,
                     const ledger::TimeRange& range);

}  // namespace triage::reports
