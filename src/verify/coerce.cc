#include "verify/coerce.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "verify/json_text.h"
#include "verify/schema_node.h"
#include "wire/json.h"

namespace triage::verify {
namespace {

using Value = wire::JsonValue;
using Kind = Value::Kind;

// Validations of single values, over a whole answer: alternatives within alternatives multiply.
constexpr int kMostAttempts = 4000;

constexpr int kDepth = static_cast<int>(Schema::kMostInstanceDepth);

struct Candidate {
  std::string json;
  std::string_view what;
  bool last_resort = false;  ///< only where nothing else fits
};

class Coercer {
 public:
  Coercer(const CompiledSchema& schema, std::vector<std::string_view>& what)
      : schema_(schema), what_(what) {}

  std::string Run(NodeId id, Value value);

 private:
  bool Valid(NodeId id, Value value) {
    return attempts_-- > 0 && ValidateNode(schema_, id, value).valid();
  }

  bool Valid(NodeId id, const std::string& json) {
    wire::JsonTree tree;
    return tree.Parse(json, kDepth).has_value() && Valid(id, tree.root());
  }

  void Note(std::string_view what) {
    if (std::ranges::find(what_, what) == what_.end()) what_.push_back(what);
  }

  /// The node and what holds at the same place: references and allOf.
  std::vector<const SchemaNode*> Same(NodeId id) const;
  std::string Parts(const std::vector<const SchemaNode*>& nodes, Value value);
  std::string Object(const std::vector<const SchemaNode*>& nodes, Value value);
  std::string Through(const std::vector<NodeId>& ids, Value value);
  std::vector<Candidate> Candidates(const std::vector<const SchemaNode*>& nodes, Value value);
  std::optional<std::string> Alternative(NodeId id, const std::vector<NodeId>& branches,
                                         Value value);

