#include "api/error_response.h"

#include <string>
#include <vector>

#include "wire/openai_errors.h"

namespace triage::api {

int StatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidRequest:
      return error.upstream_status >= 400 && error.upstream_status < 500 ? error.upstream_status
                                                                         : 400;
    case ErrorCode::kUnauthorized: return 401;
    case ErrorCode::kBudgetExceeded: return 402;
    case ErrorCode::kForbidden: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kUnsupported: return 422;
    case ErrorCode::kRateLimited: return 429;
    case ErrorCode::kCancelled: return 499;
    case ErrorCode::kInternal:
    case ErrorCode::kIo: return 500;
    case ErrorCode::kUpstream:
    case ErrorCode::kProtocol: return 502;
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kTimeout: return 504;
  }
  return 500;
}

Task<Result<void>> SendError(net::ResponseWriter& writer, const Error& error,
                             std::span<const net::Header> headers) {
  std::vector<net::Header> all(headers.begin(), headers.end());
  all.push_back({"Content-Type", "application/json"});
  std::string retry_after;
  if (error.retry_after) {
    // Whole seconds, upwards: coming back too early would only be refused again.
    retry_after = std::to_string((error.retry_after->count() + 999) / 1000);
    all.push_back({"Retry-After", retry_after});
  }
  const std::string body = wire::ErrorBody(error);
  Result<void> sent = co_await writer.Send(StatusOf(error), all, body);
  co_return sent;
}

}  // namespace triage::api
