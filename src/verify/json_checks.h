#pragma once

#include <optional>

#include "verify/checks.h"
#include "verify/verdict.h"

namespace triage::verify {

/// One JSON value and nothing else. Applies whether or not JSON was asked for, but not to an answer
/// that only calls tools.
std::optional<Verdict> CheckJson(const Asked& asked, const Given& given);

/// The schema that was asked for.
std::optional<Verdict> CheckJsonSchema(const Asked& asked, const Given& given);

/// Calls name tools of the request, with arguments that follow their schemas. The pointers of its
/// errors begin with the call's index.
std::optional<Verdict> CheckToolArguments(const Asked& asked, const Given& given);

}  // namespace triage::verify
