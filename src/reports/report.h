#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/money.h"

namespace triage::reports {

/// A share in [0, 1], or beyond where something is negative or more than the whole.
struct Share {
  double value = 0.0;
};

/// What stands in a table: unknown, text that came from outside, a count, money, a share.
using Cell = std::variant<std::monostate, std::string, std::int64_t, NanoDollars, Share>;

enum class ColumnKind : std::uint8_t { kText, kCount, kMoney, kShare };

/// `key` is for machines: JSON appends "_nusd" to that of money and CSV "_usd".
struct Column {
  std::string key;
  std::string title;
  ColumnKind kind = ColumnKind::kText;
};

using Row = std::vector<Cell>;

/// A finished report, before it has a form.
struct Report {
  std::string title;
  std::string range;  ///< a sentence saying which hours are in it
  std::vector<Column> columns;
  std::vector<Row> rows;             ///< one cell per column
  Row total;                         ///< one cell per column; unknown where a total means nothing
  std::vector<std::string> notes;    ///< what a reader must know before believing the figures
  std::optional<std::size_t> chart;  ///< the column drawn as bars in HTML
};

}  // namespace triage::reports
