#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "verify/json_text.h"
#include "verify/schema_node.h"
#include "verify/schema_pattern.h"
#include "wire/json.h"

namespace triage::verify {
namespace {

using Value = wire::JsonValue;
using Kind = Value::Kind;

constexpr std::size_t kMostDepth = 1500;  // of calls: stacks have 8 MB, frames half a kilobyte
constexpr std::size_t kMostNames = 12;    // of an enumeration in a message
constexpr std::size_t kLongestName = 40;

/// Where in the answer a check stands; lives on the stack.
struct Place {
  const Place* outer = nullptr;
  std::string_view name = {};  // of a property that the schema names; else empty
  std::size_t index = 0;
  bool is_index = false;

  std::string Pointer() const {
    if (outer == nullptr) return {};
    const std::string front = outer->Pointer();
    if (is_index) return fmt::format("{}/{}", front, index);
    return fmt::format("{}/{}", front, name.data() == nullptr ? "*" : EscapePointer(name));
  }
};

/// What was found wrong.
struct Sink {
  std::vector<FieldError> errors;
  std::size_t count = 0;
  // Of one alternative for the value at `at`: that value itself is of another kind than wanted.
  const Place* at = nullptr;
  bool misfit = false;

  void Add(FieldError error) {
    ++count;
    if (errors.size() < kMostErrors) errors.push_back(std::move(error));
  }

  void Take(Sink&& other) {
    count += other.count - other.errors.size();
    for (FieldError& error : other.errors) Add(std::move(error));
    misfit |= other.misfit;
  }
};

/// Which items or members a subschema and those in the same place have looked at.
using Seen = std::vector<bool>;

std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i) {
    if (i > 0) text += ", ";
    const std::string_view name = names[i];
    text += wire::Utf8Prefix(name, kLongestName);
    if (name.size() > kLongestName) text += "…";
  }
  if (names.size() > kMostNames) text += fmt::format(" and {} more", names.size() - kMostNames);
  return text;
}

class Validator {
 public:
  explicit Validator(const CompiledSchema& schema) : schema_(schema) {}

  /// `sink` may be null when nobody asks why; `seen` when nobody asks what was looked at.
  bool Check(NodeId id, Value value, const Place& place, Sink* sink, Seen* seen);

  bool gave_up() const { return gave_up_; }

 private:
  bool Charge(std::size_t steps) {
    steps_ += steps;
    if (steps_ > Schema::kMostSteps || depth_ > kMostDepth) gave_up_ = true;
    return !gave_up_;
  }

  static bool Wrong(Sink* sink, const Place& place, std::string expected, std::string got) {
    if (sink != nullptr) sink->Add({place.Pointer(), std::move(expected), std::move(got)});
    return false;
  }

  bool Fits(const SchemaNode& node, Value value, const Place& place, Sink* sink);
  bool CheckNumber(const SchemaNode& node, Value value, const Place& place, Sink* sink);
  bool CheckString(const SchemaNode& node, Value value, const Place& place, Sink* sink);
  bool CheckArray(const SchemaNode& node, Value value, const Place& place, Sink* sink, Seen* seen);
  bool CheckContains(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                     Seen* seen);
  bool CheckUnique(Value value, const Place& place, Sink* sink);
  bool CheckObject(const SchemaNode& node, Value value, const Place& place, Sink* sink, Seen* seen);
  bool CheckMember(const SchemaNode& node, Value member, const Place& place, Sink* sink,
                   bool& looked_at, std::size_t& others);
  bool CheckRequired(const SchemaNode& node, Value value, const Place& place, Sink* sink);
  bool CheckName(NodeId id, std::string_view name, const Place& place, Sink* sink);
  bool CheckInPlace(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                    Seen* seen);
  bool CheckOneOf(const std::vector<NodeId>& nodes, bool exactly_one, Value value,
                  const Place& place, Sink* sink, Seen* seen);
  void Nearest(const std::vector<NodeId>& nodes, Value value, const Place& place, Sink& sink);
  bool CheckUnevaluated(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                        Seen& seen);

