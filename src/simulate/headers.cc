#include "simulate/headers.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "base/text.h"

namespace triage::simulate {

namespace {

using llm::Dialect;
using std::chrono::milliseconds;

/// `name="VALUE"` or `name=VALUE` out of a signature's parameters.
std::string_view Parameter(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view value = text.substr(at + name.size());
  if (value.starts_with('"')) return value.substr(1, value.substr(1).find('"'));
  return value.substr(0, value.find_first_of(", /"));
}

std::string_view QueryKey(std::string_view query) {
  while (!query.empty()) {
    const auto end = query.find('&');
    if (query.starts_with("key=")) return query.substr(0, end).substr(4);
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return {};
}

/// OpenAI's "1s", "6m0s", "12ms".
std::string DurationText(milliseconds time) {
  if (time < milliseconds(1000)) return fmt::format("{}ms", time.count());
  const auto seconds = (time.count() + 999) / 1000;
  return seconds < 60 ? fmt::format("{}s", seconds)
                      : fmt::format("{}m{}s", seconds / 60, seconds % 60);
}

std::string Rfc3339(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), length);
}

std::string_view BedrockException(int status) {
  switch (status) {
    case 403: return "AccessDeniedException";
    case 404: return "ResourceNotFoundException";
    case 408: return "ModelTimeoutException";
    case 424: return "ModelErrorException";
    case 429: return "ThrottlingException";
    case 503: return "ServiceUnavailableException";
    default: return status < 500 ? "ValidationException" : "InternalServerException";
  }
}

}  // namespace

bool CarriesKey(const net::HttpRequest& request, Dialect dialect, std::string_view key) {
  if (key.empty()) return true;
  const std::string_view authorization = request.Find("authorization").value_or("");
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.starts_with(kBearer) && authorization.substr(kBearer.size()) == key)
    return true;
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses: return request.Find("api-key") == key;  // Azure's
    case Dialect::kAnthropic: return request.Find("x-api-key") == key;
    case Dialect::kGemini:
      return request.Find("x-goog-api-key") == key || QueryKey(request.query()) == key;
    case Dialect::kBedrock:
      return authorization.starts_with("AWS4-HMAC-SHA256 ") &&
             Parameter(authorization, "Credential=") == key;
    case Dialect::kOci:
      return authorization.starts_with("Signature ") && Parameter(authorization, "keyId=") == key;
  }
  return false;
}

std::string_view Recordable(std::string_view name, std::string_view value) {
  for (const std::string_view secret :
       {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
        "x-amz-security-token"}) {
    if (EqualsIgnoreCaseAscii(name, secret)) return "redacted";
  }
  return value;
}

std::string RecordableTarget(std::string_view target) {
  std::string out(target);
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return out;
  const std::string_view key = QueryKey(target.substr(mark + 1));
  if (!key.empty())
    out.replace(static_cast<std::size_t>(key.data() - target.data()), key.size(), "redacted");
  return out;
}

std::string_view RequestIdHeader(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses: return "x-request-id";
    case Dialect::kAnthropic: return "request-id";
    case Dialect::kBedrock: return "x-amzn-RequestId";
    case Dialect::kOci: return "opc-request-id";
    case Dialect::kGemini: return "";
  }
  return "";
}

void AddLimits(Dialect dialect, const Allowance& requests, const Allowance& tokens, WallTime now,
               OwnHeaders& headers) {
  const auto add = [&](std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  };
  if (dialect == Dialect::kOpenAiChat || dialect == Dialect::kOpenAiResponses) {
    for (const auto& [what, left] :
         {std::pair{"requests", requests}, std::pair{"tokens", tokens}}) {
      add(fmt::format("x-ratelimit-limit-{}", what), fmt::format("{}", left.limit));
      add(fmt::format("x-ratelimit-remaining-{}", what), fmt::format("{}", left.remaining));
      add(fmt::format("x-ratelimit-reset-{}", what), DurationText(left.reset));
    }
  }
  if (dialect == Dialect::kAnthropic) {
    for (const auto& [what, left] :
         {std::pair{"requests", requests}, std::pair{"tokens", tokens},
          std::pair{"input-tokens", tokens}, std::pair{"output-tokens", tokens}}) {
      add(fmt::format("anthropic-ratelimit-{}-limit", what), fmt::format("{}", left.limit));
      add(fmt::format("anthropic-ratelimit-{}-remaining", what), fmt::format("{}", left.remaining));
      add(fmt::format("anthropic-ratelimit-{}-reset", what), Rfc3339(now + left.reset));
    }
  }
}

void AddErrorHeaders(Dialect dialect, int status, OwnHeaders& headers) {
  if (dialect == Dialect::kBedrock)
    headers.emplace_back("x-amzn-ErrorType", BedrockException(status));
  if (dialect == Dialect::kAnthropic) {
    const bool again = status == 408 || status == 409 || status == 429 || status >= 500;
    headers.emplace_back("x-should-retry", again ? "true" : "false");
  }
}

}  // namespace triage::simulate
