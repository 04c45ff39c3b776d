#include "simulate/schema_rules.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace triage::simulate {

namespace {

using wire::JsonTree;
using wire::JsonValue;

bool IsObject(JsonValue schema) {
  const JsonValue type = schema["type"];
  if (!type.is_array()) return type.text() == "object";
  for (const JsonValue each : type) {
    if (each.text() == "object") return true;
  }
  return false;
}

std::optional<std::string> StrictProblem(JsonValue schema, const std::string& context) {
  if (!schema.is_object()) return std::nullopt;
  if (IsObject(schema)) {
    if (schema["additionalProperties"].boolean() != false) {
      return fmt::format(
          "In context=({}), 'additionalProperties' is required to be supplied and to "
          "be false.",
          context);
    }
    for (const JsonValue property : schema["properties"]) {
      bool listed = false;
      for (const JsonValue name : schema["required"]) listed |= name.text() == property.key();
      if (!listed) {
        return fmt::format(
            "In context=({}), 'required' is required to be supplied and to be an "
            "array including every key in properties. Missing '{}'.",
            context, property.key());
      }
    }
  }
  const auto inside = [&](std::string_view what) {
    return fmt::format("{}{}'{}'", context, context.empty() ? "" : ", ", what);
  };
  for (const char* map : {"properties", "$defs", "definitions"}) {
    for (const JsonValue each : schema[map]) {
      if (auto problem = StrictProblem(each, fmt::format("{}, '{}'", inside(map), each.key())))
        return problem;
    }
  }
  for (const char* list : {"anyOf", "allOf", "oneOf"}) {
    for (const JsonValue each : schema[list]) {
      if (auto problem = StrictProblem(each, inside(list))) return problem;
    }
  }
  return StrictProblem(schema["items"], inside("items"));
}

constexpr std::array<std::string_view, 24> kOpenApi = {"type",          "format",
                                                       "title",         "description",
                                                       "nullable",      "enum",
                                                       "maxItems",      "minItems",
                                                       "properties",    "required",
                                                       "minimum",       "maximum",
                                                       "minLength",     "maxLength",
                                                       "pattern",       "example",
                                                       "default",       "anyOf",
                                                       "items",         "maxProperties",
                                                       "minProperties", "propertyOrdering",
                                                       "any_of",        "property_ordering"};

}  // namespace

std::optional<std::string> StrictSchemaProblem(std::string_view schema) {
  JsonTree tree;
  if (!tree.Parse(schema) || !tree.root().is_object()) return "schema must be a JSON object.";
  if (!IsObject(tree.root())) {
    return fmt::format("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{}\"'.",
                       tree.root()["type"].present() ? tree.root()["type"].text() : "None");
  }
  return StrictProblem(tree.root(), "");
}

std::optional<std::string> KeyOutsideOpenApi(JsonValue schema) {
  if (!schema.is_object()) return std::nullopt;
  for (const JsonValue member : schema) {
    if (std::ranges::find(kOpenApi, member.key()) == kOpenApi.end())
      return std::string(member.key());
  }
  for (const JsonValue property : schema["properties"]) {
    if (auto key = KeyOutsideOpenApi(property)) return key;
  }
  for (const JsonValue each : schema["anyOf"]) {
    if (auto key = KeyOutsideOpenApi(each)) return key;
  }
  return KeyOutsideOpenApi(schema["items"]);
}

std::string SchemaType(std::string_view schema) {
  JsonTree tree;
  if (!tree.Parse(schema)) return "";
  return tree.root()["type"].string();
}

}  // namespace triage::simulate