  bool Has(Value object, std::string_view name) {
    Charge(object.size() / 16 + 1);
    return object[name].present();
  }

  const CompiledSchema& schema_;
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
  bool gave_up_ = false;
};

bool Validator::Fits(const SchemaNode& node, Value value, const Place& place, Sink* sink) {
  const auto misfit = [&](std::string expected) {
    if (sink != nullptr && sink->at == &place) sink->misfit = true;
    return Wrong(sink, place, std::move(expected), Describe(value));
  };
  if (node.never) return misfit("no value here");
  if ((node.types & TypeOf(value)) == 0) return misfit(TypeNames(node.types));
  if (!node.has_values && !node.has_const) return true;
  if (!Charge(value.raw().size() / 8)) return true;
  const std::string canonical = Canonical(value);
  if (node.has_const && canonical != node.constant) return misfit(List({node.constant}));
  if (node.has_values && std::ranges::find(node.values, canonical) == node.values.end()) {
    return misfit("one of " + List(node.values));
  }
  return true;
}

bool Validator::CheckNumber(const SchemaNode& node, Value value, const Place& place, Sink* sink) {
  const std::optional<double> number = value.number();
  if (!number) return Wrong(sink, place, "a number that fits into 64 bits", "a larger one");
  bool ok = true;
  const auto want = [&](bool holds, std::string_view words, double bound) {
    if (!holds) ok = Wrong(sink, place, fmt::format("a number {} {}", words, bound), "another one");
  };
  if (node.minimum) want(*number >= *node.minimum, "of at least", *node.minimum);
  if (node.maximum) want(*number <= *node.maximum, "of at most", *node.maximum);
  if (node.exclusive_minimum) {
    want(*number > *node.exclusive_minimum, "greater than", *node.exclusive_minimum);
  }
  if (node.exclusive_maximum) {
    want(*number < *node.exclusive_maximum, "less than", *node.exclusive_maximum);
  }
  if (node.multiple_of) {
    const double quotient = *number / *node.multiple_of;
    // 0.3 / 0.1 is 2.9999999999999996: the nearest doubles of decimals are near a whole quotient.
    const double off = std::abs(quotient - std::round(quotient));
    want(std::isfinite(quotient) ? off <= 1e-9 * std::max(1.0, std::abs(quotient))
                                 : std::fmod(*number, *node.multiple_of) == 0,
         "that is a multiple of", *node.multiple_of);
  }
  return ok;
}

bool Validator::CheckString(const SchemaNode& node, Value value, const Place& place, Sink* sink) {
  const bool sized = node.min_length > 0 || node.max_length != SIZE_MAX;
  if (!sized && !node.pattern) return true;
  if (!Charge(value.raw().size() / 32)) return true;
  const std::string_view text = value.text();
  bool ok = true;
  if (sized) {
    const std::size_t size = CharactersOf(text);
    if (size < node.min_length) {
      ok = Wrong(sink, place, fmt::format("at least {} characters", node.min_length),
                 Describe(value));
    }
    if (size > node.max_length) {
      ok = Wrong(sink, place, fmt::format("at most {} characters", node.max_length),
                 Describe(value));
    }
  }
  if (node.pattern && node.pattern->pattern != nullptr && !Matches(*node.pattern->pattern, text)) {
    ok = Wrong(sink, place, fmt::format("a string that matches {}", List({node.pattern->text})),
               "another one");
  }
  return ok;
}

bool Validator::CheckUnique(Value value, const Place& place, Sink* sink) {
  if (!Charge(value.raw().size() / 8)) return true;
  std::vector<std::string> items;
  items.reserve(value.size());
  for (const Value item : value) items.push_back(Canonical(item));
  std::ranges::sort(items);
  if (std::ranges::adjacent_find(items) == items.end()) return true;
  return Wrong(sink, place, "items that differ", "the same item twice");
}

