#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reports/report.h"

namespace triage::reports {

/// A cell for a person's eyes: "—" where unknown, dollars with all digits that matter, "12.5 %".
std::string CellText(const Cell& cell);

/// Length in characters of UTF-8 text; bytes that are not UTF-8 count as one each.
std::size_t DisplayWidth(std::string_view text);

}  // namespace triage::reports
