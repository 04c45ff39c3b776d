#include "verify/json_checks.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "verify/p_bad.h"
#include "wire/json_tree.h"

namespace triage::verify {
namespace {

constexpr int kDepth = static_cast<int>(Schema::kMostInstanceDepth);

bool IsCut(const Given& given) {
  return given.finish == llm::FinishReason::kLength ||
         given.finish == llm::FinishReason::kContextExceeded;
}

bool HasText(const Given& given) {
  return !Trim(given.text).empty() || (given.calls.empty() && !given.has_other);
}

/// Whether it is a schema where an answer by the schema was wanted.
bool IsSchemaEcho(std::string_view text, const Schema& schema) {
  wire::JsonTree tree;
  if (!tree.Parse(text, kDepth) || !tree.root().is_object()) return false;
  const auto names = [&](std::string_view name) {
    return std::ranges::find(schema.properties(), name) != schema.properties().end();
  };
  const wire::JsonValue root = tree.root();
  if (names("properties") || names("$schema")) return false;
  return root["$schema"].is_string() ||
         (root["properties"].is_object() && root["type"].text() == "object");
}

std::optional<Verdict> NotJson(std::string_view check, const Given& given, Validation validation) {
  return Verdict{.check = std::string(check),
                 .outcome = Outcome::kFail,
                 .reason = IsCut(given) ? "It is JSON that is cut off." : "It is not JSON.",
                 .p_bad = p_bad::kNotJson,
                 .errors = std::move(validation.errors),
                 .reask = !IsCut(given)};
}

}  // namespace

std::optional<Verdict> CheckJson(const Asked&, const Given& given) {
  if (!HasText(given)) return std::nullopt;
  wire::JsonTree tree;
  if (tree.Parse(given.text, kDepth)) return Verdict{.check = "json"};
  return NotJson("json", given, {});
}

std::optional<Verdict> CheckJsonSchema(const Asked& asked, const Given& given) {
  if (asked.schema == nullptr || !HasText(given)) return std::nullopt;
  Validation validation = asked.schema->Validate(given.text);
  if (!validation.is_json) return NotJson("json_schema", given, std::move(validation));
  Verdict verdict{.check = "json_schema"};
  if (validation.gave_up) {
    verdict.outcome = Outcome::kUnsure;
    verdict.reason = "Its schema asks for more work than is granted.";
    verdict.p_bad = p_bad::kNoIdea;
  } else if (!validation.valid()) {
    verdict.outcome = Outcome::kFail;
    verdict.p_bad = p_bad::kSchema;
    verdict.reask = !IsSchemaEcho(given.text, *asked.schema);
    verdict.reason = verdict.reask ? "It does not follow the schema."
                                   : "It is the schema itself instead of an answer.";
    verdict.errors = std::move(validation.errors);
    verdict.more_errors = validation.more_errors;
  }
  return verdict;
}

std::optional<Verdict> CheckToolArguments(const Asked& asked, const Given& given) {
  if (given.calls.empty() || asked.tools.empty()) return std::nullopt;
  Verdict verdict{.check = "tool_arguments"};
  const auto fail = [&](std::string_view reason) {
    if (verdict.outcome == Outcome::kFail) return;
    verdict.outcome = Outcome::kFail;
    verdict.reason = reason;
    verdict.p_bad = p_bad::kSchema;
    verdict.reask = !IsCut(given);
  };
  for (std::size_t i = 0; i < given.calls.size(); ++i) {
    const llm::ToolCallPart& call = *given.calls[i];
    const auto tool = std::ranges::find(asked.tools, call.name, &ToolSchema::name);
    if (tool == asked.tools.end()) {
      fail("It calls a tool that was not offered.");
      continue;
    }
    Validation validation;
    if (tool->parameters) {
      validation = tool->parameters->Validate(call.arguments);
    } else {
      wire::JsonTree tree;
      if (!tree.Parse(call.arguments, kDepth) || !tree.root().is_object()) {
        validation.errors.push_back({.pointer = "", .expected = "an object", .got = "none"});
      }
    }
    if (validation.gave_up && verdict.outcome == Outcome::kPass) {
      verdict.outcome = Outcome::kUnsure;
      verdict.reason = "A tool's schema asks for more work than is granted.";
      verdict.p_bad = p_bad::kNoIdea;
    }
    if (validation.errors.empty()) continue;
    fail("A tool call's arguments do not follow the tool's schema.");
    for (FieldError& error : validation.errors) {
      if (verdict.errors.size() == kMostErrors) {
        verdict.more_errors = true;
        break;
      }
      error.pointer = fmt::format("/{}{}", i, error.pointer);
      verdict.errors.push_back(std::move(error));
    }
    verdict.more_errors |= validation.more_errors;
  }
  return verdict;
}

Result<std::vector<ToolSchema>> CompileTools(std::span<const llm::Tool> tools) {
  std::vector<ToolSchema> schemas;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const llm::Tool& tool = tools[i];
    if (!tool.is_function()) continue;
    ToolSchema schema{.name = tool.name, .parameters = std::nullopt};
    if (!tool.parameters.empty()) {
      Result<Schema> compiled = Schema::Compile(tool.parameters);
      if (!compiled) {
        Error error = std::move(compiled).error();
        error.field = fmt::format("/{}/parameters{}", i, error.field);
        return error;
      }
      schema.parameters = std::move(*compiled);
    }
    schemas.push_back(std::move(schema));
  }
  return schemas;
}

}  // namespace triage::verify
