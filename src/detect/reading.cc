#include "detect/reading.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace triage::detect {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Finding::kCount)> kFindings = {
    "card_number", "iban",  "national_id", "email",  "phone",           "health",     "money",
    "legal",       "proof", "statistics",  "design", "troubleshooting", "frustration"};

constexpr std::array<std::string_view, static_cast<std::size_t>(QueryType::kCount)> kTypes = {
    "",        "small_talk", "simple_question", "translation",
    "summary", "extraction", "classification",  "code",
    "proof",   "analysis",   "writing"};

}  // namespace

std::string_view Name(Finding finding) {
  return kFindings[static_cast<std::size_t>(finding)];
}

std::optional<Finding> ParseFinding(std::string_view text) {
  const auto* const found = std::ranges::find(kFindings, text);
  if (found == kFindings.end()) return std::nullopt;
  return static_cast<Finding>(found - kFindings.begin());
}

std::vector<std::string_view> Findings::Names() const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kFindings.size(); ++i) {
    if (Has(static_cast<Finding>(i))) names.push_back(kFindings[i]);
  }
  return names;
}

std::string_view Name(QueryType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

}  // namespace triage::detect
