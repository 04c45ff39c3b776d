#pragma once

#include <span>

#include "base/error.h"
#include "ledger/reader.h"
#include "ledger/record.h"

namespace triage::ledger {

/// A durable ledger: what the writer writes to, and what reports read from.
class Store : public Reader {
 public:
  /// Writes all of `exchanges` with their attempts, sums and features in one transaction, or
  /// nothing (kIo). An exchange that is there already is left as it was. One caller at a time;
  /// blocks on disk.
  virtual Result<void> Append(std::span<const Exchange> exchanges) = 0;
};

}  // namespace triage::ledger
