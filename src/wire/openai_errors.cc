#include "wire/openai_errors.h"

#include <string_view>

#include <fmt/format.h>

#include "wire/json.h"

namespace triage::wire {
namespace {

struct Kind {
  std::string_view type;
  std::string_view code;
};

// OpenAI's own words where it has them: its SDKs and their users switch on these.
Kind KindOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidRequest: return {"invalid_request_error", "invalid_request"};
    case ErrorCode::kUnauthorized: return {"invalid_request_error", "invalid_api_key"};
    case ErrorCode::kForbidden: return {"invalid_request_error", "forbidden"};
    case ErrorCode::kNotFound:
      return {"invalid_request_error", error.field == "/model" ? "model_not_found" : "not_found"};
    case ErrorCode::kTooLarge: return {"invalid_request_error", "request_too_large"};
    case ErrorCode::kContextLength: return {"invalid_request_error", "context_length_exceeded"};
    case ErrorCode::kRateLimited: return {"rate_limit_error", "rate_limit_exceeded"};
    case ErrorCode::kBudgetExceeded: return {"insufficient_quota", "insufficient_quota"};
    case ErrorCode::kUnsupported: return {"invalid_request_error", "unsupported"};
    case ErrorCode::kUnacceptable: return {"server_error", "answer_rejected"};
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUpstream:
    case ErrorCode::kProtocol:
    case ErrorCode::kIo:
    case ErrorCode::kInternal: return {"server_error", Name(error.code)};
  }
  return {"server_error", "internal"};
}

}  // namespace

std::string ErrorBody(const Error& error) {
  const Kind kind = KindOf(error);
  std::string out = R"({"error":{"message":)";
  AppendJsonString(out, error.message);
  out += R"(,"type":)";
  AppendJsonString(out, kind.type);
  out += R"(,"param":)";
  if (error.field.empty()) {
    out += "null";
  } else {
    AppendJsonString(out, error.field);
  }
  out += R"(,"code":)";
  AppendJsonString(out, kind.code);
  out += "}}";
  return out;
}

std::string StreamErrorEvent(const Error& error) {
  return fmt::format("data: {}\n\n", ErrorBody(error));
}

std::string ModelBody(const ListedModel& model) {
  return fmt::format(R"({{"id":{},"object":"model","created":{},"owned_by":{}}})",
                     JsonString(model.id), model.created, JsonString(model.owned_by));
}

std::string ModelsBody(std::span<const ListedModel> models) {
  std::string out = R"({"object":"list","data":[)";
  for (const ListedModel& model : models) {
    if (&model != models.data()) out += ',';
    out += ModelBody(model);
  }
  out += "]}";
  return out;
}

}  // namespace triage::wire
