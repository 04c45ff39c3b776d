#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"

namespace triage::simulate {

/// `key=value`, or a bare `key` with an empty value.
struct SpecEntry {
  std::string_view key;
  std::string_view value;
};

/// "NAME:key=value,flag,…" taken apart; views into the text.
struct SpecParts {
  std::string_view name;
  std::vector<SpecEntry> entries;
};

/// The name may hold colons ("llama3:8b:tps=50"). kInvalidRequest for an empty name or an empty
/// entry.
Result<SpecParts> SplitSpec(std::string_view text);

/// The same for specifications whose entries may all be flags ("llama3:8b:hang"): the last colon
/// before the first '=' always ends the name.
Result<SpecParts> SplitSpecWithFlags(std::string_view text);

}  // namespace triage::simulate
