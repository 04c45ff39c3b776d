#pragma once

#include <string_view>

#include "base/cancel.h"
#include "base/task.h"
#include "llm/answer.h"
#include "llm/types.h"
#include "verify/verdict.h"

namespace triage::verify {

/// A check that somebody else makes.
class Validator {
 public:
  virtual ~Validator() = default;

  /// The verdict on an answer to `request`; all three outlive the task. What goes wrong on the way
  /// to it (no connection, too late, garbage) is kUnsure and never anything else: a validator's
  /// failure must not take answers with it.
  virtual Task<Verdict> Check(const llm::Request& request, const llm::Answer& answer,
                              CancelScope& cancel) = 0;
};

}  // namespace triage::verify
