#include "config/problem.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace triage::config {

std::string ToString(const Problem& problem) {
  std::string text = problem.file;
  if (problem.line > 0) text += fmt::format(":{}:{}", problem.line, problem.column);
  text += problem.severity == Severity::kError ? ": error: " : ": warning: ";
  if (!problem.path.empty()) text += problem.path + ": ";
  text += problem.message;
  std::vector<std::string> hints;
  if (!problem.expected.empty()) hints.push_back("expected " + problem.expected);
  if (!problem.nearest.empty()) hints.push_back("nearest: " + Join(problem.nearest));
  if (!hints.empty()) text += " (" + Join(hints, "; ") + ")";
  return text;
}

void Problems::Error(Position at, std::string path, std::string message, std::string expected,
                     std::vector<std::string> nearest) {
  problems_.push_back({Severity::kError, file_, at.line, at.column, std::move(path),
                       std::move(message), std::move(expected), std::move(nearest)});
}

void Problems::Warning(Position at, std::string path, std::string message, std::string expected) {
  problems_.push_back({Severity::kWarning,
                       file_,
                       at.line,
                       at.column,
                       std::move(path),
                       std::move(message),
                       std::move(expected),
                       {}});
}

bool Problems::has_errors() const {
  return std::ranges::any_of(problems_,
                             [](const Problem& p) { return p.severity == Severity::kError; });
}

std::vector<Problem> Problems::Sorted() && {
  std::ranges::sort(problems_, {},
                    [](const Problem& p) { return std::tie(p.line, p.column, p.path, p.message); });
  return std::move(problems_);
}

}  // namespace triage::config
