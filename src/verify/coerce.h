#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verify/schema.h"
#include "wire/json_tree.h"

namespace triage::verify {

/// The value with its parts taken for what the schema wants, where they say the same: "12" for 12,
/// 5 for "5", "true", a list of one for a list, letters of an enumeration in another case, null for
/// a property that may be left out, JSON inside a string. What is right already keeps its bytes.
/// The result need not be valid. `what`: what was done, each once.
std::string Coerce(const Schema& schema, wire::JsonValue value,
                   std::vector<std::string_view>& what);

}  // namespace triage::verify
