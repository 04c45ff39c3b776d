#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "ledger/reader.h"
#include "ledger/sqlite/connection.h"

namespace triage::ledger {

// The questions of Reader, asked of an open database with this build's schema. One thread at a
// time.
Result<std::optional<StoredExchange>> FindExchange(Connection& connection, const ExchangeId& id);
Result<std::vector<Group>> Aggregate(Connection& connection, const TimeRange& range,
                                     std::span<const Dimension> by);
Result<void> Visit(Connection& connection, const TimeRange& range,
                   const std::function<void(const StoredExchange&)>& visit);
Result<std::vector<ExchangeSummary>> Recent(Connection& connection, std::size_t most,
                                            std::optional<ExchangeId> before);

}  // namespace triage::ledger
