#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "verify/schema.h"
#include "wire/json_tree.h"

namespace re2 {
class RE2;
}

namespace triage::verify {

/// Index of a compiled subschema.
using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = static_cast<NodeId>(-1);

/// A set of JSON types.
enum Type : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,  ///< alone: numbers without a fraction; part of kNumber
  kNumber = 8 | kInteger,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
};

/// A regular expression, or one that cannot be checked (null).
using Pattern = std::shared_ptr<const re2::RE2>;

struct PatternText {
  Pattern pattern;
  std::string text;
};

/// One subschema. Keywords that are not there allow everything.
struct SchemaNode {
  std::uint8_t types = kAnyType;
  bool never = false;  ///< the schema `false`

  std::optional<double> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
  std::size_t min_length = 0, max_length = SIZE_MAX;
  std::optional<PatternText> pattern;
  bool has_values = false;
  std::vector<std::string> values;  ///< `enum` or `const`, canonical
  bool has_const = false;
  std::string constant;  ///< canonical

  std::size_t min_items = 0, max_items = SIZE_MAX;
  bool unique_items = false;
  std::vector<NodeId> prefix_items;
  NodeId items = kNoNode;  ///< behind the prefix
  NodeId contains = kNoNode;
  std::size_t min_contains = 1, max_contains = SIZE_MAX;
  NodeId unevaluated_items = kNoNode;

  std::size_t min_properties = 0, max_properties = SIZE_MAX;
  std::vector<std::pair<std::string, NodeId>> properties;
  std::unordered_map<std::string_view, NodeId> by_name;  ///< views into `properties`
  std::vector<std::string> required;
  std::vector<std::pair<PatternText, NodeId>> pattern_properties;
  NodeId additional_properties = kNoNode;
  NodeId property_names = kNoNode;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  std::vector<std::pair<std::string, NodeId>> dependent_schemas;
  NodeId unevaluated_properties = kNoNode;

  NodeId ref = kNoNode;
  NodeId dynamic_ref = kNoNode;
  std::vector<NodeId> all_of, any_of, one_of;
  NodeId not_node = kNoNode;
  NodeId if_node = kNoNode, then_node = kNoNode, else_node = kNoNode;
};

/// What a Schema shares among its copies. Nothing in it changes after Compile.
struct CompiledSchema {
  std::vector<std::unique_ptr<const SchemaNode>> nodes;
  NodeId root = 0;
  std::string text;  // compact
  std::uint64_t hash = 0;
  std::vector<std::string> properties;
  std::vector<std::string> required;
  std::vector<std::string> unchecked;
  bool refers_outside_definitions = false;  // "#", "#/properties/…"

  /// The one that describes the top level's properties: the root, or what it refers to.
  const SchemaNode& object() const;
};

/// Whether `value` follows the subschema `node`.
Validation ValidateNode(const CompiledSchema& schema, NodeId node, wire::JsonValue value);

/// "a string", "an integer or null", for the types of a node; "anything" for all.
std::string TypeNames(std::uint8_t types);

/// The type of a value: one bit, kNumber or kInteger for numbers.
std::uint8_t TypeOf(wire::JsonValue value);

}  // namespace triage::verify
