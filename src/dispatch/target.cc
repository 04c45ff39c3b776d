#include "dispatch/target.h"

#include <algorithm>
#include <utility>

namespace triage::dispatch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A person has to act on refused credentials; asking now and then finds out that one has.
constexpr std::chrono::minutes kRetired{5};
// A first token later than this many times the usual (p95) is slow.
constexpr int kSlowFactor = 3;
// Below this, waiting is no trouble, however fast the model usually is.
constexpr std::chrono::seconds kSlowLeast{1};

/// What an error says about the endpoint.
enum class Fault : std::uint8_t { kNobodys, kClients, kLimit, kCredential, kEndpoint };

Fault FaultOf(const Error& error) {
  if (error.upstream_status == 401 || error.upstream_status == 403) return Fault::kCredential;
  switch (error.code) {
    case ErrorCode::kCancelled: return Fault::kNobodys;
    case ErrorCode::kRateLimited: return Fault::kLimit;
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kTooLarge:
    case ErrorCode::kContextLength:
    case ErrorCode::kNotFound:
    case ErrorCode::kForbidden:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kBudgetExceeded: return Fault::kClients;
    case ErrorCode::kUnsupported:
    case ErrorCode::kUnacceptable:
    case ErrorCode::kInternal:
    case ErrorCode::kIo: return Fault::kNobodys;
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUpstream:
    case ErrorCode::kProtocol: return Fault::kEndpoint;
  }
  return Fault::kEndpoint;
}

}  // namespace

std::string_view Name(Target::Refusal refusal) {
  switch (refusal) {
    case Target::Refusal::kNone: return "none";
    case Target::Refusal::kOpen: return "breaker_open";
    case Target::Refusal::kLimited: return "rate_limited";
    case Target::Refusal::kRetired: return "credentials_refused";
    case Target::Refusal::kProbing: return "breaker_open";
  }
  return "none";
}

Target::Target(std::size_t credentials, BreakerOptions options, Watch watch)
    : options_(options),
      watch_(std::move(watch)),
      credentials_(std::max<std::size_t>(credentials, 1),
                   Credential{.breaker = Breaker(options), .limiter = {}}) {}

void Target::Notice(std::size_t index, SteadyTime now) {
  Credential& credential = credentials_[index];
  const Breaker::State state = credential.breaker.state(now);
  if (state == credential.seen) return;
  const Transition transition{
      .credential = index,
      .from = credential.seen,
      .to = state,
      .open_for = state == Breaker::State::kOpen
                      ? std::chrono::ceil<milliseconds>(credential.breaker.open_until() - now)
                      : milliseconds(0)};
  credential.seen = state;
  ++counts_.transitions[static_cast<std::size_t>(state)];
  if (watch_) watch_(transition);
}

Target::Answer Target::Consider(Credential& credential, SteadyTime now, std::int64_t tokens,
                                double chance) {
  if (credential.retired_until > now) {
    return {.ticket = {}, .refusal = Refusal::kRetired, .retry_at = credential.retired_until};
  }
  const SteadyTime start = credential.limiter.EarliestStart(now, tokens);
  if (start > now) return {.ticket = {}, .refusal = Refusal::kLimited, .retry_at = start};
  const Breaker::Permit permit = credential.breaker.Ask(now, chance);
  if (permit == Breaker::Permit::kNo) {
    const SteadyTime soon = now + std::chrono::seconds(1);  // a probe or the ramp decides
    return {.ticket = {},
            .refusal = Refusal::kOpen,
            .retry_at = std::max(credential.breaker.open_until(), soon)};
  }
  credential.limiter.Started(now, tokens);
  return {.ticket = Ticket{.permit = permit}};
}

Target::Answer Target::Ask(SteadyTime now, std::int64_t tokens, double chance) {
  const std::lock_guard lock(mutex_);
  Answer best;
  for (std::size_t i = 0; i < credentials_.size(); ++i) {
    const std::size_t index = (turn_ + i) % credentials_.size();
    Answer answer = Consider(credentials_[index], now, tokens, chance);
    Notice(index, now);
    if (answer.ticket) {
      answer.ticket->credential = index;
      turn_ = index + 1;
      ++in_flight_;
      return answer;
    }
    if (best.refusal == Refusal::kNone || answer.retry_at < best.retry_at) best = answer;
  }
  if (best.refusal == Refusal::kLimited) ++counts_.limited;
  return best;
}