bool Validator::CheckContains(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                              Seen* seen) {
  std::size_t found = 0;
  std::size_t index = 0;
  for (const Value item : value) {
    const Place inside{.outer = &place, .index = index, .is_index = true};
    if (Check(node.contains, item, inside, nullptr, nullptr)) {
      ++found;
      if (seen != nullptr) (*seen)[index] = true;
    }
    ++index;
  }
  if (found < node.min_contains) {
    return Wrong(sink, place,
                 fmt::format("at least {} items of the wanted kind", node.min_contains),
                 fmt::format("{}", found));
  }
  if (found > node.max_contains) {
    return Wrong(sink, place, fmt::format("at most {} items of the wanted kind", node.max_contains),
                 fmt::format("{}", found));
  }
  return true;
}

bool Validator::CheckArray(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                           Seen* seen) {
  bool ok = true;
  if (value.size() < node.min_items) {
    ok = Wrong(sink, place, fmt::format("at least {} items", node.min_items), Describe(value));
  }
  if (value.size() > node.max_items) {
    ok = Wrong(sink, place, fmt::format("at most {} items", node.max_items), Describe(value));
  }
  if (node.unique_items) ok = CheckUnique(value, place, sink) && ok;
  if (!node.prefix_items.empty() || node.items != kNoNode) {
    std::size_t index = 0;
    for (const Value item : value) {
      const NodeId child = index < node.prefix_items.size() ? node.prefix_items[index] : node.items;
      if (child != kNoNode) {
        const Place inside{.outer = &place, .index = index, .is_index = true};
        ok = Check(child, item, inside, sink, nullptr) && ok;
        if (seen != nullptr) (*seen)[index] = true;
        if ((!ok && sink == nullptr) || gave_up_) return ok;
      }
      ++index;
    }
  }
  if (node.contains != kNoNode) ok = CheckContains(node, value, place, sink, seen) && ok;
  return ok;
}

bool Validator::CheckName(NodeId id, std::string_view name, const Place& place, Sink* sink) {
  wire::JsonTree tree;
  if (!tree.Parse(wire::JsonString(name), 2)) return false;
  const Place inside{.outer = &place};
  if (Check(id, tree.root(), inside, nullptr, nullptr)) return true;
  return Wrong(sink, inside, "a property name that follows the schema", "another name");
}

bool Validator::CheckMember(const SchemaNode& node, Value member, const Place& place, Sink* sink,
                            bool& looked_at, std::size_t& others) {
  bool ok = true;
  const auto named = node.by_name.find(member.key());
  if (named != node.by_name.end()) {
    const Place inside{.outer = &place, .name = named->first};
    ok = Check(named->second, member, inside, sink, nullptr);
    looked_at = true;
  }
  const Place unnamed{.outer = &place};
  for (const auto& [pattern, child] : node.pattern_properties) {
    if (!Charge(1)) return true;
    if (pattern.pattern == nullptr || !Matches(*pattern.pattern, member.key())) continue;
    ok = Check(child, member, unnamed, sink, nullptr) && ok;
    looked_at = true;
  }
  if (!looked_at && node.additional_properties != kNoNode) {
    looked_at = true;
    if (schema_.nodes[node.additional_properties]->never) {
      ++others;
      return false;
    }
    ok = Check(node.additional_properties, member, unnamed, sink, nullptr) && ok;
  }
  if (node.property_names != kNoNode) {
    ok = CheckName(node.property_names, member.key(), place, sink) && ok;
  }
  return ok;
}

bool Validator::CheckRequired(const SchemaNode& node, Value value, const Place& place, Sink* sink) {
  bool ok = true;
  const auto want = [&](const std::string& name, std::string_view why) {
    if (Has(value, name)) return;
    const Place inside{.outer = &place, .name = name};
    ok = Wrong(sink, inside, std::string(why), "nothing");
  };
  for (const std::string& name : node.required) want(name, "a value, as it is required");
  for (const auto& [name, wanted] : node.dependent_required) {
    if (!Has(value, name)) continue;
    for (const std::string& other : wanted) want(other, "a value, as another property wants it");
  }
  return ok;
}

