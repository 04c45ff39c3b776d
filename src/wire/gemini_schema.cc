#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "wire/gemini.h"
#include "wire/json.h"

namespace triage::wire::gemini {
namespace {

// Numbers that protocol buffers' JSON writes as strings, because they have 64 bits.
constexpr std::array<std::string_view, 6> kCounts = {"minItems",  "maxItems",      "minLength",
                                                     "maxLength", "minProperties", "maxProperties"};

class Converter {
 public:
  std::string Convert(JsonValue schema) {
    Write(schema);
    return json_.Take();
  }

 private:
  void Write(JsonValue schema) {
    if (!schema.is_object()) return json_.Raw(schema.raw());
    const bool nullable = schema["nullable"].boolean().value_or(false);
    json_.Begin('{');
    for (const JsonValue member : schema) {
      const std::string name = CamelCase(member.key());
      if (name == "nullable") continue;
      json_.Key(name);
      WriteMember(name, member, nullable);
    }
    json_.End('}');
  }

  void WriteMember(std::string_view name, JsonValue member, bool nullable) {
    if (name == "type" && member.is_string()) {
      const std::string type = ToLowerAscii(member.text());
      if (nullable) json_.Begin('[');
      json_.String(type);
      if (nullable) {
        json_.String("null");
        json_.End(']');
      }
    } else if (name == "properties" && member.is_object()) {
      json_.Begin('{');
      for (const JsonValue property : member) {
        json_.Key(property.key());
        Write(property);
      }
      json_.End('}');
    } else if (name == "items") {
      Write(member);
    } else if (name == "anyOf" && member.is_array()) {
      json_.Begin('[');
      for (const JsonValue each : member) Write(each);
      json_.End(']');
    } else if (member.is_string() && std::ranges::find(kCounts, name) != kCounts.end() &&
               IsJsonNumber(member.text())) {
      json_.Raw(member.text());
    } else {
      json_.Raw(member.raw());
    }
  }

  JsonWriter json_;
};

}  // namespace

std::string JsonSchemaOf(JsonValue open_api) {
  return Converter().Convert(open_api);
}

}  // namespace triage::wire::gemini
