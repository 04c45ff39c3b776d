#include "pipeline/exchange.h"

#include <algorithm>
#include <utility>

#include "llm/overflow.h"
#include "observe/log.h"
#include "pipeline/account.h"
#include "pipeline/deciding.h"

namespace triage::pipeline {
namespace {

using std::chrono::microseconds;

microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

observe::Outcome OutcomeOf(const std::optional<Error>& error) {
  if (!error) return std::nullopt;
  return error->code;
}

// Of two that raced, the one that was outrun is the hedge: what it cost is the price of the other.
ledger::AttemptKind KindOf(const dispatch::Trace& trace, bool first) {
  if (trace.outrun) return ledger::AttemptKind::kHedge;
  if (first || (trace.hedge && !trace.error)) return ledger::AttemptKind::kAnswer;
  return trace.retry ? ledger::AttemptKind::kRetry : ledger::AttemptKind::kFallback;
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
  return candidates_[static_cast<std::size_t>(answering_)];
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
  return answering_ >= 0 && !decision_->pinned && Answering().tier != decision_->tier;
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

Task<Result<void>> Exchange::Start() {
  const Snapshot& snapshot = *bound_->snapshot;
  auto limit = std::chrono::milliseconds(snapshot.config->limits.deadline);
  if (request_.context.latency)
    limit =
        limit.count() == 0 ? *request_.context.latency : std::min(limit, *request_.context.latency);
  const SteadyTime deadline = limit.count() > 0 ? start_ + limit : SteadyTime::max();

  const config::Admission& admission = snapshot.config->admission;
  const admit::Priority priority =
      background_ ? admit::Priority::kBulk : PriorityOf(admission, request_.context);
  const Place::Entry entry = place_.Enter(admission, request_.context, priority);
  if (entry != Place::Entry::kIn) {
    Result<void> admitted;
    if (entry == Place::Entry::kMustWait) {
      admitted = co_await place_.Wait(deadline, client_gone_);
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
  Result<decide::Decision> decided =
      DecideRequest(snapshot, request_, size_, worker_.features, worker_.clock);
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
  NoteTraffic();
  PlanCandidates();

  dispatch::Options options{.max_attempts = snapshot.config->limits.max_attempts,
                            .tokens = decision_->tokens_in + request_.max_output_tokens,
                            .drain_cancel = &drain_cancel_,
                            .retry = {.most = snapshot.config->resilience.retries.most,
                                      .backoff = snapshot.config->resilience.retries.backoff,
                                      .longest = snapshot.config->resilience.retries.longest,
                                      .pacing = snapshot.config->resilience.retries.pacing},
                            .timer = &worker_.timer,
                            .hedges = snapshot.hedges.get(),
                            .random = &worker_.random};
  options.deadline = deadline;
  Result<dispatch::Begun> begun = co_await dispatch::Dispatch(request_, candidates_, options,
                                                              client_gone_, worker_.clock, traces_);
  if (begun) answering_ = begun->candidate;
  NoteOverflows();
  if (!begun) {
    Fail(begun.error());
    co_return std::move(begun).error();
  }
  reply_ = std::move(begun->reply);
  if (answering_ >= 0 && !promoted() && Answering().tier >= 0) {
    const auto& promotion = snapshot.tiers[static_cast<std::size_t>(Answering().tier)].promotion;
    if (promotion != nullptr) promotion->OnOwn(worker_.clock.Now());
  }
  LogFallbacks();
  co_return Result<void>();
}

/// A model that refused the request as too long is a reason why another answers.
void Exchange::NoteOverflows() {
  for (const dispatch::Trace& trace : traces_) {
    if (!trace.error || trace.error->code != ErrorCode::kContextLength) continue;
    const dispatch::Candidate& refused = candidates_[static_cast<std::size_t>(trace.candidate)];
    std::string reason(refused.name);
    reason += " refused it as too long";
    const bool moved = answering_ >= 0;
    if (moved) reason.append("; ").append(model()).append(" took it");
    decision_->steps.push_back({.kind = decide::StepKind::kConstraint,
                                .from = refused.tier,
                                .to = moved ? Answering().tier : -1,
                                .reason = std::move(reason)});
    outgrown_ = outgrown_ || moved;
  }
}

/// What the attempt says of how its model counts and how much it takes.
void Exchange::Learn(std::size_t model, const dispatch::Trace& trace, bool answered) {
  const Snapshot& snapshot = *bound_->snapshot;
  prices::ModelWindow& window = *snapshot.models[model].window;
  if (answered) {
    const auto& usage = reply_->summary().usage;
    if (usage && !usage->estimated) window.Learn(size_, usage->TotalInput());
  } else if (trace.error->code == ErrorCode::kContextLength) {
    window.Refused(size_, request_.max_output_tokens, snapshot.options.models[model].context_window,
                   llm::ReadOverflow({}, trace.error->message).value_or(llm::Overflow{}),
                   worker_.clock.Now());
  }
}

/// What was handled by asking the next model; when nobody answered, the route logs that.
void Exchange::LogFallbacks() const {
  for (const dispatch::Trace& trace : traces_) {
    if (!trace.error || trace.outrun) continue;
    const dispatch::Candidate& failed = candidates_[static_cast<std::size_t>(trace.candidate)];
    observe::Log(observe::Level::kWarn, id_, "attempt failed, fell back", *trace.error,
                 {{"model", failed.name}, {"next", model()}});
  }
}

Task<Result<std::string_view>> Exchange::Next() {
  const SteadyTime asked = worker_.clock.Now();
  Result<std::string_view> bytes = co_await reply_->Next();
  if (bytes) {
    relayed_ += bytes->size();
    if (!bytes->empty() && TooSlow(bytes->size(), worker_.clock.Now() - asked)) {
      bytes =
          Error{.code = ErrorCode::kTimeout, .message = "the provider's answer came too slowly"};
    }
  }
  if (!bytes) {
    Fail(bytes.error());
  }
  co_return bytes;
}

/// Whether the answer trickles in below resilience.min_throughput. How fast the client takes it
/// does not count.
bool Exchange::TooSlow(std::size_t bytes, SteadyTime::duration waited) {
  const config::Resilience& resilience = bound_->snapshot->config->resilience;
  if (resilience.min_throughput == 0) return false;
  lately_ += bytes;
  waited_ += waited;
  if (waited_ < resilience.min_throughput_over) return false;
  const double rate = static_cast<double>(lately_) / std::chrono::duration<double>(waited_).count();
  lately_ = 0;
  waited_ = {};
  return rate < static_cast<double>(resilience.min_throughput);
}

std::chrono::milliseconds Exchange::keep_alive() const {
  return bound_->snapshot->config->limits.keep_alive;
}

std::chrono::milliseconds Exchange::DrainLimit() const {
  return bound_->snapshot->models[static_cast<std::size_t>(Answering().model)].drain;
}

Task<void> Exchange::Drain() {
  if (reply_ == nullptr || DrainLimit().count() == 0) co_return;
  const SteadyTime until = worker_.clock.Now() + DrainLimit();
  while (!reply_->summary().complete && worker_.clock.Now() < until) {
    const Result<std::string_view> bytes = co_await reply_->Next();
    if (!bytes || bytes->empty()) co_return;
    relayed_ += bytes->size();
  }
}

void Exchange::DeliverFirstByte() {
  if (first_byte_.count() == 0) first_byte_ = Between(start_, worker_.clock.Now());
}

void Exchange::Fail(const Error& error) {
  if (!error_) error_ = error;
}

std::optional<NanoDollars> Exchange::cost() {
  if (reply_ == nullptr || !reply_->summary().complete) return std::nullopt;
  Settle();
  if (!cost_known_) return std::nullopt;
  return cost_;
}

std::optional<NanoDollars> Exchange::saved() {
  const std::optional<NanoDollars> spent = cost();
  if (!spent || !baseline_) return std::nullopt;
  return *baseline_ - *spent;
}

/// Closes the account: what each attempt used and cost.
void Exchange::Settle() {
  if (settled_ || !decision_) return;
  settled_ = true;
  const Snapshot& snapshot = *bound_->snapshot;
  for (std::size_t i = 0; i < traces_.size(); ++i) {
    const dispatch::Trace& trace = traces_[i];
    const dispatch::Candidate& candidate = candidates_[static_cast<std::size_t>(trace.candidate)];
    const auto model = static_cast<std::size_t>(candidate.model);
    const prices::ModelPrices& prices = snapshot.models[model].prices;
    const bool answered = reply_ != nullptr && !trace.error;
    if (answered) dispatch::Settle(candidate, trace, error_, worker_.clock, &worker_.random);
    const std::int64_t tokens_in = snapshot.models[model].window->Tokens(size_).tokens;
    Learn(model, trace, answered);
    const Account account = answered
                                ? AccountForAnswer(prices, reply_->summary(), tokens_in, relayed_)
                                : AccountForFailure(prices, *trace.error, tokens_in);
    ledger::Attempt attempt;
    attempt.kind = KindOf(trace, i == 0);
    attempt.provider = snapshot.options.models[model].provider;
    attempt.model = candidate.name;
    if (candidate.tier >= 0)
      attempt.tier = snapshot.options.tiers[static_cast<std::size_t>(candidate.tier)].name;
    attempt.status = answered ? reply_->status() : trace.error->upstream_status;
    const std::optional<Error>& failure = answered ? error_ : trace.error;
    if (failure) attempt.error = Name(failure->code);
    attempt.usage = account.usage;
    attempt.cost = account.cost;
    attempt.cost_estimated = account.estimated;
    attempt.started = Between(start_, trace.started);
    attempt.connect = trace.timing.connect;
    attempt.first_byte = trace.timing.first_byte;
    attempt.total = Between(trace.started, answered ? worker_.clock.Now() : trace.ended);
    if (account.cost) cost_ += *account.cost;
    if (!account.cost) cost_known_ = false;
    if (!account.cost || account.estimated) cost_complete_ = false;
    if (answered && account.usage && snapshot.options.baseline_model >= 0) {
      baseline_ = BaselineCost(
          snapshot.models[static_cast<std::size_t>(snapshot.options.baseline_model)].prices,
          *account.usage);
    }
    observe::ModelMetrics& metrics = *snapshot.models[model].metrics;
    metrics.Attempt(OutcomeOf(failure), attempt.total);
    if (answered && request_.stream) metrics.FirstToken(attempt.first_byte);
    if (trace.hedge) metrics.hedges.Add();
    if (trace.hedge && answered) metrics.hedges_won.Add();
    if (trace.retry && !trace.hedge) metrics.retries.Add();
    if (account.usage) metrics.Tokens(account.usage->TotalInput(), account.usage->TotalOutput());
    if (candidate.tier >= 0) {
      const TierView& tier = snapshot.tiers[static_cast<std::size_t>(candidate.tier)];
      if (trace.error && !trace.outrun && i + 1 < traces_.size()) tier.metrics->fallbacks.Add();
      if (observe::Counter* counter = tier.cost[model]; counter != nullptr && account.cost) {
        counter->Add(static_cast<std::uint64_t>(account.cost->value()));
      }
    }
    attempts_.push_back(std::move(attempt));
  }
}

/// Moves up, each from the tier that was left: across a boundary, or because a tier was down.
void Exchange::CountEscalations() const {
  const Snapshot& snapshot = *bound_->snapshot;
  for (const decide::Step& step : decision_->steps) {
    if (step.kind == decide::StepKind::kBand && step.from >= 0 && step.to > step.from) {
      snapshot.tiers[static_cast<std::size_t>(step.from)].metrics->escalations.Add();
    }
  }
  if (promoted())
    snapshot.tiers[static_cast<std::size_t>(decision_->tier)].metrics->escalations.Add();
}

void Exchange::Record() {
  const Snapshot& snapshot = *bound_->snapshot;
  const bool gone = client_gone_.cancelled();
  if (!decision_) {
    worker_.metrics.no_tier.Exchange(OutcomeOf(error_));
    return;
  }
  ledger::Exchange record;
  record.id = id_;
  record.time = time_;
  record.dialect = request_.dialect;
  record.context = std::move(request_.context);
  record.requested_model = std::move(request_.model);
  record.stream = request_.stream;
  if (answering_ >= 0) {
    record.tier = tier();
    record.model = model();
    record.provider = snapshot.options.models[static_cast<std::size_t>(Answering().model)].provider;
    if (promoted()) record.promoted_from = decision_->TierName();
  }
  const int tier_index = answering_ >= 0 ? Answering().tier : decision_->tier;
  observe::TierMetrics& tier_metrics =
      tier_index >= 0 ? *snapshot.tiers[static_cast<std::size_t>(tier_index)].metrics
                      : worker_.metrics.no_tier;
  tier_metrics.Exchange(OutcomeOf(error_));
  CountEscalations();
  constexpr int kClientClosedRequest = 499;
  record.status = gone ? kClientClosedRequest : status_;
  if (error_) record.error = Name(error_->code);
  record.client_gone = gone;
  record.attempts = std::move(attempts_);
  record.cost = cost_;
  record.cost_complete = cost_complete_;
  record.baseline_cost = baseline_;
  record.first_byte = first_byte_;
  record.total = Between(start_, worker_.clock.Now());
  if (sampled_) {
    record.features = std::move(features_);
    record.feature_schema = learn::kFeatureSchema;
  }
  record.decision = std::move(*decision_);
  worker_.sink.Record(std::move(record));
}

}  // namespace triage::pipeline
