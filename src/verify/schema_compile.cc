#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/text.h"
#include "verify/json_text.h"
#include "verify/schema_node.h"
#include "verify/schema_pattern.h"
#include "verify/schema_places.h"

namespace triage::verify {
namespace {

using Value = wire::JsonValue;
using Kind = Value::Kind;

// One schema may not keep a core busy for long, nor the stack deep.
constexpr std::size_t kMostPatterns = 256;
constexpr std::size_t kMostInPlace = 100;  // applicators and references one behind the other

constexpr std::array kTypeNames = {
    std::pair{std::string_view("null"), kNull},
    std::pair{std::string_view("boolean"), kBoolean},
    std::pair{std::string_view("integer"), kInteger},
    std::pair{std::string_view("number"), kNumber},
    std::pair{std::string_view("string"), kString},
    std::pair{std::string_view("array"), kArray},
    std::pair{std::string_view("object"), kObject},
};

class Compiler {
 public:
  Result<std::shared_ptr<CompiledSchema>> Run(std::string_view json);

 private:
  /// What older drafts say with two keywords.
  struct Older {
    NodeId additional_items = kNoNode;
    bool items_is_array = false;
    bool exclusive_minimum = false, exclusive_maximum = false;
  };

  struct PendingRef {
    NodeId node;
    bool dynamic;
    Value keyword;
    Value resource;
  };

  using Handler = void (Compiler::*)(SchemaNode&, Older&, Value);
  static const std::unordered_map<std::string_view, Handler>& Handlers();

  NodeId Compile(Value value);
  void Fail(Value at, std::string_view why, ErrorCode code = ErrorCode::kInvalidRequest);

  bool failed() const { return error_.has_value(); }

  // Kinds of values; false after Fail.
  bool WantNumber(Value value, double& out);
  bool WantSize(Value value, std::size_t& out);
  bool WantBool(Value value, bool& out);
  bool WantNames(Value value, std::vector<std::string>& out);
  bool WantKind(Value value, Kind kind, std::string_view what);
  std::vector<NodeId> WantSchemas(Value value);
  PatternText MakePattern(Value at, std::string_view text);

  void Type(SchemaNode& node, Older&, Value value);
  void Enum(SchemaNode& node, Older&, Value value);
  void Bound(SchemaNode& node, Older& older, Value value);
  void Size(SchemaNode& node, Older&, Value value);
  void Regex(SchemaNode& node, Older&, Value value);
  void Unique(SchemaNode& node, Older&, Value value);
  void Items(SchemaNode& node, Older& older, Value value);
  void Child(SchemaNode& node, Older& older, Value value);
  void Children(SchemaNode& node, Older&, Value value);
  void Properties(SchemaNode& node, Older&, Value value);
  void Required(SchemaNode& node, Older&, Value value);
  void Dependent(SchemaNode& node, Older&, Value value);
  void Definitions(SchemaNode&, Older&, Value value);
  void Name(SchemaNode&, Older&, Value value);
  void Text(SchemaNode&, Older&, Value value);
  void Reference(SchemaNode&, Older&, Value value);

  void ResolveReferences();
  void RefuseCircles();

