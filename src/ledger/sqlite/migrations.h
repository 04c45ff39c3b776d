#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "ledger/sqlite/connection.h"

namespace triage::ledger {

/// The schema that this build reads and writes.
std::int64_t LatestSchema();

/// Checks that the database is ours (or empty) and not newer than this build. Returns its schema, 0
/// = empty.
Result<std::int64_t> CheckSchema(Connection& connection, const std::string& path);

/// Brings the schema up to LatestSchema(), one numbered step per transaction, forward only. Safe to
/// run from several processes at once and on a database that is up to date.
Result<void> Migrate(Connection& connection, const std::string& path);

}  // namespace triage::ledger