bool Validator::CheckObject(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                            Seen* seen) {
  bool ok = CheckRequired(node, value, place, sink);
  if (value.size() < node.min_properties) {
    ok = Wrong(sink, place, fmt::format("at least {} properties", node.min_properties),
               Describe(value));
  }
  if (value.size() > node.max_properties) {
    ok = Wrong(sink, place, fmt::format("at most {} properties", node.max_properties),
               Describe(value));
  }
  std::size_t index = 0;
  std::size_t others = 0;
  for (const Value member : value) {
    if (!Charge(1)) return ok;
    bool looked_at = false;
    ok = CheckMember(node, member, place, sink, looked_at, others) && ok;
    if (seen != nullptr && looked_at) (*seen)[index] = true;
    if (!ok && sink == nullptr) return false;
    ++index;
  }
  if (others > 0) {
    std::vector<std::string> names;
    for (const auto& [name, child] : node.properties) names.push_back(name);
    Wrong(sink, place, names.empty() ? "no such properties" : "no properties but " + List(names),
          fmt::format("{} more", others));
  }
  return ok;
}

/// Explains why none of the alternatives fits: by the errors of the one that comes nearest, or by
/// their kinds when the value is of none.
void Validator::Nearest(const std::vector<NodeId>& nodes, Value value, const Place& place,
                        Sink& sink) {
  Sink nearest;
  bool found = false;
  unsigned types = 0;
  for (const NodeId id : nodes) {
    Sink errors;
    errors.at = &place;
    Check(id, value, place, &errors, nullptr);
    const SchemaNode* node = schema_.nodes[id].get();
    while (node->ref != kNoNode && node->types == kAnyType) node = schema_.nodes[node->ref].get();
    types |= node->types;
    if (errors.misfit) continue;
    if (!found || errors.count < nearest.count) {
      nearest = std::move(errors);
      found = true;
    }
  }
  if (found) return sink.Take(std::move(nearest));
  if (sink.at == &place) sink.misfit = true;
  const bool told = (types & TypeOf(value)) == 0;
  Wrong(&sink, place,
        told ? TypeNames(static_cast<std::uint8_t>(types))
             : fmt::format("one of the {} alternatives of the schema", nodes.size()),
        Describe(value));
}

bool Validator::CheckOneOf(const std::vector<NodeId>& nodes, bool exactly_one, Value value,
                           const Place& place, Sink* sink, Seen* seen) {
  std::size_t fits = 0;
  for (const NodeId id : nodes) {
    Seen inside(seen == nullptr ? 0 : seen->size());
    if (!Check(id, value, place, nullptr, seen == nullptr ? nullptr : &inside)) continue;
    ++fits;
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (inside[i]) (*seen)[i] = true;
    }
    if (!exactly_one && seen == nullptr) return true;
    if (gave_up_) return true;
  }
  if (fits == 0) {
    if (sink != nullptr) Nearest(nodes, value, place, *sink);
    return false;
  }
  if (!exactly_one || fits == 1) return true;
  return Wrong(sink, place,
               fmt::format("a value that fits just one of {} alternatives", nodes.size()),
               fmt::format("one that fits {}", fits));
}

bool Validator::CheckInPlace(const SchemaNode& node, Value value, const Place& place, Sink* sink,
                             Seen* seen) {
  bool ok = true;
  const auto go_on = [&] { return (ok || sink != nullptr) && !gave_up_; };
  const auto apply = [&](NodeId id) {
    if (id != kNoNode && go_on()) ok = Check(id, value, place, sink, seen) && ok;
  };
  apply(node.ref);
  apply(node.dynamic_ref);
  for (const NodeId id : node.all_of) apply(id);
  if (!node.any_of.empty() && go_on()) {
    ok = CheckOneOf(node.any_of, false, value, place, sink, seen) && ok;
  }
  if (!node.one_of.empty() && go_on()) {
    ok = CheckOneOf(node.one_of, true, value, place, sink, seen) && ok;
  }
  if (node.if_node != kNoNode && go_on()) {
    const bool holds = Check(node.if_node, value, place, nullptr, seen);
    apply(holds ? node.then_node : node.else_node);
  }
  if (node.not_node != kNoNode && go_on() && Check(node.not_node, value, place, nullptr, nullptr) &&
      !gave_up_) {
    ok = Wrong(sink, place, "a value that the schema's \"not\" does not describe", Describe(value));
  }
  if (value.is_object()) {
    for (const auto& [name, id] : node.dependent_schemas) {
      if (Has(value, name)) apply(id);
    }
  }
  return ok;
}