  wire::JsonTree tree_;
  std::vector<std::unique_ptr<SchemaNode>> nodes_;
  std::vector<Value> sources_;                     // by node
  std::unordered_map<const char*, NodeId> known_;  // by where the subschema's text begins
  std::vector<PendingRef> references_;
  SchemaPlaces places_;
  Value resource_;  // whose $id is nearest
  NodeId current_ = 0;
  std::size_t patterns_ = 0;
  std::vector<std::string> unchecked_;
  bool outside_definitions_ = false;
  std::optional<Error> error_;
};

void Compiler::Fail(Value at, std::string_view why, ErrorCode code) {
  if (failed()) return;
  const std::string pointer = at.Pointer();
  error_ = Error{.code = code,
                 .message = fmt::format("the JSON schema is not valid at {}: {}",
                                        pointer.empty() ? "its top level" : pointer, why),
                 .field = pointer};
}

bool Compiler::WantKind(Value value, Kind kind, std::string_view what) {
  if (value.kind() == kind) return true;
  Fail(value, fmt::format("\"{}\" must be {}", value.key(), what));
  return false;
}

bool Compiler::WantNumber(Value value, double& out) {
  const std::optional<double> number = value.number();
  if (number) {
    out = *number;
    return true;
  }
  Fail(value, fmt::format("\"{}\" must be a number", value.key()));
  return false;
}

bool Compiler::WantSize(Value value, std::size_t& out) {
  const std::optional<std::int64_t> number = value.integer();
  if (number && *number >= 0) {
    out = static_cast<std::size_t>(*number);
    return true;
  }
  Fail(value, fmt::format("\"{}\" must be an integer of at least 0", value.key()));
  return false;
}

bool Compiler::WantBool(Value value, bool& out) {
  const std::optional<bool> boolean = value.boolean();
  if (boolean) {
    out = *boolean;
    return true;
  }
  Fail(value, fmt::format("\"{}\" must be true or false", value.key()));
  return false;
}

bool Compiler::WantNames(Value value, std::vector<std::string>& out) {
  if (!WantKind(value, Kind::kArray, "an array of names")) return false;
  for (const Value item : value) {
    if (!item.is_string()) {
      Fail(item, "it must be a string");
      return false;
    }
    out.push_back(item.string());
  }
  return true;
}

std::vector<NodeId> Compiler::WantSchemas(Value value) {
  std::vector<NodeId> nodes;
  if (!WantKind(value, Kind::kArray, "an array of schemas")) return nodes;
  if (value.size() == 0) Fail(value, fmt::format("\"{}\" must not be empty", value.key()));
  for (const Value item : value) nodes.push_back(Compile(item));
  return nodes;
}

PatternText Compiler::MakePattern(Value at, std::string_view text) {
  if (++patterns_ > kMostPatterns) {
    Fail(at, fmt::format("there are more than {} patterns", kMostPatterns), ErrorCode::kTooLarge);
    return {};
  }
  CompiledPattern compiled = CompilePattern(text);
  if (!compiled.error.empty()) {
    Fail(at, fmt::format("the regular expression is not valid: {}", compiled.error));
  } else if (compiled.pattern == nullptr) {
    unchecked_.push_back(at.Pointer());
  }
  return {std::move(compiled.pattern), std::string(text)};
}

void Compiler::Type(SchemaNode& node, Older&, Value value) {
  const auto add = [&](Value name) {
    const auto* found =
        std::ranges::find(kTypeNames, name.text(), [](const auto& pair) { return pair.first; });
    if (!name.is_string() || found == kTypeNames.end()) {
      Fail(name,
           "there is no such type; types are null, boolean, integer, number, string, array "
           "and object");
      return;
    }
    node.types = static_cast<std::uint8_t>(node.types | found->second);
  };
  node.types = 0;
  if (value.is_string()) {
    add(value);
  } else if (WantKind(value, Kind::kArray, "a type or an array of types")) {
    if (value.size() == 0) Fail(value, "\"type\" must name at least one type");
    for (const Value name : value) add(name);
  }
}

void Compiler::Enum(SchemaNode& node, Older&, Value value) {
  if (value.key() == "const") {
    node.has_const = true;
    node.constant = Canonical(value);
    return;
  }
  if (!WantKind(value, Kind::kArray, "an array of values")) return;
  if (value.size() == 0) Fail(value, "\"enum\" must have at least one value");
  node.has_values = true;
  for (const Value item : value) node.values.push_back(Canonical(item));
}

void Compiler::Bound(SchemaNode& node, Older& older, Value value) {
  const std::string_view key = value.key();
  const bool exclusive = key.starts_with("exclusive");
  if (exclusive && value.kind() == Kind::kBool) {  // draft 4
    (key == "exclusiveMinimum" ? older.exclusive_minimum : older.exclusive_maximum) =
        value.boolean().value_or(false);
    return;
  }
  double number = 0;
  if (!WantNumber(value, number)) return;
  if (key == "minimum") node.minimum = number;
  if (key == "maximum") node.maximum = number;
  if (key == "exclusiveMinimum") node.exclusive_minimum = number;
  if (key == "exclusiveMaximum") node.exclusive_maximum = number;
  if (key == "multipleOf") {
    if (number <= 0) return Fail(value, "\"multipleOf\" must be greater than 0");
    node.multiple_of = number;
  }
}

void Compiler::Size(SchemaNode& node, Older&, Value value) {
  static const std::unordered_map<std::string_view, std::size_t SchemaNode::*> sizes = {
      {"minLength", &SchemaNode::min_length},
      {"maxLength", &SchemaNode::max_length},
      {"minItems", &SchemaNode::min_items},
      {"maxItems", &SchemaNode::max_items},
      {"minContains", &SchemaNode::min_contains},
      {"maxContains", &SchemaNode::max_contains},
      {"minProperties", &SchemaNode::min_properties},
      {"maxProperties", &SchemaNode::max_properties},
  };
  WantSize(value, node.*sizes.at(value.key()));
}

void Compiler::Regex(SchemaNode& node, Older&, Value value) {
  if (WantKind(value, Kind::kString, "a string")) node.pattern = MakePattern(value, value.text());
}

void Compiler::Unique(SchemaNode& node, Older&, Value value) {
  WantBool(value, node.unique_items);
}

void Compiler::Items(SchemaNode& node, Older& older, Value value) {
  if (value.key() == "prefixItems" || value.is_array()) {
    older.items_is_array |= value.key() == "items";
    if (value.is_array() && value.size() == 0) return;  // older drafts allow it
    node.prefix_items = WantSchemas(value);
  } else {
    node.items = Compile(value);
  }
}

void Compiler::Child(SchemaNode& node, Older& older, Value value) {
  static const std::unordered_map<std::string_view, NodeId SchemaNode::*> children = {
      {"contains", &SchemaNode::contains},
      {"unevaluatedItems", &SchemaNode::unevaluated_items},
      {"additionalProperties", &SchemaNode::additional_properties},
      {"propertyNames", &SchemaNode::property_names},
      {"unevaluatedProperties", &SchemaNode::unevaluated_properties},
      {"not", &SchemaNode::not_node},
      {"if", &SchemaNode::if_node},
      {"then", &SchemaNode::then_node},
      {"else", &SchemaNode::else_node},
  };
  const NodeId child = Compile(value);
  if (value.key() == "additionalItems") {
    older.additional_items = child;
  } else {
    node.*children.at(value.key()) = child;
  }
}

void Compiler::Children(SchemaNode& node, Older&, Value value) {
  std::vector<NodeId>& children = value.key() == "allOf"   ? node.all_of
                                  : value.key() == "anyOf" ? node.any_of
                                                           : node.one_of;
  children = WantSchemas(value);
}

void Compiler::Properties(SchemaNode& node, Older&, Value value) {
  if (!WantKind(value, Kind::kObject, "an object of schemas")) return;
  if (value.key() == "properties") {
    node.properties.reserve(value.size());
    for (const Value member : value) {
      node.properties.emplace_back(std::string(member.key()), Compile(member));
    }
    for (const auto& [name, child] : node.properties) node.by_name.emplace(name, child);
    return;
  }
  for (const Value member : value) {
    PatternText pattern = MakePattern(member, member.key());
    node.pattern_properties.emplace_back(std::move(pattern), Compile(member));
  }
}

void Compiler::Required(SchemaNode& node, Older&, Value value) {
  WantNames(value, node.required);
}

void Compiler::Dependent(SchemaNode& node, Older&, Value value) {
  if (!WantKind(value, Kind::kObject, "an object")) return;
  for (const Value member : value) {
    const bool names =
        value.key() == "dependentRequired" || (value.key() == "dependencies" && member.is_array());
    if (names) {
      std::vector<std::string> wanted;
      if (WantNames(member, wanted)) {
        node.dependent_required.emplace_back(std::string(member.key()), std::move(wanted));
      }
    } else {
      node.dependent_schemas.emplace_back(std::string(member.key()), Compile(member));
    }
  }
}

void Compiler::Definitions(SchemaNode&, Older&, Value value) {
  if (!WantKind(value, Kind::kObject, "an object of schemas")) return;
  for (const Value member : value) Compile(member);
}

void Compiler::Name(SchemaNode&, Older&, Value value) {
  if (!WantKind(value, Kind::kString, "a string")) return;
  const std::string_view text = value.text();
  const Value owner = sources_[current_];
  if (value.key() != "$id" && value.key() != "id") {
    places_.AddAnchor(std::string(text), owner, resource_);
  } else if (text.starts_with('#')) {  // draft 6 and 7
    places_.AddAnchor(std::string(text.substr(1)), owner, resource_);
  } else {
    places_.AddResource(std::string(text.substr(0, text.find('#'))), owner);
  }
}

void Compiler::Text(SchemaNode&, Older&, Value value) {
  WantKind(value, Kind::kString, "a string");
}

void Compiler::Reference(SchemaNode&, Older&, Value value) {
  if (!WantKind(value, Kind::kString, "a string")) return;
  references_.push_back({current_, value.key() != "$ref", value, resource_});
}

const std::unordered_map<std::string_view, Compiler::Handler>& Compiler::Handlers() {
  static const std::unordered_map<std::string_view, Handler> handlers = {
      {"type", &Compiler::Type},
      {"enum", &Compiler::Enum},
      {"const", &Compiler::Enum},
      {"minimum", &Compiler::Bound},
      {"maximum", &Compiler::Bound},
      {"exclusiveMinimum", &Compiler::Bound},
      {"exclusiveMaximum", &Compiler::Bound},
      {"multipleOf", &Compiler::Bound},
      {"minLength", &Compiler::Size},
      {"maxLength", &Compiler::Size},
      {"minItems", &Compiler::Size},
      {"maxItems", &Compiler::Size},
      {"minContains", &Compiler::Size},
      {"maxContains", &Compiler::Size},
      {"minProperties", &Compiler::Size},
      {"maxProperties", &Compiler::Size},
      {"pattern", &Compiler::Regex},
      {"uniqueItems", &Compiler::Unique},
      {"items", &Compiler::Items},
      {"prefixItems", &Compiler::Items},
      {"additionalItems", &Compiler::Child},
      {"contains", &Compiler::Child},
      {"unevaluatedItems", &Compiler::Child},
      {"additionalProperties", &Compiler::Child},
      {"propertyNames", &Compiler::Child},
      {"unevaluatedProperties", &Compiler::Child},
      {"not", &Compiler::Child},
      {"if", &Compiler::Child},
      {"then", &Compiler::Child},
      {"else", &Compiler::Child},
      {"allOf", &Compiler::Children},
      {"anyOf", &Compiler::Children},
      {"oneOf", &Compiler::Children},
      {"properties", &Compiler::Properties},
      {"patternProperties", &Compiler::Properties},
      {"required", &Compiler::Required},
      {"dependentRequired", &Compiler::Dependent},
      {"dependentSchemas", &Compiler::Dependent},
      {"dependencies", &Compiler::Dependent},
      {"$defs", &Compiler::Definitions},
      {"definitions", &Compiler::Definitions},
      {"$id", &Compiler::Name},
      {"$anchor", &Compiler::Name},
      {"$dynamicAnchor", &Compiler::Name},
      {"$schema", &Compiler::Text},
      {"$comment", &Compiler::Text},
      {"title", &Compiler::Text},
      {"description", &Compiler::Text},
      {"format", &Compiler::Text},
      {"$ref", &Compiler::Reference},
      {"$dynamicRef", &Compiler::Reference},
      {"$recursiveRef", &Compiler::Reference},
  };
  return handlers;
}

NodeId Compiler::Compile(Value value) {
  const auto [known, added] =
      known_.try_emplace(value.raw().data(), static_cast<NodeId>(nodes_.size()));
  if (!added || failed()) return known->second;
  const NodeId id = known->second;
  nodes_.push_back(std::make_unique<SchemaNode>());
  sources_.push_back(value);
  SchemaNode& node = *nodes_.back();
  if (const std::optional<bool> all = value.boolean()) {
    node.never = !*all;
    return id;
  }
  if (!value.is_object()) {
    Fail(value, "a schema is an object, true or false");
    return id;
  }
  const NodeId outer = std::exchange(current_, id);
  const Value outer_resource = resource_;
  if (const Value own = value["$id"]; own.is_string() && !own.text().starts_with('#')) {
    resource_ = value;
  }
  Older older;
  for (const Value member : value) {
    const auto handler = Handlers().find(member.key());
    if (handler == Handlers().end()) continue;  // an annotation, by the standard
    (this->*handler->second)(node, older, member);
    current_ = id;
    if (failed()) return id;
  }
  // Older spellings: draft 4's boolean exclusive bounds, additionalItems behind an array of items.
  if (older.exclusive_minimum && node.minimum) {
    node.exclusive_minimum = std::exchange(node.minimum, std::nullopt);
  }
  if (older.exclusive_maximum && node.maximum) {
    node.exclusive_maximum = std::exchange(node.maximum, std::nullopt);
  }
  if (older.items_is_array && older.additional_items != kNoNode) {
    node.items = older.additional_items;
  }
  current_ = outer;
  resource_ = outer_resource;
  return id;
}

void Compiler::ResolveReferences() {
  // Compiling what a reference leads to may find further ones.
  for (std::size_t i = 0; i < references_.size() && !failed(); ++i) {
    const PendingRef ref = references_[i];
    if (ref.dynamic && !places_.IsSettled(ref.keyword)) {
      unchecked_.push_back(ref.keyword.Pointer());
      continue;
    }
    const SchemaPlaces::Found found = places_.Find(ref.keyword.text(), ref.resource, tree_.root());
    if (!found.value.present()) return Fail(ref.keyword, found.problem);
    outside_definitions_ |= !found.in_definitions;
    resource_ = ref.resource;
    const NodeId target = Compile(found.value);
    SchemaNode& node = *nodes_[ref.node];
    (ref.dynamic ? node.dynamic_ref : node.ref) = target;
  }
}

/// A value may not be asked for the same subschema again before a part of it is looked at.
void Compiler::RefuseCircles() {
  enum : std::uint8_t { kNew, kBusy, kDone };

  std::vector<std::uint8_t> state(nodes_.size(), kNew);
  std::vector<std::size_t> height(nodes_.size(), 0);
  const std::function<void(NodeId, std::size_t)> visit = [&](NodeId id, std::size_t depth) {
    if (failed() || state[id] == kDone) return;
    if (state[id] == kBusy) return Fail(sources_[id], "references lead round in a circle");
    if (depth > kMostInPlace) {
      return Fail(sources_[id], "references lead on too far", ErrorCode::kTooLarge);
    }
    state[id] = kBusy;
    const SchemaNode& node = *nodes_[id];
    const auto next = [&](NodeId child) {
      if (child == kNoNode) return;
      visit(child, depth + 1);
      height[id] = std::max(height[id], height[child] + 1);
    };
    for (const NodeId child : {node.ref, node.dynamic_ref, node.not_node, node.if_node,
                               node.then_node, node.else_node}) {
      next(child);
    }
    for (const auto* children : {&node.all_of, &node.any_of, &node.one_of}) {
      for (const NodeId child : *children) next(child);
    }
    for (const auto& [name, child] : node.dependent_schemas) next(child);
    state[id] = kDone;
    if (height[id] > kMostInPlace) {
      Fail(sources_[id], "references lead on too far", ErrorCode::kTooLarge);
    }
  };
  for (NodeId id = 0; id < nodes_.size() && !failed(); ++id) visit(id, 0);
}

Result<std::shared_ptr<CompiledSchema>> Compiler::Run(std::string_view json) {
  if (json.size() > Schema::kMostBytes) {
    return Error{
        .code = ErrorCode::kTooLarge,
        .message = fmt::format("the JSON schema has more than {} bytes", Schema::kMostBytes)};
  }
  if (Result<void> parsed = tree_.Parse(json, static_cast<int>(Schema::kMostDepth)); !parsed) {
    Error error = std::move(parsed).error();
    error.message = "the JSON schema is not valid: " + error.message;
    return error;
  }
  Compile(tree_.root());
  ResolveReferences();
  if (!failed()) RefuseCircles();
  if (failed()) return std::move(*error_);

  auto compiled = std::make_shared<CompiledSchema>();
  for (auto& node : nodes_) compiled->nodes.push_back(std::move(node));
  AppendCompact(compiled->text, tree_.root());
  compiled->hash = XXH3_64bits(compiled->text.data(), compiled->text.size());
  compiled->unchecked = std::move(unchecked_);
  compiled->refers_outside_definitions = outside_definitions_;
  const SchemaNode& object = compiled->object();
  for (const auto& [name, child] : object.properties) {
    compiled->properties.push_back(name);
    if (std::ranges::find(object.required, name) != object.required.end()) {
      compiled->required.push_back(name);
    }
  }
  return compiled;
}

}  // namespace

const SchemaNode& CompiledSchema::object() const {
  const SchemaNode* node = nodes[root].get();
  // Circles were refused, so this ends.
  while (node->properties.empty() && node->ref != kNoNode) node = nodes[node->ref].get();
  return *node;
}

Result<Schema> Schema::Compile(std::string_view json) {
  Compiler compiler;
  Result<std::shared_ptr<CompiledSchema>> compiled = compiler.Run(json);
  if (!compiled) return std::move(compiled).error();
  return Schema(std::move(*compiled));
}

}  // namespace triage::verify