  const CompiledSchema& schema_;
  std::vector<std::string_view>& what_;
  int attempts_ = kMostAttempts;
};

std::vector<const SchemaNode*> Coercer::Same(NodeId id) const {
  std::vector<const SchemaNode*> nodes{schema_.nodes[id].get()};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const SchemaNode& node = *nodes[i];
    if (node.ref != kNoNode) nodes.push_back(schema_.nodes[node.ref].get());
    for (const NodeId child : node.all_of) nodes.push_back(schema_.nodes[child].get());
    if (nodes.size() > 64) break;
  }
  return nodes;
}

std::string Coercer::Through(const std::vector<NodeId>& ids, Value value) {
  std::string json(value.raw());
  for (const NodeId id : ids) {
    wire::JsonTree tree;
    if (!tree.Parse(json, kDepth)) return json;
    json = Run(id, tree.root());
  }
  return json;
}

std::string Coercer::Object(const std::vector<const SchemaNode*>& nodes, Value value) {
  std::string json = "{";
  for (const Value member : value) {
    std::vector<NodeId> ids;
    bool required = false;
    for (const SchemaNode* node : nodes) {
      const auto named = node->by_name.find(member.key());
      if (named != node->by_name.end()) {
        ids.push_back(named->second);
      } else if (node->additional_properties != kNoNode && node->pattern_properties.empty()) {
        ids.push_back(node->additional_properties);
      }
      required |= std::ranges::find(node->required, member.key()) != node->required.end();
    }
    const bool wrong = std::ranges::any_of(ids, [&](NodeId id) { return !Valid(id, member); });
    if (wrong && !required && member.kind() == Kind::kNull) {
      Note("left out null for a property that may be missing");
      continue;
    }
    if (json.size() > 1) json += ',';
    wire::AppendJsonString(json, member.key());
    json += ':';
    json += wrong ? Through(ids, member) : std::string(member.raw());
  }
  return json + '}';
}

std::string Coercer::Parts(const std::vector<const SchemaNode*>& nodes, Value value) {
  if (value.is_object()) return Object(nodes, value);
  if (!value.is_array()) return std::string(value.raw());
  std::string json = "[";
  std::size_t index = 0;
  for (const Value item : value) {
    std::vector<NodeId> ids;
    for (const SchemaNode* node : nodes) {
      const NodeId id = index < node->prefix_items.size() ? node->prefix_items[index] : node->items;
      if (id != kNoNode) ids.push_back(id);
    }
    if (index++ > 0) json += ',';
    json += Through(ids, item);
  }
  return json + ']';
}

std::vector<Candidate> Coercer::Candidates(const std::vector<const SchemaNode*>& nodes,
                                           Value value) {
  std::vector<Candidate> candidates;
  unsigned types = kAnyType;
  for (const SchemaNode* node : nodes) types &= node->types;
  if (value.is_string()) {
    const std::string text(Trim(value.text()));
    if (wire::IsJsonNumber(text)) candidates.push_back({text, "took a string for a number"});
    const std::string lower = ToLowerAscii(text);
    if (lower == "true" || lower == "false") {
      candidates.push_back({lower, "took a string for true or false"});
    }
    if ((types & (kObject | kArray)) != 0 && (text.starts_with('{') || text.starts_with('['))) {
      candidates.push_back({text, "took JSON out of a string"});
    }
    for (const SchemaNode* node : nodes) {
      for (const std::string& wanted : node->values) {
        if (wanted.starts_with('"') && EqualsIgnoreCaseAscii(wanted, wire::JsonString(text))) {
          candidates.push_back({wanted, "took a value of an enumeration in another case"});
        }
      }
    }
  }
  if (value.kind() == Kind::kNumber || value.kind() == Kind::kBool) {
    candidates.push_back({wire::JsonString(value.raw()), "took a value for a string"});
  }
  if ((types & kArray) != 0 && !value.is_array() && value.kind() != Kind::kNull) {
    candidates.push_back(
        {"[" + std::string(value.raw()) + "]", "took one value for a list of one", true});
  }
  return candidates;
}

/// What one of the alternatives makes of the value, if they do not disagree.
std::optional<std::string> Coercer::Alternative(NodeId id, const std::vector<NodeId>& branches,
                                                Value value) {
  std::optional<std::string> found;
  std::vector<std::string_view> noted;
  for (const NodeId branch : branches) {
    const std::vector<std::string_view> before = what_;
    std::string json = Run(branch, value);
    const bool valid = json != value.raw() && Valid(id, json);
    std::vector<std::string_view> notes = std::exchange(what_, before);
    if (!valid) continue;
    if (found && *found != json) return std::nullopt;
    found = std::move(json);
    noted = std::move(notes);
  }
  if (found) what_ = std::move(noted);
  return found;
}

std::string Coercer::Run(NodeId id, Value value) {
  if (Valid(id, value) || attempts_ <= 0) return std::string(value.raw());
  const std::vector<const SchemaNode*> nodes = Same(id);
  std::string json = Parts(nodes, value);
  wire::JsonTree tree;
  if (!tree.Parse(json, kDepth) || Valid(id, tree.root())) return json;
  std::optional<Candidate> fits;
  for (Candidate& candidate : Candidates(nodes, tree.root())) {
    if (fits && candidate.last_resort) break;
    wire::JsonTree inner;
    if (candidate.json.starts_with('[') || candidate.json.starts_with('{')) {
      // What was wrapped or unwrapped may need the same care.
      if (!inner.Parse(candidate.json, kDepth)) continue;
      if (!Valid(id, inner.root())) candidate.json = Parts(nodes, inner.root());
    }
    if (!Valid(id, candidate.json)) continue;
    if (fits && fits->json != candidate.json) return json;  // it could be either
    fits = std::move(candidate);
  }
  if (fits) {
    Note(fits->what);
    return std::move(fits->json);
  }
  for (const SchemaNode* node : nodes) {
    for (const auto* branches : {&node->any_of, &node->one_of}) {
      if (branches->empty()) continue;
      if (std::optional<std::string> found = Alternative(id, *branches, tree.root())) {
        return std::move(*found);
      }
    }
  }
  return json;
}

}  // namespace

std::string Coerce(const Schema& schema, Value value, std::vector<std::string_view>& what) {
  Coercer coercer(schema.compiled(), what);
  return coercer.Run(schema.compiled().root, value);
}

}  // namespace triage::verify
