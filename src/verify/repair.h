#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "verify/schema.h"
#include "verify/verdict.h"

namespace triage::verify {

struct Repaired {
  std::string json;
  std::vector<std::string> what;  ///< "removed a markdown fence", "took \"12\" for a number", …
};

/// Mends a JSON answer without asking anybody: takes away fences and prose around one value,
/// comments and trailing commas, sets quotes right, and takes values for what the schema wants
/// where that is what their author wrote ("12" for 12). Never completes what was cut off, never
/// guesses. Nothing when the answer is in order already, when it cannot be mended so, or when the
/// result would not be valid. `schema` may be null. Keys keep their order. Linear in the text but
/// for values that the schema forbids.
std::optional<Repaired> Repair(std::string_view text, const Schema* schema);

/// An object whose fields come from two answers.
struct Merged {
  std::string json;
  std::vector<std::string> taken;  ///< names that came from the patch
};

/// `base` with the top-level fields `names` as `patch` has them; what only one of them has keeps
/// its place or comes last. Errors: kInvalidRequest when one is no JSON object, or the patch lacks
/// one of `names`.
Result<Merged> MergeFields(std::string_view base, std::string_view patch,
                           std::span<const std::string> names);

/// What the same model is told when its answer failed: at most ten lines (where, expected, got)
/// and what to do. Empty when nothing failed.
std::string ReaskText(std::span<const Verdict> verdicts);

/// What another model is told that shall give only these fields of the JSON object.
std::string FieldsText(std::span<const std::string> names);

}  // namespace triage::verify
