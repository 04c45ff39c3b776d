#include "llm/types.h"

namespace triage::llm {

std::string_view Name(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat: return "openai";
  }
  return "unknown";
}

std::string_view Name(Impact impact) {
  switch (impact) {
    case Impact::kLow: return "low";
    case Impact::kNormal: return "normal";
    case Impact::kHigh: return "high";
    case Impact::kCritical: return "critical";
  }
  return "normal";
}

std::string_view Name(Tolerance tolerance) {
  switch (tolerance) {
    case Tolerance::kLow: return "low";
    case Tolerance::kNormal: return "normal";
    case Tolerance::kHigh: return "high";
  }
  return "normal";
}

std::optional<Impact> ParseImpact(std::string_view text) {
  for (Impact impact : {Impact::kLow, Impact::kNormal, Impact::kHigh, Impact::kCritical}) {
    if (Name(impact) == text) return impact;
  }
  return std::nullopt;
}

std::optional<Tolerance> ParseTolerance(std::string_view text) {
  for (Tolerance tolerance : {Tolerance::kLow, Tolerance::kNormal, Tolerance::kHigh}) {
    if (Name(tolerance) == text) return tolerance;
  }
  return std::nullopt;
}

}  // namespace triage::llm
