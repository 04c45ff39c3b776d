#include "wire/chat_context.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

namespace triage::wire {
namespace {

bool Is(std::string_view key, std::string_view dashed, std::string_view underscored) {
  return key == dashed || key == underscored;
}

bool IsTolerance(std::string_view key) {
  return Is(key, "error-tolerance", "error_tolerance");
}

std::string* FreeText(llm::Context& context, std::string_view key) {
  if (key == "user") return &context.user;
  if (key == "team") return &context.team;
  if (key == "feature") return &context.feature;
  if (key == "session") return &context.session;
  if (key == "sensitivity") return &context.sensitivity;
  if (key == "verify") return &context.verify;
  if (Is(key, "min-tier", "min_tier")) return &context.min_tier;
  if (Is(key, "max-tier", "max_tier")) return &context.max_tier;
  return nullptr;
}

std::optional<std::string_view> SetLatency(llm::Context& context, std::string_view text) {
  std::int64_t ms = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, ms);
  if (parsed.ec != std::errc{} || parsed.ptr != end || ms < 1 || ms > 86'400'000) {
    return "whole milliseconds from 1 to 86400000";
  }
  context.latency = std::chrono::milliseconds(ms);
  return std::nullopt;
}

}  // namespace

bool IsContextKey(std::string_view key) {
  llm::Context probe;
  return key == "impact" || IsTolerance(key) || TakesNumber(key) || FreeText(probe, key) != nullptr;
}

bool TakesNumber(std::string_view key) {
  return Is(key, "latency-ms", "latency_ms");
}

std::optional<std::string_view> SetContext(llm::Context& context, std::string_view key,
                                           std::string text) {
  if (std::string* target = FreeText(context, key)) {
    *target = std::move(text);
    return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  if (TakesNumber(key)) return SetLatency(context, text);
  if (IsTolerance(key)) {
    const auto tolerance = llm::ParseTolerance(text);
    if (!tolerance) return "low, normal or high";
    context.error_tolerance = *tolerance;
    return std::nullopt;
  }
  const auto impact = llm::ParseImpact(text);
  if (!impact) return "low, normal, high or critical";
  context.impact = *impact;
  return std::nullopt;
}

}  // namespace triage::wire
