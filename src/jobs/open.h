#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/response_store.h"

namespace triage::jobs {

struct ResponseStoreOptions {
  std::string path;
  std::chrono::seconds ttl = std::chrono::hours(24);  ///< from a response's `created` on
  /// Bytes of text, ids and owners, plus 256 for each response.
  std::int64_t max_bytes = std::int64_t{1} << 30;
  /// How long a statement waits for another process's lock before it fails.
  std::chrono::milliseconds busy_timeout{1000};
};

/// Opens the store in an SQLite file of its own (WAL), which only the file's owner can read.
/// `clock` outlives it. Fails with one clear sentence when the path cannot be written, is damaged,
/// is no such store, or has a schema newer than this build's.
Result<std::unique_ptr<ResponseStore>> OpenResponseStore(const ResponseStoreOptions& options,
                                                         const Clock& clock);

}  // namespace triage::jobs
