#include "simulate/failure.h"

#include <fmt/format.h>

namespace triage::simulate {

namespace {

using llm::Dialect;

ErrorCode CodeOf(int status) {
  switch (status) {
    case 401: return ErrorCode::kUnauthorized;
    case 403: return ErrorCode::kForbidden;
    case 404: return ErrorCode::kNotFound;
    case 413: return ErrorCode::kTooLarge;
    case 429: return ErrorCode::kRateLimited;
    default: return status < 500 ? ErrorCode::kInvalidRequest : ErrorCode::kUpstream;
  }
}

std::string RateLimited(Dialect dialect, std::string_view model) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
      return fmt::format("Rate limit reached for {}. Please try again later.", model);
    case Dialect::kAnthropic:
      return "This request would exceed your organization's rate limit. Please try again later.";
    case Dialect::kGemini: return "Resource has been exhausted (e.g. check quota).";
    case Dialect::kBedrock: return "Too many requests, please wait before trying again.";
    case Dialect::kOci: return "Too many requests for the user";
  }
  return "";
}

std::string Overloaded(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
      return "The engine is currently overloaded, please try again later.";
    case Dialect::kAnthropic: return "Overloaded";
    case Dialect::kGemini: return "The model is overloaded. Please try again later.";
    case Dialect::kBedrock: return "Bedrock is unable to process your request.";
    case Dialect::kOci: return "The service is currently unavailable.";
  }
  return "";
}

std::string Broken(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
      return "The server had an error while processing your request. Sorry about that!";
    case Dialect::kAnthropic: return "Internal server error";
    case Dialect::kGemini:
      return "An internal error has occurred. Please retry or report in "
             "https://developers.generativeai.google/guide/troubleshooting";
    case Dialect::kBedrock:
      return "The system encountered an unexpected error during processing. Try your request "
             "again.";
    case Dialect::kOci: return "Internal Server Error";
  }
  return "";
}

}  // namespace

Failure FailureOf(Dialect dialect, int status, std::string_view model) {
  Failure failure{status, Error{.code = CodeOf(status), .message = {}, .upstream_status = status}};
  if (status == 401 || status == 403)
    failure.error.message = WrongKey(dialect).error.message;
  else if (status == 404)
    failure.error.message = NoSuchModel(dialect, model).error.message;
  else if (status == 429)
    failure.error.message = RateLimited(dialect, model);
  else if (status == 500)
    failure.error.message = Broken(dialect);
  else if (status == 503 || status == 529)
    failure.error.message = Overloaded(dialect);
  else
    failure.error.message = fmt::format("Simulated failure with status {}.", status);
  return failure;
}

Failure WrongKey(Dialect dialect) {
  const auto failure = [](int status, ErrorCode code, std::string message) {
    return Failure{status, Error{.code = code, .message = std::move(message)}};
  };
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
      return failure(401, ErrorCode::kUnauthorized, "Incorrect API key provided.");
    case Dialect::kAnthropic: return failure(401, ErrorCode::kUnauthorized, "invalid x-api-key");
    case Dialect::kGemini:
      return failure(400, ErrorCode::kInvalidRequest,
                     "API key not valid. Please pass a valid API key.");
    case Dialect::kBedrock:
      return failure(403, ErrorCode::kForbidden,
                     "The security token included in the request is invalid.");
    case Dialect::kOci:
      return failure(401, ErrorCode::kUnauthorized,
                     "The required information to complete authentication was not provided or was "
                     "incorrect.");
  }
  return failure(401, ErrorCode::kUnauthorized, "");
}

Failure NoSuchModel(Dialect dialect, std::string_view model) {
  const auto failure = [](int status, std::string message) {
    return Failure{status, Error{.code = CodeOf(status),
                                 .message = std::move(message),
                                 .field = status == 404 ? "/model" : ""}};
  };
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
      return failure(404, fmt::format("The model `{}` does not exist or you do not have access to "
                                      "it.",
                                      model));
    case Dialect::kAnthropic: return failure(404, fmt::format("model: {}", model));
    case Dialect::kGemini:
      return failure(404, fmt::format("models/{} is not found for API version v1beta, or is not "
                                      "supported for generateContent.",
                                      model));
    case Dialect::kBedrock: return failure(400, "The provided model identifier is invalid.");
    case Dialect::kOci: return failure(404, fmt::format("Entity with key {} not found", model));
  }
  return failure(404, "");
}

Failure BadRequest(Error error) {
  return Failure{error.code == ErrorCode::kTooLarge ? 413 : 400, std::move(error)};
}

}  // namespace triage::simulate
