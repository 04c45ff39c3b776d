#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/types.h"

namespace triage::simulate {

/// An error answer: the status it goes out with, and what a Codec makes its body of.
struct Failure {
  int status = 500;
  Error error;
};

/// The API's own words for a failure of the service or of access (401, 429, 5xx, …).
Failure FailureOf(llm::Dialect dialect, int status, std::string_view model);
Failure WrongKey(llm::Dialect dialect);
Failure NoSuchModel(llm::Dialect dialect, std::string_view model);
/// 400, or 413 for kTooLarge.
Failure BadRequest(Error error);

}  // namespace triage::simulate
