#include <algorithm>
#include <utility>

#include "llm/overflow.h"
#include "pipeline/account.h"
#include "pipeline/exchange.h"

namespace triage::pipeline {
namespace {

using std::chrono::microseconds;

microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

// Of two that raced, the one that was outrun is the hedge: what it cost is the price of the other.
ledger::AttemptKind KindOf(const dispatch::Trace& trace, bool first, ledger::AttemptKind kind) {
  if (trace.outrun) return ledger::AttemptKind::kHedge;
  if (first || (trace.hedge && !trace.error)) return kind;
  return trace.retry ? ledger::AttemptKind::kRetry : ledger::AttemptKind::kFallback;
}

observe::Outcome OutcomeOf(const std::optional<Error>& error) {
  if (!error) return std::nullopt;
  return error->code;
}

}  // namespace

/// What the attempt says of how its model counts and how much it takes.
void Exchange::Learn(std::size_t model, const Round& round, const dispatch::Trace& trace,
                     const llm::Reply* reply) {
  const Snapshot& snapshot = *bound_->snapshot;
  prices::ModelWindow& window = *snapshot.models[model].window;
  if (reply != nullptr) {
    const auto& usage = reply->summary().usage;
    if (usage && !usage->estimated) window.Learn(round.size, usage->TotalInput());
  } else if (trace.error->code == ErrorCode::kContextLength) {
    window.Refused(
        round.size, request_.max_output_tokens, snapshot.options.models[model].context_window,
        llm::ReadOverflow({}, trace.error->message).value_or(llm::Overflow{}), worker_.clock.Now());
  }
}

std::optional<NanoDollars> Exchange::cost() {
  if (source_.reply == nullptr || !source_.reply->summary().complete) return std::nullopt;
  Settle();
  if (!cost_known_) return std::nullopt;
  return cost_;
}

std::optional<NanoDollars> Exchange::saved() {
  const std::optional<NanoDollars> spent = cost();
  if (!spent || !baseline_) return std::nullopt;
  return *baseline_ - *spent;
}

/// Closes the account of one attempt: what it used and cost. `source` is its answer, nullptr when
/// it failed; `error` is why the answer broke off.
void Exchange::SettleTrace(std::size_t index, const Source* source,
                           const std::optional<Error>& error) {
  if (attempts_.size() <= index) attempts_.resize(traces_.size());
  ledger::Attempt& attempt = attempts_[index];
  if (!attempt.model.empty()) return;
  const Snapshot& snapshot = *bound_->snapshot;
  const dispatch::Trace& trace = traces_[index];
  const Round& round = *std::ranges::find_if(
      rounds_.rbegin(), rounds_.rend(), [&](const Round& one) { return one.first_trace <= index; });
  const dispatch::Candidate& candidate = candidates_[static_cast<std::size_t>(trace.candidate)];
  const auto model = static_cast<std::size_t>(candidate.model);
  const prices::ModelPrices& prices = snapshot.models[model].prices.At(time_);
  const llm::Reply* reply = source != nullptr ? source->reply.get() : nullptr;
  const bool answered = reply != nullptr;
  if (answered) dispatch::Settle(candidate, trace, error, worker_.clock, &worker_.random);
  const std::int64_t tokens_in = snapshot.models[model].window->Tokens(round.size).tokens;
  Learn(model, round, trace, reply);
  const prices::Terms terms{.images = request_.extras.images};
  const Account account =
      answered ? AccountForAnswer(prices, reply->summary(), tokens_in, source->relayed, terms)
               : AccountForFailure(prices, *trace.error, tokens_in, terms);
  attempt.kind = KindOf(trace, index == round.first_trace, round.kind);
  attempt.provider = snapshot.options.models[model].provider;
  attempt.model = candidate.name;
  if (candidate.tier >= 0)
    attempt.tier = snapshot.options.tiers[static_cast<std::size_t>(candidate.tier)].name;
  attempt.status = answered ? reply->status() : trace.error->upstream_status;
  const std::optional<Error>& failure = answered ? error : trace.error;
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
  // What one whole answer would have cost there, whichever attempt gave it.
  if (answered && account.usage && snapshot.options.baseline_model >= 0 &&
      round.request == &request_) {
    baseline_ = BaselineCost(
        snapshot.models[static_cast<std::size_t>(snapshot.options.baseline_model)].prices.At(time_),
        *account.usage, terms);
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
    if (trace.error && !trace.outrun && index + 1 < traces_.size()) tier.metrics->fallbacks.Add();
    if (observe::Counter* counter = tier.cost[model]; counter != nullptr && account.cost) {
      counter->Add(static_cast<std::uint64_t>(account.cost->value()));
    }
  }
}

/// Closes the account of source_, before another answer takes its place.
void Exchange::SettleSource(const std::optional<Error>& error) {
  for (std::size_t i = 0; i < traces_.size(); ++i) {
    if (!traces_[i].error && traces_[i].candidate == source_.candidate)
      SettleTrace(i, &source_, error);
  }
}

/// Closes all accounts.
void Exchange::Settle() {
  if (settled_ || !decision_) return;
  settled_ = true;
  for (std::size_t i = 0; i < traces_.size(); ++i) {
    if (traces_[i].error) SettleTrace(i, nullptr, std::nullopt);
  }
  if (source_.reply != nullptr) SettleSource(error_);
  if (auto judged = consultation_.Settle(start_, *decision_))
    side_attempts_.push_back(*std::move(judged));
  attempts_.resize(traces_.size());
  for (ledger::Attempt& attempt : side_attempts_) {
    if (attempt.cost) cost_ += *attempt.cost;
    if (!attempt.cost) cost_known_ = false;
    if (!attempt.cost || attempt.cost_estimated) cost_complete_ = false;
    attempts_.push_back(std::move(attempt));
  }
}

/// Moves up, each from the tier that was left: across a boundary, after an answer that did not
/// hold, or because a tier was down.
void Exchange::CountEscalations() const {
  const Snapshot& snapshot = *bound_->snapshot;
  for (const decide::Step& step : decision_->steps) {
    const bool counts = step.kind == decide::StepKind::kBand ||
                        step.kind == decide::StepKind::kVerdict ||
                        step.kind == decide::StepKind::kFeedback;
    if (counts && step.from >= 0 && step.to > step.from) {
      snapshot.tiers[static_cast<std::size_t>(step.from)].metrics->escalations.Add();
    }
  }
  if (promoted())
    snapshot.tiers[static_cast<std::size_t>(decision_->tier)].metrics->escalations.Add();
}

/// What the turn said of the answer before it goes onto the ledger, and the exchange into the
/// session.
void Exchange::RecordSession() {
  const config::Feedback& config = bound_->snapshot->config->feedback;
  const SteadyTime now = worker_.clock.Now();
  if (config.implicit && request_.operation == llm::Operation::kGenerate) {
    if (auto said = session_.Said(id_, request_.context.client, worker_.clock.WallNow())) {
      if (said->good) {
        // The exchange before this one had the turns but for the last two.
        std::span<const llm::Turn> turns(request_.turns);
        if (turns.size() > 2) {
          worker_.features.Extract(turns.first(turns.size() - 2), request_.needs, request_.context,
                                   request_.max_output_tokens);
          worker_.features.Serialize(said->features);
          said->feature_schema = learn::kFeatureSchema;
        }
      }
      worker_.sink.Record(*std::move(said), {});
    }
    if (answered() && !error_) {
      std::int64_t tokens = 0;
      if (const auto& usage = source_.reply->summary().usage)
        tokens = usage->TotalInput() + usage->TotalOutput();
      SessionTurn::Answered left{.id = id_, .tier = tier(), .model = model(), .tokens = tokens};
      if (answer_text_) left.text = *answer_text_;
      session_.Note(worker_.sessions, request_, left, now);
    }
  }
  if (config.retry_ttl.count() > 0 && request_.operation == llm::Operation::kGenerate) {
    worker_.recent.Keep(id_,
                        {.dialect = request_.dialect,
                         .body = std::move(request_.body),
                         .repeated = std::move(request_.repeated),
                         .context = request_.context,
                         .tier = answered() ? std::string(tier()) : std::string()},
                        now);
  }
}

/// A verdict is a label for what the router thought: its features are kept with it.
void Exchange::KeepLabelled() {
  const bool labelled = std::ranges::any_of(verdicts_, [](const ledger::Verdict& verdict) {
    return verdict.outcome == verify::Name(verify::Outcome::kFail);
  });
  if (!labelled || sampled_ || !decision_->distance) return;
  sampled_ = true;
  worker_.features.Extract(request_.turns, request_.needs, request_.context,
                           request_.max_output_tokens);
  worker_.features.Serialize(features_);
}

void Exchange::Record() {
  const Snapshot& snapshot = *bound_->snapshot;
  const bool gone = client_gone_.cancelled();
  if (!decision_) {
    worker_.metrics.no_tier.Exchange(OutcomeOf(error_));
    return;
  }
  Sample();
  KeepLabelled();
  RecordSession();
  ledger::Exchange record;
  record.id = id_;
  record.time = time_;
  record.dialect = request_.dialect;
  record.context = std::move(request_.context);
  record.requested_model = std::move(request_.model);
  record.stream = request_.stream;
  if (answered()) {
    record.tier = tier();
    record.model = model();
    record.provider = snapshot.options.models[static_cast<std::size_t>(Answering().model)].provider;
    if (promoted()) record.promoted_from = decision_->TierName();
  }
  const int tier_index = answered() ? Answering().tier : decision_->tier;
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
  record.verdicts = std::move(verdicts_);
  record.escalations = escalations_ + (session_.escalated() ? 1 : 0);
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
