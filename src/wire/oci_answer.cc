#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wire/error_message.h"
#include "wire/oci.h"

namespace triage::wire::oci {
namespace {

// RFC 3339 in UTC, as OCI writes times: "2026-01-02T03:04:05.678Z". 0 when it is none.
std::int64_t SecondsOf(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = 0;
    for (const char c : text.substr(at, length)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || !(text.ends_with('Z') || text.ends_with("+00:00"))) {
    return 0;
  }
  const std::array<int, 6> fields = {number(0, 4),  number(5, 2),  number(8, 2),
                                     number(11, 2), number(14, 2), number(17, 2)};
  for (const int field : fields) {
    if (field < 0) return 0;
  }
  const std::chrono::year_month_day date{std::chrono::year(fields[0]),
                                         std::chrono::month(static_cast<unsigned>(fields[1])),
                                         std::chrono::day(static_cast<unsigned>(fields[2]))};
  if (!date.ok()) return 0;
  const auto seconds = std::chrono::sys_days(date) + std::chrono::hours(fields[3]) +
                       std::chrono::minutes(fields[4]) + std::chrono::seconds(fields[5]);
  return std::chrono::floor<std::chrono::seconds>(seconds.time_since_epoch()).count();
}

std::string TimeOf(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Error Garbage(std::string_view detail) {
  return {.code = ErrorCode::kUpstream,
          .message = "The provider's answer is broken.",
          .detail = std::string(detail)};
}

}  // namespace

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(body);
  if (!parsed) return Garbage(parsed.error().message);
  const JsonValue root = tree.root();
  const JsonValue chat = root["chatResponse"];
  if (!chat.is_object()) {
    if (root["message"].is_string()) {
      Error error = Garbage("an error in an answer of status 2xx");
      error.message = ProviderMessage(root["message"].text());
      return error;
    }
    return Garbage("no chatResponse");
  }
  if (!chat["choices"].is_array() || chat["choices"].size() == 0) return Garbage("no choices");
  llm::Answer answer;
  answer.model = root["modelId"].string();
  answer.created = SecondsOf(chat["timeCreated"].text());
  answer.service_tier = chat["serviceTier"].string();
  const JsonValue choice = *chat["choices"].begin();
  // Absent when a model that reasons has used up its tokens before it said anything.
  if (!choice["message"].null()) {
    Result<std::vector<llm::Part>> parts = ReadAssistant(choice["message"]);
    if (!parts) return Garbage(parts.error().message);
    answer.parts = *std::move(parts);
  }
  answer.raw_finish = choice["finishReason"].string();
  answer.finish = FinishOf(answer.raw_finish);
  UsageCount usage;
  usage.Read(choice["usage"]);
  usage.Read(chat["usage"]);
  answer.usage = usage.Disjoint();
  answer.logprobs = ReadLogprobs(choice["logprobs"]);
  return answer;
}

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) {
  JsonWriter json;
  json.Begin('{');
  json.Member("modelId", answer.model.empty() ? context.model : answer.model);
  json.Member("modelVersion", "1.0");
  json.Key("chatResponse");
  json.Begin('{');
  json.Member("apiFormat", "GENERIC");
  json.Member("timeCreated", TimeOf(answer.created != 0 ? answer.created : context.created));
  json.Key("choices");
  json.Begin('[');
  json.Begin('{');
  json.Member("index", std::int64_t{0});
  json.Key("message");
  json.Begin('{');
  json.Member("role", "ASSISTANT");
  WriteAssistant(json, answer.parts);
  json.End('}');
  json.Member("finishReason", FinishWord(answer));
  json.Key("logprobs");
  if (answer.logprobs.empty()) {
    json.Null();
  } else {
    WriteLogprobs(json, answer.logprobs);
  }
  json.End('}');
  json.End(']');
  if (answer.usage) {
    json.Key("usage");
    WriteUsage(json, *answer.usage);
  }
  if (!answer.service_tier.empty()) json.Member("serviceTier", answer.service_tier);
  json.End('}');
  json.End('}');
  return json.Take();
}

// https://docs.oracle.com/iaas/Content/API/References/apierrors.htm
std::string ErrorBody(const Error& error, int status) {
  std::string_view code = "InternalServerError";
  switch (status) {
    case 400: code = "InvalidParameter"; break;
    case 401: code = "NotAuthenticated"; break;
    case 402: code = "QuotaExceeded"; break;
    case 403: code = "NotAllowed"; break;
    case 404: code = "NotAuthorizedOrNotFound"; break;
    case 408: code = "RequestTimeout"; break;
    case 413: code = "PayloadTooLarge"; break;
    case 429: code = "TooManyRequests"; break;
    case 501: code = "MethodNotImplemented"; break;
    case 503: code = "ServiceUnavailable"; break;
    case 504: code = "GatewayTimeout"; break;
    default:
      if (status < 500) code = "InvalidParameter";
      break;
  }
  JsonWriter json;
  json.Begin('{');
  json.Member("code", code);
  json.Member("message", error.message);
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::oci
