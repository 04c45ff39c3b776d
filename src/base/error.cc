#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace triage {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRequest: return "invalid_request";
    case ErrorCode::kUnauthorized: return "unauthorized";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kContextLength: return "context_length";
    case ErrorCode::kRateLimited: return "rate_limited";
    case ErrorCode::kBudgetExceeded: return "budget_exceeded";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kUpstream: return "upstream";
    case ErrorCode::kProtocol: return "protocol";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kUnacceptable: return "unacceptable";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Error WithContext(Error error, std::string_view context) {
  std::string detail(context);
  if (!error.detail.empty()) detail.append(": ").append(error.detail);
  error.detail = std::move(detail);
  return error;
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "triage: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace triage
