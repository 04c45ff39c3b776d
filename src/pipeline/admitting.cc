#include "pipeline/admitting.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace triage::pipeline {
namespace {

using std::chrono::milliseconds;

bool Names(const std::vector<std::string>& names, const std::string& value) {
  return !names.empty() && std::find(names.begin(), names.end(), value) != names.end();
}

std::uint64_t ClientOf(config::Admission::Client kind, const llm::Context& context) {
  const std::hash<std::string_view> hash;
  switch (kind) {
    case config::Admission::Client::kCredential: return context.client;
    case config::Admission::Client::kUser: return hash(context.user);
    case config::Admission::Client::kTeam: return hash(context.team);
    case config::Admission::Client::kFeature: return hash(context.feature);
  }
  return 0;
}

}  // namespace

admit::Priority PriorityOf(const config::Admission& admission, const llm::Context& context) {
  const config::Admission::Bulk& bulk = admission.bulk;
  const bool is_bulk = context.impact == llm::Impact::kLow ||
                       Names(bulk.feature, context.feature) || Names(bulk.team, context.team) ||
                       Names(bulk.user, context.user);
  return is_bulk ? admit::Priority::kBulk : admit::Priority::kInteractive;
}

Place::~Place() {
  if (in_) worker_.gate.Leave();
}

Place::Entry Place::Enter(const config::Admission& admission, const llm::Context& context,
                          admit::Priority priority) {
  priority_ = priority;
  if (admission.per_client > 0) {
    client_ = worker_.clients.Take(ClientOf(admission.client, context), admission.per_client);
    if (!client_) return Entry::kRefused;
  }
  in_ = worker_.gate.TryEnter(priority);
  return in_ ? Entry::kIn : Entry::kMustWait;
}

Task<Result<void>> Place::Wait(SteadyTime deadline, CancelScope& client_gone) {
  admit::Gate::Waiter waiter;
  const admit::Refusal refusal = worker_.gate.Queue(priority_, deadline, waiter);
  if (refusal != admit::Refusal::kNone) co_return Refused(refusal);
  if (!client_gone.cancelled()) {
    client_gone.SetWaiter([](void* wake) { static_cast<CancelScope*>(wake)->Cancel(); },
                          &waiter.wake());
    const auto left = std::chrono::ceil<milliseconds>(waiter.until() - worker_.clock.Now());
    co_await worker_.timer.Sleep(std::max(left, milliseconds(0)), waiter.wake());
    client_gone.ClearWaiter();
  }
  const admit::Refusal outcome = worker_.gate.Finish(waiter);
  in_ = outcome == admit::Refusal::kNone;
  if (client_gone.cancelled()) {
    co_return Error{.code = ErrorCode::kCancelled, .message = "the client has gone"};
  }
  if (!in_) co_return Refused(outcome);
  worker_.admission.Waited(priority_, worker_.gate.Waited(waiter));
  co_return Result<void>();
}

Error Place::Refused(admit::Refusal refusal) {
  worker_.admission.Refused(priority_, refusal);
  if (refusal == admit::Refusal::kClientLimit) {
    return Error{.code = ErrorCode::kRateLimited,
                 .message = "too many requests of this client are under way; wait for one to end",
                 .detail = "admission: client_limit",
                 .retry_after = milliseconds(1'000)};
  }
  // Up to twice the expected wait, so that those who were turned away together do not all come
  // back together.
  const milliseconds wait = worker_.gate.RetryAfter();
  const auto extra = std::chrono::duration_cast<milliseconds>(wait * worker_.random.Uniform());
  return Error{.code = ErrorCode::kUnavailable,
               .message = "too many requests are waiting; try again later",
               .detail = "admission: " + std::string(admit::Name(refusal)),
               .retry_after = wait + extra};
}

}  // namespace triage::pipeline
