#include "dispatch/dispatch.h"

#include <algorithm>
#include <string>

namespace triage::dispatch {
namespace {

using std::chrono::milliseconds;

/// The sum of all failures for a client that can do nothing but wait or give up.
Error Exhausted(std::span<const Candidate> candidates, std::span<const Trace> traces) {
  if (traces.size() == 1) return *traces.front().error;
  Error sum{.code = traces.front().error->code, .message = "no model could answer: "};
  for (const Trace& trace : traces) {
    if (&trace != traces.data()) sum.message.append("; ");
    sum.message.append(candidates[static_cast<std::size_t>(trace.candidate)].name);
    sum.message.append(" ").append(Name(trace.error->code));
    if (trace.error->code != sum.code) sum.code = ErrorCode::kUnavailable;
    if (const auto& wait = trace.error->retry_after;
        wait && (!sum.retry_after || *wait < *sum.retry_after)) {
      sum.retry_after = wait;
    }
    sum.upstream_status = trace.error->upstream_status;
  }
  if (sum.code == ErrorCode::kUpstream) sum.code = ErrorCode::kUnavailable;
  return sum;
}

}  // namespace

bool WorthFallingBack(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kRateLimited:
    case ErrorCode::kUpstream:
    case ErrorCode::kProtocol:
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnsupported:  // this model's dialect cannot say it; another's may
    case ErrorCode::kIo: return true;
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
    case ErrorCode::kNotFound:
    case ErrorCode::kBudgetExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal: return false;
  }
  return false;
}

Task<Result<Begun>> Dispatch(const llm::Request& request, std::span<const Candidate> candidates,
                             const Options& options, CancelScope& cancel, const Clock& clock,
                             std::vector<Trace>& traces) {
  if (candidates.empty()) {
    co_return Error{.code = ErrorCode::kUnavailable,
                    .message = "no model is configured for this request"};
  }
  const std::size_t most =
      std::min(candidates.size(), static_cast<std::size_t>(std::max(options.max_attempts, 1)));
  for (std::size_t i = 0; i < most; ++i) {
    if (cancel.cancelled())
      co_return Error{.code = ErrorCode::kCancelled, .message = "the client has gone"};
    const SteadyTime started = clock.Now();
    llm::AttemptLimits limits = candidates[i].limits;
    if (options.deadline != SteadyTime::max()) {
      const auto left = std::chrono::duration_cast<milliseconds>(options.deadline - started);
      if (left.count() <= 0) break;
      limits.total = limits.total.count() == 0 ? left : std::min(limits.total, left);
    }
    const llm::Call call{.request = &request,
                         .model = candidates[i].provider_model,
                         .limits = limits,
                         .cancel = candidates[i].drains ? options.drain_cancel : &cancel};
    traces.push_back({.candidate = static_cast<int>(i),
                      .error = {},
                      .timing = {},
                      .started = started,
                      .ended = started});
    // An index, not a reference: the vector belongs to the caller and may move.
    const std::size_t at = traces.size() - 1;
    llm::CallTiming timing;
    Result<std::unique_ptr<llm::Reply>> reply =
        co_await candidates[i].provider->Start(call, timing);
    traces[at].timing = timing;
    traces[at].ended = clock.Now();
    if (reply) co_return Begun{.reply = std::move(*reply), .candidate = static_cast<int>(i)};
    traces[at].error = reply.error();
    if (!WorthFallingBack(reply.error())) co_return reply.error();
  }
  if (traces.empty())
    co_return Error{.code = ErrorCode::kTimeout,
                    .message = "the deadline passed before any attempt"};
  co_return Exhausted(candidates, traces);
}

}  // namespace triage::dispatch
