#include "pipeline/judging.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "decide/serving.h"
#include "judge/framing.h"
#include "judge/parse.h"
#include "pipeline/account.h"
#include "pipeline/deciding.h"
#include "wire/client_request.h"
#include "wire/codec.h"

namespace triage::pipeline {

struct Asking {
  explicit Asking(std::shared_ptr<const Bound> from) : bound(std::move(from)) {}

  const Judge& judge() const { return *bound->snapshot->judge; }

  std::size_t index() const { return static_cast<std::size_t>(judge().model); }

  const ModelView& model() const { return bound->snapshot->models[index()]; }

  const decide::ModelOption& option() const { return bound->snapshot->options.models[index()]; }

  std::shared_ptr<const Bound> bound;
  judge::QuestionKey key;
  judge::Question question;
  llm::Request request;
  std::int64_t tokens_in = 0;

  CancelScope cancel;                 // of the call
  std::vector<CancelScope*> waiting;  // to be cancelled when it is done
  int interested = 0;                 // exchanges that have not left
  bool booked = false;

  bool called = false;  // not, where its breaker or limiter was against it
  bool done = false;
  std::optional<double> probability;
  std::optional<Error> error;  // of the call; an unusable answer is none
  llm::CallTiming timing;
  int status = 0;
  Account account;
  SteadyTime began;
  SteadyTime ended;
};

namespace {

using std::chrono::milliseconds;

/// How long after its deadline a call may go on to become a late answer.
constexpr milliseconds kGrace{3'000};
/// Of an answer's body; an honest one has a few hundred bytes.
constexpr std::size_t kMostAnswer = 64 * 1024;

std::chrono::microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

void Stands(decide::Decision& decision, std::string why) {
  decision.steps.push_back({.kind = decide::StepKind::kJudge,
                            .from = decision.tier,
                            .to = decision.tier,
                            .reason = std::move(why)});
}

/// The question as a request that a provider of any dialect can be called with.
Result<void> WriteRequest(Asking& asking) {
  const wire::Codec& codec = wire::CodecOf(llm::Dialect::kOpenAiChat);
  Result<wire::WrittenRequest> written =
      codec.WriteRequest(asking.question.conversation, asking.option().provider_model, {});
  if (!written) return std::move(written).error();
  Result<void> read = wire::ReadClientRequest(llm::Dialect::kOpenAiChat, std::move(written->body),
                                              {}, asking.request);
  if (!read) return read;
  asking.tokens_in = asking.model().window->Tokens(prices::Measure(asking.request)).tokens;
  return {};
}

llm::AttemptLimits LimitsOf(const Asking& asking) {
  llm::AttemptLimits limits = asking.model().limits;
  const milliseconds most = asking.judge().deadline + kGrace;
  limits.total = limits.total.count() == 0 ? most : std::min(limits.total, most);
  return limits;
}

/// Calls the model and takes its whole answer.
Task<Result<std::string>> Call(Asking& asking, std::size_t credential) {
  const llm::Call call{.request = &asking.request,
                       .model = asking.option().provider_model,
                       .limits = LimitsOf(asking),
                       .cancel = &asking.cancel,
                       .credential = credential};
  llm::Provider* provider = asking.bound->providers[asking.index()];
  Result<std::unique_ptr<llm::Reply>> begun = co_await provider->Start(call, asking.timing);
  if (!begun) {
    asking.account = AccountForFailure(asking.model().prices, begun.error(), asking.tokens_in);
    asking.status = begun.error().upstream_status;
    co_return std::move(begun).error();
  }
  const std::unique_ptr<llm::Reply> reply = std::move(*begun);
  asking.status = reply->status();
  std::string body;
  std::optional<Error> error;
  while (!error) {
    const Result<std::string_view> bytes = co_await reply->Next();
    if (!bytes) {
      error = bytes.error();
    } else if (bytes->empty()) {
      break;
    } else if (body.size() + bytes->size() > kMostAnswer) {
      error = Error{.code = ErrorCode::kUpstream, .message = "the judge's answer is too long"};
    } else {
      body += *bytes;
    }
  }
  asking.account =
      AccountForAnswer(asking.model().prices, reply->summary(), asking.tokens_in, body.size());
  if (error) co_return *std::move(error);
  co_return std::move(body);
}

/// Nothing where the answer is not what was asked for.
std::optional<double> Read(const Asking& asking, std::string_view body) {
  const Result<llm::Answer> answer = wire::CodecOf(llm::Dialect::kOpenAiChat).ReadAnswer(body);
  if (!answer) return std::nullopt;
  const auto verdict = judge::ReadRouting(*answer, asking.question, asking.judge().calibration);
  return verdict ? std::optional(verdict->probability) : std::nullopt;
}

void Count(const Asking& asking, observe::GatewayMetrics& metrics) {
  const auto total = Between(asking.began, asking.ended);
  metrics.judge.seconds.Record(total);
  observe::ModelMetrics& model = *asking.model().metrics;
  model.Attempt(asking.error ? observe::Outcome(asking.error->code) : std::nullopt, total);
  if (const auto& usage = asking.account.usage)
    model.Tokens(usage->TotalInput(), usage->TotalOutput());
  if (asking.judge().cost != nullptr && asking.account.cost)
    asking.judge().cost->Add(static_cast<std::uint64_t>(asking.account.cost->value()));
}

/// Closes the ticket. The time of so short an answer says nothing of usual ones, so that only
/// failures of the endpoint are told; one that we cut off is none.
void Close(dispatch::Target& target, dispatch::Target::Ticket ticket, const Asking& asking,
           const Clock& clock, double chance) {
  const SteadyTime now = clock.Now();
  if (asking.error && asking.error->code != ErrorCode::kTimeout) {
    const auto limits = dispatch::ReadRateLimits(asking.error->headers, clock.WallNow());
    target.Failed(ticket, now, *asking.error, limits, chance);
    return;
  }
  if (!asking.error) {
    target.Began(ticket, now, dispatch::ReadRateLimits(asking.timing.limits, clock.WallNow()));
  }
  target.Abandoned(ticket);
}

}  // namespace

std::shared_ptr<Asking> Judges::Find(const judge::QuestionKey& key) const {
  const auto found = std::ranges::find_if(
      under_way_, [&](const std::shared_ptr<Asking>& asking) { return asking->key == key; });
  return found == under_way_.end() ? nullptr : *found;
}

void Judges::Begin(Worker& worker, std::shared_ptr<Asking> asking) {
  under_way_.push_back(asking);
  group_.Spawn(Run(worker, std::move(asking)));
}

Task<void> Judges::Run(Worker& worker, std::shared_ptr<Asking> asking) {
  asking->began = worker.clock.Now();
  const double chance = worker.random.Uniform();
  dispatch::Target* target = asking->model().target.get();
  std::optional<dispatch::Target::Ticket> ticket;
  if (target != nullptr) {
    const auto leave = target->Ask(asking->began, asking->tokens_in, chance);
    ticket = leave.ticket;
    if (!ticket) {
      asking->error = Error{.code = ErrorCode::kUnavailable,
                            .message = std::string(dispatch::Name(leave.refusal))};
    }
  }
  if (!asking->error) {
    asking->called = true;
    Result<std::string> body = co_await Call(*asking, ticket ? ticket->credential : 0);
    if (body) {
      asking->probability = Read(*asking, *body);
    } else {
      asking->error = std::move(body).error();
    }
  }
  asking->ended = worker.clock.Now();
  if (ticket) Close(*target, *ticket, *asking, worker.clock, chance);
  if (asking->called) Count(*asking, worker.metrics);
  if (asking->probability)
    asking->judge().cache->Put(asking->key, *asking->probability, asking->ended);
  asking->done = true;
  std::erase(under_way_, asking);
  for (CancelScope* waiting : asking->waiting) waiting->Cancel();
}

Consultation::~Consultation() {
  Leave();
}

void Consultation::Leave() {
  if (asking_ == nullptr) return;
  if (--asking_->interested == 0 && !asking_->done) asking_->cancel.Cancel();
  asking_.reset();
}

Task<void> Consultation::Wait(Worker& worker, SteadyTime deadline, CancelScope& client_gone) {
  while (!asking_->done && !client_gone.cancelled()) {
    const SteadyTime now = worker.clock.Now();
    if (now >= deadline) co_return;
    CancelScope wake;
    asking_->waiting.push_back(&wake);
    client_gone.SetWaiter([](void* scope) { static_cast<CancelScope*>(scope)->Cancel(); }, &wake);
    co_await worker.timer.Sleep(std::chrono::ceil<milliseconds>(deadline - now), wake);
    client_gone.ClearWaiter();
    std::erase(asking_->waiting, &wake);
  }
}

Task<void> Consultation::Consult(Worker& worker, std::shared_ptr<const Bound> bound,
                                 Subject subject, CancelScope& client_gone,
                                 decide::Decision& decision) {
  const Snapshot& snapshot = *bound->snapshot;
  if (decision.doubtful < 0 || !snapshot.judge || worker.judges == nullptr) co_return;
  const Judge& judge = *snapshot.judge;
  const decide::ModelOption& model = snapshot.options.models[static_cast<std::size_t>(judge.model)];
  if (!decide::MaySee(snapshot.options, model, decision.data_classes)) {
    const std::string classes = decide::ClassNames(snapshot.options, decision.data_classes);
    Stands(decision, fmt::format("the judge may not see {} data", classes));
    co_return;
  }

  const llm::Request& request = subject.request;
  const llm::Turn whole{.role = llm::Role::kUser, .text = request.text};
  const judge::RequestView view{
      .turns = request.turns.empty() ? std::span(&whole, 1) : std::span(request.turns),
      .needs = request.needs};
  judge::FramingOptions framing = judge.framing;
  framing.mid_size = decision.doubtful > 0;
  const judge::QuestionKey key =
      judge.cache->KeyOf(view, framing, model.name, judge::kRoutingPromptVersion);
  const SteadyTime asked = worker.clock.Now();
  decide::JudgeView told{.tier = decision.doubtful};
  told.probability = judge.cache->Find(key, asked);
  told.cached = told.probability.has_value();
  if (told.cached) {
    worker.metrics.judge.cached.Add();
  } else {
    asking_ = worker.judges->Find(key);
    if (asking_ == nullptr) {
      asking_ = std::make_shared<Asking>(bound);
      asking_->key = key;
      asking_->question = judge::AskRouting(view, framing, judge::Nonce::Fresh());
      if (const Result<void> written = WriteRequest(*asking_); !written) {
        asking_.reset();
        worker.metrics.judge.failed.Add();
        Stands(decision, "the judge could not be asked");
        co_return;
      }
      worker.judges->Begin(worker, asking_);
    }
    ++asking_->interested;
    co_await Wait(worker, std::min(subject.until, asked + judge.deadline), client_gone);
    told.time = Between(asked, worker.clock.Now());
    told.late = !asking_->done;
    told.probability = asking_->probability;
    (told.late          ? worker.metrics.judge.late
     : told.probability ? worker.metrics.judge.answered
                        : worker.metrics.judge.failed)
        .Add();
  }
  decision.judge = told;
  if (told.late) {
    Stands(decision,
           fmt::format("the judge did not answer within {} ms", told.time.count() / 1000));
  } else if (!told.probability) {
    Stands(decision, asking_->error
                         ? fmt::format("the judge failed: {}", Name(asking_->error->code))
                         : std::string("the judge gave no usable answer"));
  } else {
    Result<decide::Decision> again = DecideRequest(
        snapshot, request, subject.size, worker.features, worker.clock, subject.session,
        decide::Judgement{.tier = told.tier, .probability = *told.probability});
    if (!again) co_return;
    again->decide_time += decision.decide_time;
    again->judge = told;
    decision = *std::move(again);
  }
}

std::optional<ledger::Attempt> Consultation::Settle(SteadyTime exchange_began,
                                                    decide::Decision& decision) {
  if (asking_ == nullptr) return std::nullopt;
  Asking& asking = *asking_;
  if (asking.done && decision.judge && decision.judge->late) {
    decision.judge->probability = asking.probability;
    decision.judge->time = Between(asking.began, asking.ended);
  }
  // Of several exchanges that asked the same, one pays: the first to end after the call has, or
  // the last one, which cuts it off.
  std::optional<ledger::Attempt> attempt;
  const bool pays = !asking.booked && asking.called && (asking.done || asking.interested == 1);
  if (pays) {
    asking.booked = true;
    const Error cut{.code = ErrorCode::kCancelled, .message = "not waited for any longer"};
    const Account account = asking.done
                                ? asking.account
                                : AccountForFailure(asking.model().prices, cut, asking.tokens_in);
    attempt.emplace();
    attempt->kind = ledger::AttemptKind::kJudge;
    attempt->provider = asking.option().provider;
    attempt->model = asking.option().name;
    attempt->status = asking.status;
    if (const Error* error = !asking.done ? &cut : asking.error ? &*asking.error : nullptr)
      attempt->error = Name(error->code);
    attempt->usage = account.usage;
    attempt->cost = account.cost;
    attempt->cost_estimated = account.estimated;
    attempt->started = std::max(Between(exchange_began, asking.began), {});
    attempt->connect = asking.timing.connect;
    attempt->first_byte = asking.timing.first_byte;
    if (asking.done) attempt->total = Between(asking.began, asking.ended);
  }
  Leave();
  return attempt;
}

}  // namespace triage::pipeline
