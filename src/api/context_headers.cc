#include "api/context_headers.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace triage::api {
namespace {

constexpr std::string_view kPrefix = "x-triage-";
constexpr std::size_t kMaxValue = 256;

Error Invalid(std::string_view name, std::string_view expected) {
  std::string header(kPrefix);
  header.append(name);
  return Error{.code = ErrorCode::kInvalidRequest,
               .message = "header " + header + ": expected " + std::string(expected),
               .field = header};
}

Result<void> Take(std::string_view name, std::string_view value, llm::Context& context) {
  if (value.size() > kMaxValue) return Invalid(name, "at most 256 bytes");
  if (name == "user") {
    context.user = value;
  } else if (name == "team") {
    context.team = value;
  } else if (name == "feature") {
    context.feature = value;
  } else if (name == "session") {
    context.session = value;
  } else if (name == "sensitivity") {
    context.sensitivity = value;
  } else if (name == "min-tier") {
    context.min_tier = value;
  } else if (name == "max-tier") {
    context.max_tier = value;
  } else if (name == "verify") {
    context.verify = value;
  } else if (name == "impact") {
    const auto impact = llm::ParseImpact(value);
    if (!impact) return Invalid(name, "low, normal, high or critical");
    context.impact = *impact;
  } else if (name == "error-tolerance") {
    const auto tolerance = llm::ParseTolerance(value);
    if (!tolerance) return Invalid(name, "low, normal or high");
    context.error_tolerance = *tolerance;
  } else if (name == "latency-ms") {
    std::int64_t milliseconds = 0;
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (error != std::errc{} || end != value.data() + value.size() || milliseconds < 1 ||
        milliseconds > 86'400'000) {
      return Invalid(name, "a whole number of milliseconds from 1 to 86400000");
    }
    context.latency = std::chrono::milliseconds(milliseconds);
  }
  // Other names are left alone: newer clients may send what this version does not know.
  return {};
}

}  // namespace

Result<void> ReadContextHeaders(const net::HttpRequest& request, llm::Context& context) {
  for (const net::Header& header : request.headers) {
    if (EqualsIgnoreCaseAscii(header.name, "authorization") ||
        EqualsIgnoreCaseAscii(header.name, "x-api-key")) {
      context.client = std::hash<std::string_view>()(header.value);
    }
    if (header.name.size() <= kPrefix.size() || (header.name[0] != 'x' && header.name[0] != 'X'))
      continue;
    if (!EqualsIgnoreCaseAscii(header.name.substr(0, kPrefix.size()), kPrefix)) continue;
    const std::string name = ToLowerAscii(header.name.substr(kPrefix.size()));
    Result<void> taken = Take(name, header.value, context);
    if (!taken) return taken;
  }
  return {};
}

}  // namespace triage::api
