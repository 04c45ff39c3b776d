#pragma once

#include <string>

#include "base/error.h"
#include "jobs/sqlite/connection.h"

namespace triage::jobs {

/// Error when the database is another program's or newer than this build. An empty one is fine.
Result<void> CheckSchema(Connection& connection, const std::string& path);

/// Brings the schema up to this build's, one numbered step per transaction, forward only. Safe to
/// run from several processes at once.
Result<void> Migrate(Connection& connection, const std::string& path);

}  // namespace triage::jobs
