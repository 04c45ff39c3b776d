#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/problem.h"
#include "config/yaml_tree.h"

namespace triage::config {

using EnvLookup = std::function<std::optional<std::string>(std::string_view name)>;

/// The process's own environment.
EnvLookup ProcessEnvironment();

/// Puts `${NAME}` and `${NAME:-default}` into scalars, after parsing: a value can never become
/// YAML.
/// `$${` stands for a literal `${`. A variable that is unset or empty takes the default.
class Environment {
 public:
  explicit Environment(EnvLookup lookup) : lookup_(std::move(lookup)) {}

  /// Sets `text` and `from_env` of a scalar; false when a problem was reported.
  bool Substitute(Node& scalar, const std::string& path, Problems& problems) const;

 private:
  EnvLookup lookup_;
};

}  // namespace triage::config
