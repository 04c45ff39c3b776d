#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/json_tree.h"

namespace triage::verify {

/// Where a schema's references lead: JSON pointers, anchors and embedded documents ($id) of one
/// text. Nothing is fetched. Values are handles into the schema's tree.
class SchemaPlaces {
 public:
  /// An absent `resource` is the whole text.
  void AddResource(std::string id, wire::JsonValue value);
  void AddAnchor(std::string name, wire::JsonValue value, wire::JsonValue resource);

  struct Found {
    wire::JsonValue value;        ///< absent: there is no such place
    std::string_view problem;     ///< why, for the schema's author
    bool in_definitions = false;  ///< it points to `$defs` or `definitions`
  };

  /// `reference`: a URI reference, as written within `resource`.
  Found Find(std::string_view reference, wire::JsonValue resource, wire::JsonValue root) const;

  /// Whether a `$dynamicRef` or `$recursiveRef` can only mean one place, whatever the way that led
  /// to it.
  bool IsSettled(wire::JsonValue keyword) const;

 private:
  struct Anchor {
    std::string name;
    wire::JsonValue value;
    wire::JsonValue resource;
  };

  wire::JsonValue FindResource(std::string_view base, wire::JsonValue resource,
                               wire::JsonValue root) const;
  wire::JsonValue FindAnchor(std::string_view name, wire::JsonValue resource) const;

  std::vector<std::pair<std::string, wire::JsonValue>> resources_;
  std::vector<Anchor> anchors_;
};

}  // namespace triage::verify