Target::Answer Target::AskLast(SteadyTime now, std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  Answer best;
  Credential* least_bad = nullptr;
  for (Credential& credential : credentials_) {
    const SteadyTime start = credential.limiter.EarliestStart(now, 0);
    if (credential.retired_until <= now && start <= now) {
      if (least_bad == nullptr || credential.breaker.open_until() < least_bad->breaker.open_until())
        least_bad = &credential;
      continue;
    }
    const bool retired = credential.retired_until > now;
    const SteadyTime at = retired ? credential.retired_until : start;
    if (best.refusal != Refusal::kNone && best.retry_at <= at) continue;
    best.refusal = retired ? Refusal::kRetired : Refusal::kLimited;
    best.retry_at = at;
  }
  if (least_bad == nullptr) return best;
  const auto index = static_cast<std::size_t>(least_bad - credentials_.data());
  const Breaker::Permit permit = least_bad->breaker.AskLast(now);
  Notice(index, now);
  if (permit == Breaker::Permit::kNo) {
    return {.ticket = {},
            .refusal = Refusal::kProbing,
            .retry_at = least_bad->breaker.open_until(),
            .failed_probes = failed_probes_};
  }
  least_bad->limiter.Started(now, tokens);
  ++in_flight_;
  ++counts_.last_resorts;
  return {.ticket = Ticket{.permit = permit, .credential = index}};
}

bool Target::MayPass(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(credentials_.begin(), credentials_.end(), [&](const Credential& credential) {
    return credential.retired_until <= now && credential.breaker.MayPass(now) &&
           credential.limiter.EarliestStart(now, 0) <= now;
  });
}

void Target::Began(Ticket& ticket, SteadyTime now, const RateLimits& limits) {
  const std::lock_guard lock(mutex_);
  Credential& credential = credentials_[ticket.credential];
  credential.limiter.Accepted();
  credential.limiter.Learned(now, limits);
  credential.breaker.Began(ticket.permit, now);
  Notice(ticket.credential, now);
}

void Target::Succeeded(const Ticket& ticket, SteadyTime now, microseconds first_token,
                       double chance) {
  const std::lock_guard lock(mutex_);
  Credential& credential = credentials_[ticket.credential];
  --in_flight_;
  Latency& latency = latency_[static_cast<std::size_t>(ticket.kind)];
  const auto usual = latency.Usual(0.95);
  const bool slow = usual && first_token > kSlowLeast && first_token > *usual * kSlowFactor;
  latency.Add(now, first_token);
  credential.limiter.Accepted();
  credential.breaker.Succeeded(ticket.permit, now, slow, chance);
  Notice(ticket.credential, now);
}

void Target::Failed(const Ticket& ticket, SteadyTime now, const Error& error,
                    const RateLimits& limits, double chance) {
  const std::lock_guard lock(mutex_);
  Credential& credential = credentials_[ticket.credential];
  --in_flight_;
  credential.limiter.Learned(now, limits);
  switch (FaultOf(error)) {
    case Fault::kNobodys: credential.breaker.Abandoned(ticket.permit); break;
    case Fault::kClients:
      credential.limiter.Accepted();
      credential.breaker.Succeeded(ticket.permit, now, false, chance);
      break;
    case Fault::kLimit:
      credential.limiter.Refused(now, error.retry_after);
      credential.breaker.Abandoned(ticket.permit);
      break;
    case Fault::kCredential:
      credential.retired_until = now + kRetired;
      credential.breaker.Abandoned(ticket.permit);
      break;
    case Fault::kEndpoint:
      if (ticket.permit == Breaker::Permit::kProbe) ++failed_probes_;
      credential.breaker.Failed(ticket.permit, now, error.retry_after, chance);
      break;
  }
  Notice(ticket.credential, now);
}

void Target::Abandoned(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  credentials_[ticket.credential].breaker.Abandoned(ticket.permit);
}

microseconds Target::Load(SteadyTime now, AnswerKind kind) const {
  const std::lock_guard lock(mutex_);
  // A model of which nothing is known is worth trying, but not with everything at once.
  constexpr microseconds kUnknown{1'000};
  return std::max(latency_[static_cast<std::size_t>(kind)].Expected(now), kUnknown) *
         (in_flight_ + 1);
}

std::optional<microseconds> Target::UsualFirstToken(AnswerKind kind) const {
  const std::lock_guard lock(mutex_);
  return latency_[static_cast<std::size_t>(kind)].Usual(0.95);
}

Target::View Target::Look(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  View view{.state = Breaker::State::kOpen, .in_flight = in_flight_};
  bool first = true;
  for (const Credential& credential : credentials_) {
    if (credential.retired_until > now) ++view.retired;
    const Breaker::State state = credential.breaker.state(now);
    const SteadyTime at = std::max({credential.retired_until, credential.breaker.open_until(),
                                    credential.limiter.blocked_until()});
    if (first || at < view.retry_at) view.retry_at = at;
    if (first || state == Breaker::State::kClosed) view.state = state;
    first = false;
  }
  return view;
}

void Target::WaitsForLimit() {
  const std::lock_guard lock(mutex_);
  ++counts_.limit_waits;
}

Breaker::State Target::StateOf(std::size_t credential, SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  return credentials_[credential].breaker.state(now);
}

Target::Counts Target::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace triage::dispatch
