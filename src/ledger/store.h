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

  /// Writes it, and marks the exchange's features in the learning store as labelled when it says
  /// how good the answer was. As above; kIo.
  virtual Result<Recorded> Append(const Feedback& feedback) = 0;

  /// Adds it to its exchange, to that one's cost and to the sums; kUnknownExchange changes nothing.
  virtual Result<Recorded> Append(const LateAttempt& late) = 0;
};

}  // namespace triage::ledger
