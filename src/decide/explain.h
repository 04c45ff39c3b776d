#pragma once

#include <string>
#include <string_view>

#include "decide/decision.h"
#include "decide/options.h"
#include "llm/types.h"

namespace triage::decide {

/// The step that settled the tier: the last one that moved to it. Null when there is none.
const Step* DecidingStep(const Decision& decision);

/// One line for the header `x-triage-reason`: printable ASCII, at most 120 bytes, e.g.
/// "router: fast is enough (0.83 >= 0.62)".
std::string Reason(const Decision& decision);
/// The same of one step.
std::string Reason(const Step& step);

/// What a story may tell beside the decision. Null pointers are left out of it.
struct StoryContext {
  const llm::Context* context = nullptr;
  std::string_view requested_model = {};
  const Options* options =
      nullptr;  ///< under which it was decided; tells what would have changed it
};

/// A short story for a manager, several lines, each ended by a newline: what was asked, where it
/// went and why, what each tier was worth, the steps, and what would have changed the outcome.
std::string Story(const Decision& decision, const StoryContext& told = {});

}  // namespace triage::decide
