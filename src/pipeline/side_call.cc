#include "pipeline/side_call.h"

#include <algorithm>
#include <utility>

#include "prices/text_size.h"
#include "wire/client_request.h"
#include "wire/codec.h"

namespace triage::pipeline {
namespace {

/// Of an answer's body; an honest one has a few hundred bytes.
constexpr std::size_t kMostAnswer = 64 * 1024;

std::chrono::microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

}  // namespace

SideCall::SideCall(std::shared_ptr<const Bound> bound, int model)
    : bound_(std::move(bound)), model_(static_cast<std::size_t>(model)) {}

Result<void> SideCall::Write(const llm::Conversation& conversation) {
  Result<wire::WrittenRequest> written =
      wire::CodecOf(llm::Dialect::kOpenAiChat)
          .WriteRequest(conversation, option().provider_model, {});
  if (!written) return std::move(written).error();
  Result<void> read =
      wire::ReadClientRequest(llm::Dialect::kOpenAiChat, std::move(written->body), {}, request_);
  if (!read) return read;
  tokens_in_ = model().window->Tokens(prices::Measure(request_)).tokens;
  return {};
}

/// Calls the model and takes its whole answer.
Task<Result<std::string>> SideCall::Call(std::chrono::milliseconds most, std::size_t credential) {
  llm::AttemptLimits limits = model().limits;
  limits.total = limits.total.count() == 0 ? most : std::min(limits.total, most);
  const llm::Call call{.request = &request_,
                       .model = option().provider_model,
                       .limits = limits,
                       .cancel = &cancel_,
                       .credential = credential};
  Result<std::unique_ptr<llm::Reply>> begun =
      co_await bound_->providers[model_]->Start(call, timing_);
  if (!begun) {
    account_ = AccountForFailure(model().prices.At(time_), begun.error(), tokens_in_);
    status_ = begun.error().upstream_status;
    co_return std::move(begun).error();
  }
  const std::unique_ptr<llm::Reply> reply = std::move(*begun);
  status_ = reply->status();
  std::string body;
  std::optional<Error> error;
  while (!error) {
    const Result<std::string_view> bytes = co_await reply->Next();
    if (!bytes) {
      error = bytes.error();
    } else if (bytes->empty()) {
      break;
    } else if (body.size() + bytes->size() > kMostAnswer) {
      error = Error{.code = ErrorCode::kUpstream, .message = "the answer is too long"};
    } else {
      body += *bytes;
    }
  }
  account_ = AccountForAnswer(model().prices.At(time_), reply->summary(), tokens_in_, body.size());
  if (error) co_return *std::move(error);
  co_return std::move(body);
}

Task<std::optional<llm::Answer>> SideCall::Run(Worker& worker, std::chrono::milliseconds most,
                                               observe::Counter* cost) {
  began_ = worker.clock.Now();
  time_ = worker.clock.WallNow();
  const double chance = worker.random.Uniform();
  dispatch::Target* target = model().target.get();
  std::optional<dispatch::Target::Ticket> ticket;
  if (target != nullptr) {
    const auto leave = target->Ask(began_, tokens_in_, chance);
    ticket = leave.ticket;
    if (!ticket) {
      error_ = Error{.code = ErrorCode::kUnavailable,
                     .message = std::string(dispatch::Name(leave.refusal))};
    }
  }
  std::optional<llm::Answer> answer;
  if (!error_) {
    called_ = true;
    Result<std::string> body = co_await Call(most, ticket ? ticket->credential : 0);
    if (body) {
      Result<llm::Answer> read = wire::CodecOf(llm::Dialect::kOpenAiChat).ReadAnswer(*body);
      if (read) answer = *std::move(read);
    } else {
      error_ = std::move(body).error();
    }
  }
  ended_ = worker.clock.Now();
  if (ticket) Close(*target, *ticket, worker.clock, chance);
  if (called_) {
    observe::ModelMetrics& metrics = *model().metrics;
    metrics.Attempt(error_ ? observe::Outcome(error_->code) : std::nullopt,
                    Between(began_, ended_));
    if (const auto& usage = account_.usage)
      metrics.Tokens(usage->TotalInput(), usage->TotalOutput());
    if (cost != nullptr && account_.cost)
      cost->Add(static_cast<std::uint64_t>(account_.cost->value()));
  }
  done_ = true;
  co_return answer;
}

/// Closes the ticket. The time of so short an answer says nothing of usual ones, so that only
/// failures of the endpoint are told; one that we cut off is none.
void SideCall::Close(dispatch::Target& target, dispatch::Target::Ticket ticket, const Clock& clock,
                     double chance) const {
  const SteadyTime now = clock.Now();
  if (error_ && error_->code != ErrorCode::kTimeout) {
    const auto limits = dispatch::ReadRateLimits(error_->headers, clock.WallNow());
    target.Failed(ticket, now, *error_, limits, chance);
    return;
  }
  if (!error_) target.Began(ticket, now, dispatch::ReadRateLimits(timing_.limits, clock.WallNow()));
  target.Abandoned(ticket);
}

ledger::Attempt SideCall::Booked(ledger::AttemptKind kind, SteadyTime exchange_began) const {
  const Error cut{.code = ErrorCode::kCancelled, .message = "not waited for any longer"};
  const Account account =
      done_ ? account_ : AccountForFailure(model().prices.At(time_), cut, tokens_in_);
  ledger::Attempt attempt;
  attempt.kind = kind;
  attempt.provider = option().provider;
  attempt.model = option().name;
  attempt.status = status_;
  if (const Error* error = !done_ ? &cut : error_ ? &*error_ : nullptr)
    attempt.error = Name(error->code);
  attempt.usage = account.usage;
  attempt.cost = account.cost;
  attempt.cost_estimated = account.estimated;
  attempt.started = std::max(Between(exchange_began, began_), {});
  attempt.connect = timing_.connect;
  attempt.first_byte = timing_.first_byte;
  if (done_) attempt.total = Between(began_, ended_);
  return attempt;
}

}  // namespace triage::pipeline
