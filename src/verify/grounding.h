#pragma once

#include <optional>

#include "verify/checks.h"
#include "verify/verdict.h"

namespace triage::verify {

/// Every number, date and identifier of the answer stands in what was given (system and user turns,
/// results of tools), in whatever spelling, or follows from numbers there in one step (a sum, a
/// difference, a product, a share, rounding). For extraction and summaries: applies when the given
/// text is no mere question.
std::optional<Verdict> CheckGrounding(const Asked& asked, const Given& given);

}  // namespace triage::verify
