#pragma once

#include <string>
#include <utility>

namespace triage::config {

/// Text that must never reach a log, a message or a report. It has no formatter and no comparison;
/// whoever needs the value asks for it by name.
class Secret {
 public:
  Secret() = default;

  explicit Secret(std::string value) : value_(std::move(value)) {}

  bool empty() const { return value_.empty(); }

  /// The text itself, for the one place that puts it on the wire.
  const std::string& Reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace triage::config
