#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <vector>

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
  Result<Recorded> Append(const Feedback& feedback);
  Result<Recorded> Append(const LateAttempt& late);

 private:
  /// A row of the learning store.
  struct Learned {
    ExchangeId exchange;
    std::string_view features;
    std::uint32_t schema = 0;
    double propensity = 1.0;
    bool labelled = false;
  };

  Appender(Connection connection, std::vector<Statement> statements,
           std::int64_t learning_max_bytes, std::int64_t learning_bytes);

  Result<void> Transaction(const std::function<Result<void>(std::int64_t&)>& write);

  Result<void> Write(std::span<const Exchange> exchanges, std::int64_t& learning_bytes);
  /// False when the exchange was there already.
  Result<bool> WriteExchange(const Exchange& exchange);
  /// `number` is that of the first row.
  Result<void> WriteAttempts(const ExchangeId& exchange, std::span<const Attempt> attempts,
                             std::int64_t number);
  Result<void> WriteVerdicts(const ExchangeId& exchange, std::span<const Verdict> verdicts,
                             std::int64_t number);
  Result<Recorded> WriteLate(const LateAttempt& late);
  Result<Recorded> WriteFeedback(const Feedback& feedback, std::int64_t& learning_bytes);
  Result<void> WriteLearning(const Learned& learned, std::int64_t& learning_bytes);
  Result<void> WriteRollups(const std::map<RollupKey, Sums>& sums);
  Result<void> ForgetOldest(std::int64_t& learning_bytes);

  Connection connection_;
  Statement exchange_;
  Statement attempt_;
  Statement verdict_;
  Statement rollup_;
  Statement learning_;
  Statement forget_;
  std::int64_t learning_max_bytes_;
  std::int64_t learning_bytes_;
};

}  // namespace triage::ledger