bool Validator::CheckUnevaluated(const SchemaNode& node, Value value, const Place& place,
                                 Sink* sink, Seen& seen) {
  const NodeId id = value.is_array()    ? node.unevaluated_items
                    : value.is_object() ? node.unevaluated_properties
                                        : kNoNode;
  if (id == kNoNode) return true;
  bool ok = true;
  std::size_t index = 0;
  for (const Value part : value) {
    if (!seen[index]) {
      const Place inside{.outer = &place, .index = index, .is_index = value.is_array()};
      ok = Check(id, part, inside, sink, nullptr) && ok;
      seen[index] = true;
    }
    ++index;
  }
  return ok;
}

bool Validator::Check(NodeId id, Value value, const Place& place, Sink* sink, Seen* seen) {
  ++depth_;
  const auto leave = [&](bool result) {
    --depth_;
    return result;
  };
  if (!Charge(1)) return leave(true);
  const SchemaNode& node = *schema_.nodes[id];
  if (!Fits(node, value, place, sink)) return leave(false);
  const bool collects = node.unevaluated_items != kNoNode || node.unevaluated_properties != kNoNode;
  Seen own(collects || seen != nullptr ? value.size() : 0);
  Seen* looked_at = collects || seen != nullptr ? &own : nullptr;
  if (looked_at != nullptr && !Charge(value.size() / 64)) return leave(true);
  bool ok = true;
  switch (value.kind()) {
    case Kind::kNumber: ok = CheckNumber(node, value, place, sink); break;
    case Kind::kString: ok = CheckString(node, value, place, sink); break;
    case Kind::kArray: ok = CheckArray(node, value, place, sink, looked_at); break;
    case Kind::kObject: ok = CheckObject(node, value, place, sink, looked_at); break;
    default: break;
  }
  if (ok || sink != nullptr) ok = CheckInPlace(node, value, place, sink, looked_at) && ok;
  if (collects && (ok || sink != nullptr)) {
    ok = CheckUnevaluated(node, value, place, sink, own) && ok;
  }
  if (seen != nullptr && ok) {
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (own[i]) (*seen)[i] = true;
    }
  }
  return leave(ok);
}

}  // namespace

std::uint8_t TypeOf(Value value) {
  switch (value.kind()) {
    case Kind::kAbsent:
    case Kind::kNull: return kNull;
    case Kind::kBool: return kBoolean;
    case Kind::kNumber: return IsInteger(value) ? kNumber : kNumber & ~kInteger;
    case Kind::kString: return kString;
    case Kind::kArray: return kArray;
    case Kind::kObject: return kObject;
  }
  return 0;
}

std::string TypeNames(std::uint8_t types) {
  if (types == kAnyType) return "anything";
  std::vector<std::string_view> names;
  if ((types & kString) != 0) names.emplace_back("a string");
  if ((types & kNumber) == kNumber) {
    names.emplace_back("a number");
  } else if ((types & kInteger) != 0) {
    names.emplace_back("an integer");
  }
  if ((types & kBoolean) != 0) names.emplace_back("true or false");
  if ((types & kArray) != 0) names.emplace_back("an array");
  if ((types & kObject) != 0) names.emplace_back("an object");
  if ((types & kNull) != 0) names.emplace_back("null");
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

Validation ValidateNode(const CompiledSchema& schema, NodeId node, Value value) {
  Validator validator(schema);
  Sink sink;
  const bool ok = validator.Check(node, value, Place{}, &sink, nullptr);
  Validation validation;
  validation.gave_up = validator.gave_up();
  if (ok || validation.gave_up) return validation;
  validation.more_errors = sink.count > sink.errors.size();
  validation.errors = std::move(sink.errors);
  return validation;
}

}  // namespace triage::verify
