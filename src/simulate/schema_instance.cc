#include "simulate/schema_instance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "wire/json.h"
#include "wire/json_tree.h"

namespace triage::simulate {

namespace {

using wire::JsonTree;
using wire::JsonValue;

// A schema that refers to itself through required properties has no finite instance.
constexpr int kMaxDepth = 24;

constexpr std::int64_t kMostCharacters = 100'000;
constexpr std::int64_t kMostItems = 1'000;

/// The value behind "#/a/b", RFC 6901 escapes included.
JsonValue Resolve(JsonValue root, std::string_view reference) {
  if (!reference.starts_with('#')) return {};
  reference.remove_prefix(1);
  JsonValue at = root;
  while (!reference.empty()) {
    reference.remove_prefix(1);  // the slash
    std::string name(reference.substr(0, reference.find('/')));
    reference.remove_prefix(name.size());
    for (const auto& [escape, plain] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
      for (auto found = name.find(escape); found != std::string::npos; found = name.find(escape))
        name.replace(found, 2, plain);
    }
    at = at[name];
  }
  return at;
}

class Maker {
 public:
  explicit Maker(JsonValue root) : root_(root) {}

  void Append(std::string& out, JsonValue schema, int depth = 0) const {
    if (depth > kMaxDepth) {
      out += "null";
      return;
    }
    if (const JsonValue reference = schema["$ref"]; reference.is_string()) {
      return Append(out, Resolve(root_, reference.text()), depth + 1);
    }
    if (const JsonValue constant = schema["const"]; constant.present()) {
      out += constant.raw();
      return;
    }
    if (const JsonValue values = schema["enum"]; values.is_array() && values.size() > 0) {
      out += (*values.begin()).raw();
      return;
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const JsonValue choices = schema[key];
      if (choices.is_array() && choices.size() > 0) return Append(out, First(choices), depth + 1);
    }
    AppendOfType(out, schema, TypeOf(schema), depth);
  }

 private:
  /// The first alternative that is more than null.
  static JsonValue First(JsonValue choices) {
    for (const JsonValue choice : choices) {
      if (choice["type"].text() != "null") return choice;
    }
    return *choices.begin();
  }

  std::string_view TypeOf(JsonValue schema) const {
    const JsonValue type = schema["type"];
    if (type.is_string()) return type.text();
    if (type.is_array() && type.size() > 0) {
      for (const JsonValue each : type) {
        if (each.text() != "null") return each.text();
      }
      return "null";
    }
    if (schema["items"].present() || schema["prefixItems"].present()) return "array";
    const JsonValue all = schema["allOf"];
    if (schema["properties"].present() || schema["required"].present() ||
        schema["additionalProperties"].present())
      return "object";
    if (all.is_array() && all.size() > 0) {
      const JsonValue first = Followed(*all.begin());
      return TypeOf(first);
    }
    return schema.is_object() && schema["minimum"].present() ? "number" : "string";
  }

  JsonValue Followed(JsonValue schema) const {
    for (int i = 0; i < kMaxDepth && schema["$ref"].is_string(); ++i)
      schema = Resolve(root_, schema["$ref"].text());
    return schema;
  }

  void AppendOfType(std::string& out, JsonValue schema, std::string_view type, int depth) const {
    const auto upper = [&](std::string_view word, std::string_view gemini) {
      return type == word || type == gemini;  // Gemini writes types in capitals
    };
    if (upper("object", "OBJECT")) return AppendObject(out, schema, depth);
    if (upper("array", "ARRAY")) return AppendArray(out, schema, depth);
    if (upper("integer", "INTEGER")) return AppendNumber(out, schema, true);
    if (upper("number", "NUMBER")) return AppendNumber(out, schema, false);
    if (upper("boolean", "BOOLEAN")) {
      out += "true";
      return;
    }
    if (upper("null", "NULL")) {
      out += "null";
      return;
    }
    AppendString(out, schema);
  }

  void Collect(JsonValue schema, std::vector<JsonValue>& properties,
               std::vector<std::string_view>& required, int depth) const {
    if (depth > kMaxDepth) return;
    for (const JsonValue property : schema["properties"]) properties.push_back(property);
    for (const JsonValue name : schema["required"]) required.push_back(name.text());
    for (const JsonValue each : schema["allOf"])
      Collect(Followed(each), properties, required, depth + 1);
  }

