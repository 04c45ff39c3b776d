#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "ledger/store.h"

namespace triage::ledger {

enum class OpenMode : std::uint8_t {
  kReadWrite,  ///< creates the file and migrates its schema where needed
  kReadOnly,   ///< for reports: the file must be there, with this build's schema
};

struct SqliteOptions {
  std::string path;
  OpenMode mode = OpenMode::kReadWrite;
  /// Cap of the learning store: feature bytes plus 64 per row. Above it the oldest unlabelled rows
  /// go first.
  std::int64_t learning_max_bytes = std::int64_t{1} << 30;
  /// How long a statement waits for another process's lock before it fails.
  std::chrono::milliseconds busy_timeout{1000};
};

/// Opens the ledger in an SQLite file (WAL). Fails with one clear sentence when the path cannot be
/// written or read, is not a Triage ledger, or has a schema newer than this build's.
Result<std::unique_ptr<Store>> OpenSqlite(const SqliteOptions& options);

}  // namespace triage::ledger
