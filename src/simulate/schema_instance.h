#pragma once

#include <string>
#include <string_view>

namespace triage::simulate {

/// A small JSON value that satisfies a JSON Schema: required properties only, in the order of
/// `properties`; strings "text", numbers 1, booleans true, the first value of an enum, one item for
/// an array. Honours const, enum, $ref inside the schema, anyOf, oneOf, allOf, lengths, bounds and
/// common formats; `pattern` and `not` are beyond it. "{}" for what is no schema.
std::string MinimalInstance(std::string_view schema);

}  // namespace triage::simulate