  void AppendObject(std::string& out, JsonValue schema, int depth) const {
    std::vector<JsonValue> properties;
    std::vector<std::string_view> required;
    Collect(schema, properties, required, depth);
    out += '{';
    bool comma = false;
    const auto key = [&](std::string_view name) {
      if (comma) out += ',';
      comma = true;
      wire::AppendJsonString(out, name);
      out += ':';
    };
    std::vector<std::string_view> written;
    const auto missing = [&](std::string_view name) {
      return std::ranges::find(written, name) == written.end();
    };
    for (const JsonValue property : properties) {
      const std::string_view name = property.key();
      if (std::ranges::find(required, name) == required.end() || !missing(name)) continue;
      written.push_back(name);
      key(name);
      Append(out, property, depth + 1);
    }
    for (const std::string_view name : required) {
      if (!missing(name)) continue;  // demanded, but not described
      written.push_back(name);
      key(name);
      out += R"("text")";
    }
    out += '}';
  }

  void AppendArray(std::string& out, JsonValue schema, int depth) const {
    out += '[';
    bool comma = false;
    std::int64_t count = 0;
    const auto item = [&](JsonValue of) {
      if (comma) out += ',';
      comma = true;
      ++count;
      Append(out, of, depth + 1);
    };
    for (const JsonValue fixed : schema["prefixItems"]) item(fixed);
    const JsonValue items = schema["items"];
    const std::int64_t most = schema["maxItems"].integer().value_or(kMostItems);
    const std::int64_t least =
        std::clamp<std::int64_t>(schema["minItems"].integer().value_or(1), 1, kMostItems);
    if (items.is_object() || schema["minItems"].present()) {
      while (count < std::min(least, most)) item(items);
    }
    out += ']';
  }

  static void AppendNumber(std::string& out, JsonValue schema, bool whole) {
    double value = 1;
    if (const auto least = schema["minimum"].number()) value = std::max(value, *least);
    if (const auto above = schema["exclusiveMinimum"].number(); above && value <= *above)
      value = std::floor(*above) + 1;
    if (const auto most = schema["maximum"].number()) value = std::min(value, *most);
    if (const auto below = schema["exclusiveMaximum"].number(); below && value >= *below) {
      const auto least = schema["minimum"].number();
      value = whole ? std::ceil(*below) - 1 : least ? (*least + *below) / 2 : *below - 1;
    }
    if (const auto step = schema["multipleOf"].number(); step && *step > 0) {
      const double up = std::ceil(value / *step) * *step;
      const auto most = schema["maximum"].number();
      value = most && up > *most ? std::floor(value / *step) * *step : up;
    }
    if (whole) value = std::ceil(value);
    out += std::abs(value) < 1e15 && value == std::floor(value)
               ? fmt::format("{}", static_cast<std::int64_t>(value))
               : fmt::format("{}", value);
  }

  static void AppendString(std::string& out, JsonValue schema) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFormats = {{
        {"date-time", "2026-01-01T00:00:00Z"},
        {"date", "2026-01-01"},
        {"time", "00:00:00Z"},
        {"duration", "P1D"},
        {"email", "text@example.com"},
        {"uri", "https://example.com/text"},
        {"uuid", "00000000-0000-4000-8000-000000000000"},
        {"ipv4", "192.0.2.1"},
    }};
    std::string text = "text";
    const std::string_view format = schema["format"].text();
    for (const auto& [name, sample] : kFormats) {
      if (format == name) text = sample;
    }
    const auto least =
        std::clamp<std::int64_t>(schema["minLength"].integer().value_or(0), 0, kMostCharacters);
    while (std::ssize(text) < least) text += 'x';
    if (const auto most = schema["maxLength"].integer(); most && *most >= 0 && format.empty())
      text.resize(std::min(text.size(), static_cast<std::size_t>(*most)));
    wire::AppendJsonString(out, text);
  }

  JsonValue root_;
};

}  // namespace

std::string MinimalInstance(std::string_view schema) {
  JsonTree tree;
  if (!tree.Parse(schema) || !tree.root().is_object()) return "{}";
  std::string out;
  Maker(tree.root()).Append(out, tree.root());
  return out;
}

}  // namespace triage::simulate
