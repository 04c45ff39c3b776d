#include "api/error_response.h"

#include <string>
#include <vector>

#include "wire/codec.h"

namespace triage::api {

int StatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidRequest:
      return error.upstream_status >= 400 && error.upstream_status < 500 ? error.upstream_status
                                                                         : 400;
    case ErrorCode::kContextLength: return 400;
    case ErrorCode::kUnauthorized: return 401;
    case ErrorCode::kBudgetExceeded: return 402;
    case ErrorCode::kForbidden: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kUnsupported:
    case ErrorCode::kUnacceptable: return 422;
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

Task<Result<void>> SendError(net::ResponseWriter& writer, llm::Dialect dialect, const Error& error,
                             std::string_view id, std::span<const net::Header> headers) {
  std::vector<net::Header> all(headers.begin(), headers.end());
  all.push_back({"Content-Type", "application/json"});
  std::string retry_after;
  if (error.retry_after) {
    // Whole seconds, upwards: coming back too early would only be refused again.
    retry_after = std::to_string((error.retry_after->count() + 999) / 1000);
    all.push_back({"Retry-After", retry_after});
  }
  for (const auto& [name, value] : error.headers) all.push_back({name, value});
  const int status = StatusOf(error);
  const std::string body = wire::CodecOf(dialect).WriteError(error, status, id);
  Result<void> sent = co_await writer.Send(status, all, body);
  co_return sent;
}

}  // namespace triage::api
