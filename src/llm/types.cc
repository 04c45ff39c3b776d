#include "llm/types.h"

namespace triage::llm {

std::string_view Name(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat: return "openai";
    case Dialect::kOpenAiResponses: return "openai_responses";
    case Dialect::kAnthropic: return "anthropic";
    case Dialect::kGemini: return "gemini";
    case Dialect::kBedrock: return "bedrock";
    case Dialect::kOci: return "oci";
  }
  return "unknown";
}

std::optional<Dialect> ParseDialect(std::string_view text) {
  for (std::size_t i = 0; i < kDialects; ++i) {
    if (Name(static_cast<Dialect>(i)) == text) return static_cast<Dialect>(i);
  }
  return std::nullopt;
}

std::string_view Name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kUnknown: return "unknown";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kToolCalls: return "tool_calls";
    case FinishReason::kContentFilter: return "content_filter";
    case FinishReason::kError: return "error";
    case FinishReason::kRefusal: return "refusal";
    case FinishReason::kPause: return "pause";
    case FinishReason::kContextExceeded: return "context_exceeded";
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
