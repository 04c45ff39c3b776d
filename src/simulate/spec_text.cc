#include "simulate/spec_text.h"

#include <string>

#include "base/text.h"

namespace triage::simulate {

namespace {

Result<SpecParts> SplitAt(std::string_view text, std::size_t colon) {
  SpecParts parts;
  parts.name = Trim(text.substr(0, colon));
  if (parts.name.empty()) {
    return Error{ErrorCode::kInvalidRequest, "'" + std::string(text) + "' has no model name"};
  }
  if (colon == std::string_view::npos) return parts;
  std::string_view rest = text.substr(colon + 1);
  while (true) {
    const auto comma = rest.find(',');
    const std::string_view entry = Trim(rest.substr(0, comma));
    if (entry.empty()) {
      return Error{ErrorCode::kInvalidRequest, "'" + std::string(text) + "' has an empty setting"};
    }
    const auto equals = entry.find('=');
    parts.entries.push_back({Trim(entry.substr(0, equals)), equals == std::string_view::npos
                                                                ? std::string_view{}
                                                                : Trim(entry.substr(equals + 1))});
    if (comma == std::string_view::npos) return parts;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<SpecParts> SplitSpec(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return SplitAt(text, std::string_view::npos);
  return SplitAt(text, text.substr(0, equals).rfind(':'));
}

Result<SpecParts> SplitSpecWithFlags(std::string_view text) {
  return SplitAt(text, text.substr(0, text.find('=')).rfind(':'));
}

}  // namespace triage::simulate
