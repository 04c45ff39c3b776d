#pragma once

#include <string>
#include <string_view>

#include "app/demo_report.h"

namespace triage::app {

/// What surrounds the figures.
struct DemoRun {
  double seconds = 0;     ///< wall clock of the replay
  double speed = 1;       ///< simulated seconds per real second
  std::string router;     ///< version of the router; empty = unknown
  bool fold_zero = true;  ///< all of the questions that no training has seen
};

/// The result as a manager reads it, for a terminal.
std::string DemoText(const DemoReport& report, const DemoRun& run);

/// "always frontier (gpt-4o)"
std::string SingleName(const DemoReport& report, int tier);

/// Whether the promise held, with the figures.
std::string GoalSentence(const DemoReport& report);

/// One JSON object; the names are a contract (docs/demo.md).
std::string DemoJson(const DemoReport& report, const DemoRun& run);

/// A page of its own: the cost–quality curve as inline SVG and the same tables, for light and dark
/// screens.
std::string DemoHtml(const DemoReport& report, const DemoRun& run);

/// `text` with the five characters that mean something in HTML replaced.
std::string EscapeHtml(std::string_view text);

}  // namespace triage::app
