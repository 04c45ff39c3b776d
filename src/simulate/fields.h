#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "llm/types.h"
#include "wire/json_tree.h"

namespace triage::simulate {

/// The error of the dialect's API for a field that its reference does not know; nothing when all
/// are known. Looks at the top level and, where the dialect keeps its settings one level down
/// (Gemini's generationConfig, Bedrock's inferenceConfig, OCI's chatRequest), there too.
std::optional<Error> UnknownField(llm::Dialect dialect, wire::JsonValue body);

/// The error for a field that this provider was told to refuse, in the same places.
std::optional<Error> RefusedField(llm::Dialect dialect, wire::JsonValue body,
                                  std::span<const std::string> refused);

}  // namespace triage::simulate
