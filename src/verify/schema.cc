#include "verify/schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "verify/json_text.h"
#include "verify/schema_node.h"
#include "wire/json.h"

namespace triage::verify {

Validation Schema::Validate(std::string_view json) const {
  Validation validation;
  const auto refuse = [&](std::string got) {
    validation.is_json = false;
    validation.errors.push_back(
        {.pointer = "", .expected = "one JSON value", .got = std::move(got)});
    return validation;
  };
  if (json.size() > kMostInstanceBytes) {
    return refuse(fmt::format("more than {} bytes", kMostInstanceBytes));
  }
  wire::JsonTree tree;
  if (const Result<void> parsed = tree.Parse(json, static_cast<int>(kMostInstanceDepth)); !parsed) {
    // The parser's message may name a key, which is the answer's.
    return refuse(parsed.error().field.empty() ? "text that is no JSON value"
                                               : "an object with the same key twice");
  }
  return ValidateNode(*compiled_, compiled_->root, tree.root());
}

std::uint64_t Schema::hash() const {
  return compiled_->hash;
}

const std::string& Schema::text() const {
  return compiled_->text;
}

const std::vector<std::string>& Schema::properties() const {
  return compiled_->properties;
}

const std::vector<std::string>& Schema::required() const {
  return compiled_->required;
}

const std::vector<std::string>& Schema::unchecked() const {
  return compiled_->unchecked;
}

Result<Schema> Schema::SubSchema(std::span<const std::string> names) const {
  if (compiled_->refers_outside_definitions) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message =
                     "no part of this schema can be asked for alone: it refers to places "
                     "outside its definitions"};
  }
  wire::JsonTree tree;
  if (Result<void> parsed = tree.Parse(compiled_->text, static_cast<int>(kMostDepth)); !parsed) {
    return std::move(parsed).error();
  }
  const wire::JsonValue root = tree.root();
  wire::JsonValue object = root;
  // References lead to definitions only, and those that lead in a circle were refused.
  while (!object["properties"].is_object() && object["$ref"].is_string()) {
    const std::string_view ref = object["$ref"].text();
    const std::size_t slash = ref.find('/', 2);
    if (!ref.starts_with("#/") || slash == std::string_view::npos ||
        ref.find('/', slash + 1) != std::string_view::npos) {
      break;
    }
    object = root[ref.substr(2, slash - 2)][UnescapePointer(ref.substr(slash + 1))];
  }
  std::string properties;
  std::string required;
  for (const std::string& name : names) {
    const wire::JsonValue property = object["properties"][name];
    if (!property.present()) {
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = fmt::format("the schema has no property \"{}\"", name),
                   .field = "/" + EscapePointer(name)};
    }
    if (!properties.empty()) {
      properties += ',';
      required += ',';
    }
    properties += wire::JsonString(name) + ':';
    properties += property.raw();
    required += wire::JsonString(name);
  }
  std::string text = "{";
  for (const std::string_view key : {"$schema", "$defs", "definitions"}) {
    if (const wire::JsonValue kept = root[key]; kept.present()) {
      text += fmt::format("\"{}\":{},", key, kept.raw());
    }
  }
  text += fmt::format(
      R"("type":"object","properties":{{{}}},"required":[{}],"additionalProperties":false}})",
      properties, required);
  return Compile(text);
}

std::vector<std::string> FailingFields(const Validation& validation) {
  std::vector<std::string> names;
  for (const FieldError& error : validation.errors) {
    if (error.pointer.size() < 2) return {};
    const std::string_view part = std::string_view(error.pointer).substr(1);
    std::string name = UnescapePointer(part.substr(0, part.find('/')));
    if (name == "*") return {};
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace triage::verify
