#include <algorithm>
#include <array>
#include <vector>

#include "wire/anthropic.h"

namespace triage::wire::anthropic {
namespace {

// https://platform.claude.com/docs/en/build-with-claude/structured-outputs (limitations), and what
// Anthropic's SDKs leave in a schema before they send it.
constexpr std::array<std::string_view, 9> kPlainKeywords = {
    "title", "description", "type", "enum", "const", "required", "$defs", "definitions", "default"};
constexpr std::array<std::string_view, 10> kFormats = {
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"};
constexpr std::size_t kMaxReferences = 64;  // inside each other
constexpr std::array<std::string_view, 3> kCombinations = {"anyOf", "oneOf", "allOf"};

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

class FormatCheck {
 public:
  explicit FormatCheck(JsonValue root) : root_(root) {}

  bool Fits(JsonValue schema) {
    if (!schema.is_object()) return false;
    const bool object = schema["type"].text() == "object" || schema["properties"].present();
    if (object && schema["additionalProperties"].boolean() != false) return false;
    for (JsonValue keyword : schema) {
      if (!FitsKeyword(keyword)) return false;
    }
    return true;
  }

 private:
  bool FitsKeyword(JsonValue keyword) {
    const std::string_view name = keyword.key();
    if (name == "properties") return keyword.is_object() && FitsAll(keyword);
    if (name == "anyOf" || name == "allOf") return keyword.is_array() && FitsAll(keyword);
    if (name == "items") return Fits(keyword);
    if (name == "$ref") return FitsReference(keyword.text());
    if (name == "additionalProperties") return keyword.boolean() == false;
    if (name == "minItems") return keyword.integer() == 0 || keyword.integer() == 1;
    if (name == "format") return Contains(kFormats, keyword.text());
    if (name == "enum") return IsPlain(keyword);
    return Contains(kPlainKeywords, name);
  }

  static bool IsPlain(JsonValue values) {
    for (JsonValue value : values) {
      if (value.is_object() || value.is_array()) return false;
    }
    return true;
  }

  bool FitsAll(JsonValue schemas) {
    for (JsonValue schema : schemas) {
      if (!Fits(schema)) return false;
    }
    return true;
  }

  // Definitions are looked at where they are used, each once; one that leads to itself is
  // recursive.
  bool FitsReference(std::string_view reference) {
    for (const std::string_view place : {"$defs", "definitions"}) {
      const std::string prefix = "#/" + std::string(place) + "/";
      if (!reference.starts_with(prefix)) continue;
      if (open_.size() > kMaxReferences || std::ranges::find(open_, reference) != open_.end())
        return false;
      if (std::ranges::find(good_, reference) != good_.end()) return true;
      open_.push_back(reference);
      const bool fits = Fits(root_[place][reference.substr(prefix.size())]);
      open_.pop_back();
      if (fits) good_.push_back(reference);
      return fits;
    }
    return false;
  }

  const JsonValue root_;
  std::vector<std::string_view> open_;  // references that are being looked at
  std::vector<std::string_view> good_;
};

}  // namespace

bool FitsOutputFormat(std::string_view schema) {
  JsonTree tree;
  return tree.Parse(schema) && FormatCheck(tree.root()).Fits(tree.root());
}

bool IsOtherThanObject(std::string_view schema) {
  JsonTree tree;
  if (!tree.Parse(schema)) return false;
  const JsonValue type = tree.root()["type"];
  return type.present() && type.text() != "object";
}

bool WriteInputSchema(JsonWriter& json, std::string_view schema) {
  JsonTree tree;
  if (schema.empty() || !tree.Parse(schema) || !tree.root().is_object()) {
    json.Raw(kAnyObject);
    return !schema.empty();
  }
  const JsonValue root = tree.root();
  bool left_out = root["type"].present() && root["type"].text() != "object";
  for (const std::string_view word : kCombinations) left_out = left_out || root[word].present();
  if (!left_out && root["type"].present()) {
    json.Raw(schema);
    return false;
  }
  json.Begin('{');
  json.Member("type", "object");
  for (JsonValue member : root) {
    if (member.key() == "type" || Contains(kCombinations, member.key())) continue;
    json.Key(member.key());
    json.Raw(member.raw());
  }
  json.End('}');
  return left_out;
}

}  // namespace triage::wire::anthropic
