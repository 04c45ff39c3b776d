#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "base/error.h"
#include "ledger/reader.h"
#include "ledger/record.h"
#include "ledger/rollup.h"
#include "ledger/sqlite/connection.h"

namespace triage::ledger {

/// Writes exchanges to an open and migrated database. One thread at a time.
class Appender {
 public:
  /// `learning_max_bytes` as in SqliteOptions.
  static Result<Appender> Make(Connection connection, std::int64_t learning_max_bytes);

  /// All or nothing, in one transaction.
  Result<void> Append(std::span<const Exchange> exchanges);

 private:
  Appender(Connection connection, Statement exchange, Statement attempt, Statement rollup,
           Statement learning, Statement forget, std::int64_t learning_max_bytes,
           std::int64_t learning_bytes);

  Result<void> Write(std::span<const Exchange> exchanges, std::int64_t& learning_bytes);
  /// False when the exchange was there already.
  Result<bool> WriteExchange(const Exchange& exchange);
  Result<void> WriteAttempts(const Exchange& exchange);
  Result<void> WriteLearning(const Exchange& exchange, std::int64_t& learning_bytes);
  Result<void> WriteRollups(const std::map<RollupKey, Sums>& sums);
  Result<void> ForgetOldest(std::int64_t& learning_bytes);

  Connection connection_;
  Statement exchange_;
  Statement attempt_;
  Statement rollup_;
  Statement learning_;
  Statement forget_;
  std::int64_t learning_max_bytes_;
  std::int64_t learning_bytes_;
};

}  // namespace triage::ledger
