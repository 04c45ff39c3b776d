#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/yaml_tree.h"

namespace triage::config {

/// What is known of kinds of providers and of the dialects that they speak, as maps with the keys
/// of `providers.*` in triage.yaml: a configured provider is its dialect's map, then its kind's,
/// then its own, each laid over the one before.
class ProviderCatalogue {
 public:
  /// Reads config/providers.yaml's format. With problems, what could be read.
  static ProviderCatalogue Parse(std::string_view text, Problems& problems);

  /// Null when there is none.
  const Node* Kind(std::string_view name) const;
  const Node* Dialect(std::string_view name) const;

  std::vector<std::string> Kinds() const;

 private:
  Node root_;
};

/// The file that was config/providers.yaml when the program was built.
std::string_view BuiltInProviders();

}  // namespace triage::config
