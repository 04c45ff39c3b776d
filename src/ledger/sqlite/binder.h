#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/money.h"
#include "ledger/sqlite/connection.h"

namespace triage::ledger {

/// Binds parameters from left to right.
class Binder {
 public:
  explicit Binder(Statement& statement) : statement_(statement) {}

  Binder& Text(std::string_view value) {
    statement_.Bind(++index_, value);
    return *this;
  }

  Binder& Blob(std::string_view value) {
    statement_.BindBlob(++index_, value);
    return *this;
  }

  Binder& Integer(std::int64_t value) {
    statement_.Bind(++index_, value);
    return *this;
  }

  /// SQLite stores NaN as null, which most columns refuse; one bad value must not stop the ledger.
  Binder& Number(double value) {
    statement_.Bind(++index_, std::isfinite(value) ? value : 0.0);
    return *this;
  }

  Binder& Number(const std::optional<double>& value) { return value ? Number(*value) : Null(); }

  Binder& Null() {
    statement_.BindNull(++index_);
    return *this;
  }

  Binder& Money(NanoDollars value) { return Integer(value.value()); }

  Binder& Money(const std::optional<NanoDollars>& value) { return value ? Money(*value) : Null(); }

 private:
  Statement& statement_;
  int index_ = 0;
};

}  // namespace triage::ledger
