#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/json_tree.h"

namespace triage::simulate {

/// What OpenAI's strict mode objects to in a schema: an object that does not close itself with
/// additionalProperties false, or leaves a property out of `required`.
std::optional<std::string> StrictSchemaProblem(std::string_view schema);

/// The first keyword outside the subset of OpenAPI that Gemini's `parameters` and `responseSchema`
/// take ("$ref", "additionalProperties", …).
std::optional<std::string> KeyOutsideOpenApi(wire::JsonValue schema);

/// The top-level `type` of a schema; empty when it has none.
std::string SchemaType(std::string_view schema);

}  // namespace triage::simulate
