#include "pipeline/exchange.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "pipeline/deciding.h"

namespace triage::pipeline {
namespace {

using std::chrono::microseconds;

microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

}  // namespace

Exchange::Exchange(Worker& worker, CancelScope& client_gone)
    : worker_(worker),
      place_(worker),
      bound_(worker.bound),
      client_gone_(client_gone),
      start_(worker.clock.Now()),
      time_(worker.clock.WallNow()),
      id_(ExchangeId::Make(time_, worker.random)) {
  request_.id = id_.Text();
  request_.created =
      std::chrono::duration_cast<std::chrono::seconds>(time_.time_since_epoch()).count();
}

Exchange::~Exchange() {
  if (client_gone_.cancelled())
    Fail(Error{.code = ErrorCode::kCancelled, .message = "the client has gone"});
  // A reply that is dropped before its end cancels the call; what it has used is booked all the
  // same.
  Settle();
  Record();
}

const dispatch::Candidate& Exchange::Answering() const {
  return candidates_[static_cast<std::size_t>(source_.candidate)];
}

std::string_view Exchange::model() const {
  return Answering().name;
}

std::string_view Exchange::tier() const {
  const int tier = Answering().tier;
  return tier < 0 ? std::string_view{}
                  : bound_->snapshot->options.tiers[static_cast<std::size_t>(tier)].name;
}

bool Exchange::promoted() const {
  return answered() && !decision_->pinned && Answering().tier != planned_tier_;
}

void Exchange::PlanCandidates() {
  const Snapshot& snapshot = *bound_->snapshot;
  const SteadyTime now = worker_.clock.Now();
  auto add = [&](const std::vector<std::string>& names, int tier) {
    const bool own = tier == decision_->tier;
    for (const std::string& name : names) {
      const int index = snapshot.ModelIndex(name);
      if (index < 0) continue;
      const auto at = static_cast<std::size_t>(index);
      const ModelView& view = snapshot.models[at];
      const auto expected =
          tier >= 0 ? decision_->tiers[static_cast<std::size_t>(tier)].expected_cost : std::nullopt;
      const auto place = tier >= 0 ? snapshot.tiers[static_cast<std::size_t>(tier)].places[at]
                                   : config::Tier::Place{.position = -1};
      candidates_.push_back(
          {.provider = bound_->providers[at],
           .provider_model = snapshot.options.models[at].provider_model,
           .name = snapshot.options.models[at].name,
           .limits = view.limits,
           .model = index,
           .tier = tier,
           .drains = view.drain.count() > 0,
           .position = place.position,
           .weight = place.weight,
           .window = view.window->Window(snapshot.options.models[at].context_window, now),
           .expected_cost = expected.value_or(NanoDollars()),
           .target = view.target.get(),
           .budget = view.budget.get(),
           .promotion =
               own ? nullptr : snapshot.tiers[static_cast<std::size_t>(tier)].promotion.get(),
           .hedged = tier >= 0 && snapshot.tiers[static_cast<std::size_t>(tier)].hedged});
    }
  };
  add(decision_->chain, decision_->tier);
  if (decision_->pinned) return;
  // Higher tiers stand in when the chain is exhausted.
  for (std::size_t i = 0; i < decision_->tiers.size(); ++i) {
    if (static_cast<int>(i) != decision_->tier)
      add(decision_->tiers[i].standby, static_cast<int>(i));
  }
}

void Exchange::NoteTraffic() const {
  const Snapshot& snapshot = *bound_->snapshot;
  // Only where the router had a say: a rule's or the request's own choice says nothing of it.
  const bool routed = std::ranges::any_of(decision_->steps, [](const decide::Step& step) {
    return step.kind == decide::StepKind::kRouter && step.from != step.to;
  });
  if (snapshot.traffic == nullptr || !routed) return;
  const RouterTraffic::Band band = snapshot.traffic->Note(*decision_);
  if (band == RouterTraffic::Band::kEmpty || band == RouterTraffic::Band::kOverfull) {
    observe::Log(observe::Level::kWarn, "the boundary band catches nothing or too much",
                 {{"band", band == RouterTraffic::Band::kEmpty ? "empty" : "overfull"},
                  {"of_requests", RouterTraffic::kWindow}});
  }
}

void Exchange::Retry(const ExchangeId& of, std::string tier) {
  session_.Retry(std::move(tier), "its client was not satisfied with the answer of " + of.Text());
  request_.model = "auto";
}

Task<Result<void>> Exchange::Start() {
  const Snapshot& snapshot = *bound_->snapshot;
  auto limit = std::chrono::milliseconds(snapshot.config->limits.deadline);
  if (request_.context.latency)
    limit =
        limit.count() == 0 ? *request_.context.latency : std::min(limit, *request_.context.latency);
  if (limit.count() > 0) deadline_ = start_ + limit;

  const config::Admission& admission = snapshot.config->admission;
  const admit::Priority priority =
      background_ ? admit::Priority::kBulk : PriorityOf(admission, request_.context);
  const Place::Entry entry = place_.Enter(admission, request_.context, priority);
  if (entry != Place::Entry::kIn) {
    Result<void> admitted;
    if (entry == Place::Entry::kMustWait) {
      admitted = co_await place_.Wait(deadline_, client_gone_);
    } else {
      admitted = place_.Refused(admit::Refusal::kClientLimit);
    }
    if (!admitted) {
      turned_away_ = true;
      Fail(admitted.error());
      co_return std::move(admitted).error();
    }
  }

  size_ = prices::Measure(request_);
  session_.Read(snapshot, worker_.sessions, request_, worker_.clock.Now());
  Result<decide::Decision> decided =
      DecideRequest(snapshot, request_, size_, worker_.features, worker_.clock, &session_);
  if (!decided) {
    Fail(decided.error());
    co_return std::move(decided).error();
  }
  decision_ = std::move(*decided);
  worker_.metrics.decide_seconds.Record(decision_->decide_time);
  // Features are this thread's scratch: what the learning store is to keep is copied before
  // anything is awaited.
  if (decision_->distance && worker_.random.Uniform() < snapshot.config->ledger.learning_sample) {
    sampled_ = true;
    worker_.features.Serialize(features_);
  }
  const Consultation::Subject subject{
      .request = request_, .size = size_, .session = &session_, .until = deadline_};
  co_await consultation_.Consult(worker_, bound_, subject, client_gone_, *decision_);
  planned_tier_ = decision_->tier;
  Result<std::unique_ptr<Verification>> verification =
      Verification::Make(snapshot, request_, *decision_);
  if (!verification) {
    Fail(verification.error());
    co_return std::move(verification).error();
  }
  verification_ = *std::move(verification);
  NoteTraffic();
  PlanCandidates();

  std::vector<dispatch::Candidate> planned;
  planned.swap(candidates_);
  Result<Source> source = co_await Ask(std::move(planned), request_, ledger::AttemptKind::kAnswer);
  if (source) source_ = *std::move(source);
  NoteOverflows();
  if (!source) {
    Fail(source.error());
    co_return std::move(source).error();
  }
  if (!promoted() && Answering().tier >= 0) {
    const auto& promotion = snapshot.tiers[static_cast<std::size_t>(Answering().tier)].promotion;
    if (promotion != nullptr) promotion->OnOwn(worker_.clock.Now());
  }
  LogFallbacks(0);
  co_return Result<void>();
}

dispatch::Options Exchange::DispatchOptions() {
  const Snapshot& snapshot = *bound_->snapshot;
  const config::Resilience::Retries& retries = snapshot.config->resilience.retries;
  return {.max_attempts = snapshot.config->limits.max_attempts - static_cast<int>(traces_.size()),
          .deadline = deadline_,
          .tokens = decision_->tokens_in + request_.max_output_tokens,
          .drain_cancel = &drain_cancel_,
          .retry = {.most = retries.most,
                    .backoff = retries.backoff,
                    .longest = retries.longest,
                    .pacing = retries.pacing},
          .timer = &worker_.timer,
          .hedges = snapshot.hedges.get(),
          .random = &worker_.random};
}

/// Dispatches to `candidates`, which join those that were asked before, as their attempts do.
Task<Result<Exchange::Source>> Exchange::Ask(std::vector<dispatch::Candidate> candidates,
                                             const llm::Request& request,
                                             ledger::AttemptKind kind) {
  const std::size_t first = candidates_.size();
  candidates_.insert(candidates_.end(), candidates.begin(), candidates.end());
  rounds_.push_back({.request = &request,
                     .size = rounds_.empty() ? size_ : prices::Measure(request),
                     .kind = kind,
                     .first_trace = traces_.size()});
  const dispatch::Options options = DispatchOptions();
  std::vector<dispatch::Trace> traces;
  Result<dispatch::Begun> begun = co_await dispatch::Dispatch(request, candidates, options,
                                                              client_gone_, worker_.clock, traces);
  for (dispatch::Trace& trace : traces) {
    trace.candidate += static_cast<int>(first);
    traces_.push_back(std::move(trace));
  }
  if (!begun) co_return std::move(begun).error();
  co_return Source{.reply = std::move(begun->reply),
                   .candidate = begun->candidate + static_cast<int>(first)};
}

/// A model that refused the request as too long is a reason why another answers.
void Exchange::NoteOverflows() {
  for (const dispatch::Trace& trace : traces_) {
    if (!trace.error || trace.error->code != ErrorCode::kContextLength) continue;
    const dispatch::Candidate& refused = candidates_[static_cast<std::size_t>(trace.candidate)];
    std::string reason(refused.name);
    reason += " refused it as too long";
    const bool moved = answered();
    if (moved) reason.append("; ").append(model()).append(" took it");
    decision_->steps.push_back({.kind = decide::StepKind::kConstraint,
                                .from = refused.tier,
                                .to = moved ? Answering().tier : -1,
                                .reason = std::move(reason)});
    outgrown_ = outgrown_ || moved;
  }
}

/// What was handled by asking the next model; when nobody answered, the route logs that.
void Exchange::LogFallbacks(std::size_t first_trace) const {
  for (const dispatch::Trace& trace : std::span(traces_).subspan(first_trace)) {
    if (!trace.error || trace.outrun) continue;
    const dispatch::Candidate& failed = candidates_[static_cast<std::size_t>(trace.candidate)];
    observe::Log(observe::Level::kWarn, id_, "attempt failed, fell back", *trace.error,
                 {{"model", failed.name}, {"next", model()}});
  }
}

std::chrono::milliseconds Exchange::keep_alive() const {
  return bound_->snapshot->config->limits.keep_alive;
}

std::chrono::milliseconds Exchange::DrainLimit() const {
  return bound_->snapshot->models[static_cast<std::size_t>(Answering().model)].drain;
}

Task<void> Exchange::Drain() {
  if (source_.reply == nullptr || DrainLimit().count() == 0) co_return;
  const SteadyTime until = worker_.clock.Now() + DrainLimit();
  while (!source_.reply->summary().complete && worker_.clock.Now() < until) {
    const Result<std::string_view> bytes = co_await source_.reply->Next();
    if (!bytes || bytes->empty()) co_return;
    source_.relayed += bytes->size();
  }
}

void Exchange::DeliverFirstByte() {
  if (first_byte_.count() == 0) first_byte_ = Between(start_, worker_.clock.Now());
}

void Exchange::Fail(const Error& error) {
  if (!error_) error_ = error;
}

}  // namespace triage::pipeline
