#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/yaml_tree.h"

namespace triage::config {

/// Reads values of a map that CheckShape has checked: what is absent or was reported is nothing.
class Section {
 public:
  /// `map` may be null: then everything is absent.
  explicit Section(const Node* map) : map_(map) {}

  /// Null when absent, empty or reported.
  const Node* Get(std::string_view key) const;

  Section Child(std::string_view key) const { return Section(Get(key)); }

  std::optional<std::string> Text(std::string_view key) const;
  std::vector<std::string> Texts(std::string_view key) const;
  std::optional<std::int64_t> Integer(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<PricePerMillion> Price(std::string_view key) const;
  std::optional<std::chrono::sys_days> Date(std::string_view key) const;

 private:
  const Node* map_;
};

/// A section of triage.yaml whose absent values are the defaults of the schema.
class DefaultedSection {
 public:
  /// `pattern` is the schema's path of the map, e.g. providers.*.timeouts.
  DefaultedSection(Section section, std::string pattern)
      : section_(section), pattern_(std::move(pattern)) {}

  DefaultedSection Child(std::string_view key) const {
    return {section_.Child(key), pattern_ + "." + std::string(key)};
  }

  const Section& section() const { return section_; }

  // Each key must have a default in the schema.
  std::string Text(std::string_view key) const;
  std::int64_t Integer(std::string_view key) const;
  std::int64_t Size(std::string_view key) const;
  double Number(std::string_view key) const;
  bool Bool(std::string_view key) const;
  std::chrono::milliseconds Duration(std::string_view key) const;

 private:
  Section section_;
  std::string pattern_;
};

/// The scalars of a list, or the one scalar that stands for a list; without those reported.
std::vector<const Node*> Scalars(const Node* node);

/// The maps of a list, or the one map that stands for a list; without those reported.
std::vector<const Node*> Maps(const Node* node);

/// Exactly the capabilities of these words.
Capabilities ReadWords(const std::vector<std::string>& names);

/// Those of a model, with what they imply: one that follows schemas can write any JSON, and one
/// that sees images can see them by URL, if its provider fetches them.
Capabilities ReadCapabilities(const std::vector<std::string>& names);

}  // namespace triage::config
