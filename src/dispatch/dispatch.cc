#include "dispatch/dispatch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "dispatch/race.h"
#include "llm/overflow.h"

namespace triage::dispatch {
namespace {

using std::chrono::milliseconds;

double Chance(Random* random) {
  return random == nullptr ? 0.5 : random->Uniform();
}

// An index of `group` by weight.
std::size_t Draw(std::span<const Candidate> candidates, const std::vector<int>& group,
                 Random* random) {
  double sum = 0;
  for (int at : group) sum += candidates[static_cast<std::size_t>(at)].weight;
  double left = Chance(random) * sum;
  for (std::size_t i = 0; i + 1 < group.size(); ++i) {
    left -= candidates[static_cast<std::size_t>(group[i])].weight;
    if (left < 0) return i;
  }
  return group.size() - 1;
}

// Puts the one that shall be tried first in front.
void Balance(std::span<const Candidate> candidates, std::vector<int>& group, Random* random,
             SteadyTime now, AnswerKind kind) {
  if (group.size() < 2) return;
  const std::size_t one = Draw(candidates, group, random);
  const std::size_t other = Draw(candidates, group, random);
  const auto load = [&](std::size_t at) {
    const Candidate& candidate = candidates[static_cast<std::size_t>(group[at])];
    return candidate.target == nullptr ? std::chrono::microseconds(0)
                                       : candidate.target->Load(now, kind);
  };
  std::swap(group.front(), group[load(other) < load(one) ? other : one]);
}

// Indexes in the order of trying.
std::vector<int> Arrange(std::span<const Candidate> candidates, Random* random, SteadyTime now,
                         AnswerKind kind) {
  std::vector<int> order;
  order.reserve(candidates.size());
  std::vector<int> group;
  const auto together = [](const Candidate& a, const Candidate& b) {
    return a.position >= 0 && a.position == b.position && a.tier == b.tier;
  };
  for (std::size_t i = 0; i < candidates.size();) {
    group.clear();
    std::size_t end = i;
    do group.push_back(static_cast<int>(end++));
    while (end < candidates.size() && together(candidates[i], candidates[end]));
    Balance(candidates, group, random, now, kind);
    order.insert(order.end(), group.begin(), group.end());
    i = end;
  }
  return order;
}

/// The sum of all failures for a client that can do nothing but wait or give up.
Error Exhausted(std::span<const Candidate> candidates, std::span<const Trace> traces,
                std::size_t passed_over) {
  if (traces.size() == 1 && passed_over == 0) return *traces.front().error;
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
  if (sum.code == ErrorCode::kContextLength) sum.field = "messages";
  return sum;
}

/// One exchange's way through its candidates.
class Run {
 public:
  Run(const llm::Request& request, std::span<const Candidate> candidates, const Options& options,
      CancelScope& cancel, const Clock& clock, std::vector<Trace>& traces)
      : request_(request),
        candidates_(candidates),
        options_(options),
        cancel_(cancel),
        clock_(clock),
        traces_(traces),
        kind_(request.stream ? AnswerKind::kStream : AnswerKind::kWhole),
        order_(Arrange(candidates, options.random, clock.Now(), kind_)),
        states_(candidates.size()) {}

  Task<Result<Begun>> Go() {
    for (int round = 0;; ++round) {
      tried_ = 0;
      refusals_.clear();
      for (State& state : states_) state.raced = false;
      for (const int at : order_) {
        Result<Begun> begun = co_await TryCandidate(at, Asking::kUsual);
        if (begun || stop_) co_return begun;
      }
      const bool tried = tried_ > 0;
      if (!tried) {
        Result<Begun> begun = co_await TryRefused(Target::Refusal::kOpen);
        if (begun || stop_) co_return begun;
      }
      const Result<bool> again = co_await PrepareRound(round, tried);
      if (!again) co_return again.error();
      if (*again) continue;
      for (const auto refusal : {Target::Refusal::kOpen, Target::Refusal::kLimited}) {
        Result<Begun> begun = co_await TryRefused(refusal);
        if (begun || stop_) co_return begun;
      }
      co_return Failure();
    }
  }

 private:
  struct State {
    bool tried = false;
    bool hopeless = false;  // what it said will not change by asking again
    bool raced = false;     // it was another's rival in this round
  };

  struct Refused {
    int candidate = -1;
    Target::Refusal refusal = Target::Refusal::kNone;
    SteadyTime retry_at;
    // Of the last resort:
    bool given_up = false;
    std::optional<std::uint64_t> failed_probes = {};
  };

  enum class Asking : std::uint8_t { kUsual, kLast };

  static std::size_t At(int index) { return static_cast<std::size_t>(index); }

  Error NoAttempt() const { return Error{.code = ErrorCode::kUnavailable, .message = "not tried"}; }

  bool Exhausted() const {
    return traces_.size() >= static_cast<std::size_t>(std::max(options_.max_attempts, 1)) ||
           clock_.Now() >= options_.deadline;
  }

  bool Affordable(const Candidate& candidate) const {
    // The first attempt is what was decided on; the cap is for what comes on top.
    return !options_.cost_cap || traces_.empty() ||
           spent_ + candidate.expected_cost <= *options_.cost_cap;
  }

  // Asks and, if it may, calls one candidate, under each credential that may be used.
  Task<Result<Begun>> TryCandidate(int at, Asking asking) {
    const Candidate& candidate = candidates_[At(at)];
    State& state = states_[At(at)];
    if (state.hopeless || state.raced || (candidate.window > 0 && candidate.window <= outgrown_))
      co_return NoAttempt();
    while (true) {
      if (cancel_.cancelled()) {
        stop_ = true;
        co_return Error{.code = ErrorCode::kCancelled, .message = "the client has gone"};
      }
      if (Exhausted() || !Affordable(candidate)) co_return NoAttempt();
      Target::Ticket ticket;
      if (candidate.target != nullptr) {
        const Target::Answer answer =
            asking == Asking::kLast
                ? candidate.target->AskLast(clock_.Now(), options_.tokens)
                : candidate.target->Ask(clock_.Now(), options_.tokens, Chance(options_.random));
        if (!answer.ticket) {
          OnRefusal(at, asking, answer);
          co_return NoAttempt();
        }
        ticket = *answer.ticket;
        // A breaker that is feeling its way back is no place for a retry.
        if (state.tried && ticket.permit == Breaker::Permit::kProbe) {
          candidate.target->Abandoned(ticket);
          co_return NoAttempt();
        }
      }
      if (candidate.promotion != nullptr && !state.tried && !overflowed_ &&
          !candidate.promotion->Take(clock_.Now(), candidate.expected_cost)) {
        if (candidate.target != nullptr) candidate.target->Abandoned(ticket);
        promotion_refused_ = true;
        co_return NoAttempt();
      }
      Result<Begun> begun = co_await Attempt(at, ticket);
      if (begun || stop_) co_return begun;
      const Error& error = begun.error();
      const bool credential = error.code == ErrorCode::kRateLimited ||
                              error.upstream_status == 401 || error.upstream_status == 403;
      if (candidate.target == nullptr || !credential || !candidate.target->MayPass(clock_.Now()))
        co_return begun;
    }
  }

  Task<Result<Begun>> Attempt(int at, Target::Ticket ticket) {
    const Candidate& candidate = candidates_[At(at)];
    if (candidate.budget != nullptr) candidate.budget->OnRequest();
    if (const auto late = LateAfter(candidate)) {
      Result<Begun> begun = co_await AttemptHedged(at, ticket, *late);
      co_return begun;
    }
    const std::size_t trace = Open(at, ticket);
    const llm::Call call = MakeCall(candidate, ticket);
    llm::CallTiming timing;
    Result<std::unique_ptr<llm::Reply>> reply = co_await candidate.provider->Start(call, timing);
    co_return Close(trace, std::move(reply), timing, clock_.Now());
  }

  llm::Call MakeCall(const Candidate& candidate, Target::Ticket ticket) const {
    llm::AttemptLimits limits = candidate.limits;
    if (options_.deadline != SteadyTime::max()) {
      const auto left = std::chrono::duration_cast<milliseconds>(options_.deadline - clock_.Now());
      limits.total = limits.total.count() == 0 ? left : std::min(limits.total, left);
    }
    return {.request = &request_,
            .model = candidate.provider_model,
            .limits = limits,
            .cancel = candidate.drains ? options_.drain_cancel : &cancel_,
            .credential = ticket.credential};
  }

  // Opens the trace of an attempt; an index, because the vector may move.
  std::size_t Open(int at, Target::Ticket ticket) {
    ticket.kind = kind_;
    State& state = states_[At(at)];
    const SteadyTime now = clock_.Now();
    traces_.push_back({.candidate = at,
                       .retry = state.tried,
                       .error = {},
                       .timing = {},
                       .started = now,
                       .ended = now,
                       .ticket = ticket});
    state.tried = true;
    ++tried_;
    return traces_.size() - 1;
  }

  // Writes down what came of an attempt and tells its target.
  Result<Begun> Close(std::size_t index, Result<std::unique_ptr<llm::Reply>> reply,
                      const llm::CallTiming& timing, SteadyTime ended) {
    Trace& trace = traces_[index];
    const Candidate& candidate = candidates_[At(trace.candidate)];
    trace.timing = timing;
    trace.ended = ended;
    if (reply) {
      if (candidate.target != nullptr) {
        candidate.target->Began(trace.ticket, clock_.Now(),
                                ReadRateLimits(timing.limits, clock_.WallNow()));
      }
      return Begun{.reply = std::move(*reply),
                   .candidate = trace.candidate,
                   .trace = static_cast<int>(index)};
    }
    Error error = std::move(reply).error();
    trace.error = error;
    if (error.code == ErrorCode::kTimeout || error.code == ErrorCode::kUpstream || trace.outrun)
      spent_ += candidate.expected_cost;  // it may have been at work
    if (candidate.target != nullptr) {
      const RateLimits told = ReadRateLimits(error.headers, clock_.WallNow());
      candidate.target->Failed(trace.ticket, clock_.Now(), error, told, Chance(options_.random));
    }
    if (trace.outrun) return error;
    if (!WorthFallingBack(error)) stop_ = true;
    if (error.code == ErrorCode::kContextLength) {
      const auto told = llm::ReadOverflow({}, error.message);
      outgrown_ = std::max(outgrown_, told && told->limit > 0 ? told->limit : candidate.window);
      overflowed_ = true;
    }
    if (error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kTooLarge ||
        error.code == ErrorCode::kContextLength || error.upstream_status == 404) {
      states_[At(trace.candidate)].hopeless = true;
    }
    return error;
  }

  // When an answer is late enough for a rival; nothing = it gets none.
  std::optional<milliseconds> LateAfter(const Candidate& candidate) const {
    if (!candidate.hedged || candidate.drains || candidate.target == nullptr ||
        options_.hedges == nullptr || options_.timer == nullptr) {
      return std::nullopt;
    }
    const auto usual = candidate.target->UsualFirstToken(kind_);
    if (!usual) return std::nullopt;
    return std::chrono::ceil<milliseconds>(*usual);
  }

  struct Rival {
    int candidate = -1;
    Target::Ticket ticket = {};
  };

  // The next model of the chain that is well, else the same one again.
  std::optional<Rival> FindRival(int first) {
    if (Exhausted()) return std::nullopt;
    std::vector<int> order;
    for (const int at : order_) {
      const State& state = states_[At(at)];
      if (!state.tried && !state.hopeless) order.push_back(at);
    }
    order.push_back(first);
    const NanoDollars first_cost = candidates_[At(first)].expected_cost;
    for (const int at : order) {
      const Candidate& candidate = candidates_[At(at)];
      if (candidate.promotion != nullptr || candidate.drains || candidate.target == nullptr)
        continue;
      if (options_.cost_cap && spent_ + first_cost + candidate.expected_cost > *options_.cost_cap) {
        continue;
      }
      const Target::Answer answer =
          candidate.target->Ask(clock_.Now(), options_.tokens, Chance(options_.random));
      if (!answer.ticket) continue;
      if (answer.ticket->permit == Breaker::Permit::kYes && options_.hedges->Take(clock_.Now())) {
        return Rival{.candidate = at, .ticket = *answer.ticket};
      }
      candidate.target->Abandoned(*answer.ticket);
      if (answer.ticket->permit == Breaker::Permit::kYes) return std::nullopt;  // no budget
    }
    return std::nullopt;
  }

  // Two attempts at most; the first that begins to answer is the answer.
  Task<Result<Begun>> AttemptHedged(int at, Target::Ticket ticket, milliseconds late) {
    constexpr std::chrono::minutes kLong{1};  // every call ends by its own limits
    Race race(cancel_, *options_.timer, clock_);
    const std::size_t first_trace = Open(at, ticket);
    Runner& first =
        race.Start(*candidates_[At(at)].provider, MakeCall(candidates_[At(at)], ticket));
    co_await race.Wait(late);
    std::optional<Rival> rival;
    if (!first.result && !cancel_.cancelled()) rival = FindRival(at);
    if (!rival) {
      while (!first.result) {
        co_await race.Wait(kLong);
      }
      co_return Close(first_trace, std::move(*first.result), first.timing, first.ended);
    }
    const Candidate& other = candidates_[At(rival->candidate)];
    if (other.budget != nullptr) other.budget->OnRequest();
    const std::size_t second_trace = Open(rival->candidate, rival->ticket);
    traces_[second_trace].hedge = true;
    states_[At(rival->candidate)].raced = true;
    Runner& second = race.Start(*other.provider, MakeCall(other, rival->ticket));
    const auto begun = [](const Runner& runner) { return runner.result && *runner.result; };
    while (!begun(first) && !begun(second) && !(first.result && second.result)) {
      co_await race.Wait(kLong);
    }
    const bool second_wins = !begun(first) && begun(second);
    if (!begun(first) && !second_wins) {
      const Result<Begun> failed =
          Close(second_trace, std::move(*second.result), second.timing, second.ended);
      Result<Begun> also = Close(first_trace, std::move(*first.result), first.timing, first.ended);
      co_return also;
    }
    Runner& winner = second_wins ? second : first;
    Runner& loser = second_wins ? first : second;
    const std::size_t loser_trace = second_wins ? first_trace : second_trace;
    co_await EndLoser(race, loser, loser_trace);
    co_return Close(second_wins ? second_trace : first_trace, std::move(*winner.result),
                    winner.timing, winner.ended);
  }

  Task<void> EndLoser(Race& race, Runner& loser, std::size_t trace) {
    // One that has failed by itself has not been outrun.
    const bool failed = loser.result && !*loser.result;
    traces_[trace].outrun = !failed;
    co_await race.Cancel(loser);
    Result<std::unique_ptr<llm::Reply>> result =
        Error{.code = ErrorCode::kCancelled, .message = "another attempt answered first"};
    if (failed) result = std::move(*loser.result);
    const bool stopped = stop_;
    const Result<Begun> closed =
        Close(trace, std::move(result), loser.timing, failed ? loser.ended : clock_.Now());
    stop_ = stopped;  // what the loser said has no say in what the winner answers
  }

  // Whether another round makes sense; waits until it may start. Error when the client has gone
  // meanwhile. `tried`: the round has made attempts, and the next one makes them again.
  Task<Result<bool>> PrepareRound(int round, bool tried) {
    if (options_.timer == nullptr || Exhausted() || round > options_.retry.most) co_return false;
    std::optional<milliseconds> wait;
    if (tried && round < options_.retry.most) {
      wait = Backoff(options_.retry, round, Chance(options_.random), ShortestWait());
      // Who asks for more patience than that is left to the client, who is told.
      if (*wait > options_.retry.pacing || !TakeBudget()) wait.reset();
    }
    Target* limited = nullptr;
    if (!wait) wait = UntilLimitEnds(limited);
    if (!wait || *wait > options_.retry.pacing) co_return false;
    if (clock_.Now() + *wait >= options_.deadline) co_return false;
    if (limited != nullptr) limited->WaitsForLimit();
    co_await options_.timer->Sleep(*wait, cancel_);
    if (cancel_.cancelled())
      co_return Error{.code = ErrorCode::kCancelled, .message = "the client has gone"};
    co_return true;
  }

  std::optional<milliseconds> UntilLimitEnds(Target*& limited) const {
    const Refused* soonest = nullptr;
    for (const Refused& refused : refusals_) {
      if (refused.refusal != Target::Refusal::kLimited) continue;
      if (soonest == nullptr || refused.retry_at < soonest->retry_at) soonest = &refused;
    }
    if (soonest == nullptr) return std::nullopt;
    limited = candidates_[At(soonest->candidate)].target;
    return std::max(std::chrono::ceil<milliseconds>(soonest->retry_at - clock_.Now()),
                    milliseconds(1));
  }

  bool TakeBudget() const {
    for (const int at : order_) {
      const State& state = states_[At(at)];
      if (!state.tried || state.hopeless) continue;
      RetryBudget* budget = candidates_[At(at)].budget;
      return budget == nullptr || budget->Take(clock_.Now());
    }
    return false;
  }

  std::optional<milliseconds> ShortestWait() const {
    std::optional<milliseconds> shortest;
    for (const Trace& trace : traces_) {
      const milliseconds wait = trace.error->retry_after.value_or(milliseconds(0));
      if (!shortest || wait < *shortest) shortest = wait;
    }
    return shortest;
  }

  void OnRefusal(int at, Asking asking, const Target::Answer& answer) {
    if (asking == Asking::kUsual) {
      refusals_.push_back({at, answer.refusal, answer.retry_at});
      return;
    }
    const auto refused = std::find_if(refusals_.begin(), refusals_.end(),
                                      [at](const Refused& r) { return r.candidate == at; });
    const bool probe_failed =
        refused->failed_probes && *refused->failed_probes != answer.failed_probes;
    refused->given_up = answer.refusal != Target::Refusal::kProbing || probe_failed;
    refused->failed_probes = answer.failed_probes;
  }

  // Nothing that should be asked is left, so what was refused is asked all the same, the least bad
  // first. Where an exchange is finding out already whether a model is well again, this one waits
  // for what comes of it.
  Task<Result<Begun>> TryRefused(Target::Refusal kind) {
    constexpr milliseconds kShortest{5};
    constexpr milliseconds kLongest{100};
    std::sort(refusals_.begin(), refusals_.end(), [](const Refused& a, const Refused& b) {
      return a.retry_at != b.retry_at ? a.retry_at < b.retry_at : a.candidate < b.candidate;
    });
    if (!patient_until_) patient_until_ = clock_.Now() + options_.retry.pacing;
    for (milliseconds step = kShortest;; step = std::min(step * 2, kLongest)) {
      bool waits = false;
      for (std::size_t i = 0; i < refusals_.size(); ++i) {
        if (refusals_[i].refusal != kind || refusals_[i].given_up) continue;
        const std::size_t before = traces_.size();
        Result<Begun> begun = co_await TryCandidate(refusals_[i].candidate, Asking::kLast);
        if (begun || stop_) co_return begun;
        // Tried, or not to be tried by this exchange.
        if (traces_.size() > before || !refusals_[i].failed_probes) refusals_[i].given_up = true;
        waits |= !refusals_[i].given_up;
      }
      if (!waits || options_.timer == nullptr || clock_.Now() + step > *patient_until_ ||
          Exhausted())
        co_return NoAttempt();
      co_await options_.timer->Sleep(step, cancel_);
    }
  }

  Error Failure() const {
    std::optional<milliseconds> wait;
    for (const Refused& refused : refusals_) {
      const auto left = std::max(std::chrono::ceil<milliseconds>(refused.retry_at - clock_.Now()),
                                 milliseconds(1'000));
      if (!wait || left < *wait) wait = left;
    }
    Error error;
    if (!traces_.empty()) {
      error = dispatch::Exhausted(candidates_, traces_, refusals_.size());
    } else if (clock_.Now() >= options_.deadline) {
      error =
          Error{.code = ErrorCode::kTimeout, .message = "the deadline passed before any attempt"};
    } else {
      error = Error{.code = ErrorCode::kUnavailable, .message = "no model may be asked now: "};
      const bool limited = !refusals_.empty() &&
                           std::all_of(refusals_.begin(), refusals_.end(), [](const Refused& r) {
                             return r.refusal == Target::Refusal::kLimited;
                           });
      if (limited) error.code = ErrorCode::kRateLimited;
      for (const Refused& refused : refusals_) {
        if (&refused != refusals_.data()) error.message.append("; ");
        error.message.append(candidates_[At(refused.candidate)].name);
        error.message.append(" ").append(Name(refused.refusal));
      }
      if (promotion_refused_) error.message.append(" (and no room in a higher tier)");
    }
    if (wait && (!error.retry_after || *wait < *error.retry_after)) error.retry_after = wait;
    return error;
  }

  const llm::Request& request_;
  const std::span<const Candidate> candidates_;
  const Options& options_;
  CancelScope& cancel_;
  const Clock& clock_;
  std::vector<Trace>& traces_;
  const AnswerKind kind_;
  const std::vector<int> order_;
  std::vector<State> states_;                // by candidate
  std::vector<Refused> refusals_;            // of the round
  std::size_t tried_ = 0;                    // attempts of the round
  NanoDollars spent_;                        // on attempts that failed
  std::optional<SteadyTime> patient_until_;  // of waiting for others' probes
  bool promotion_refused_ = false;
  bool overflowed_ = false;    // it was too long for one
  std::int64_t outgrown_ = 0;  // the largest window that it was too long for
  bool stop_ = false;          // the last result is final
};

}  // namespace

bool WorthFallingBack(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kRateLimited:
    case ErrorCode::kUpstream:
    case ErrorCode::kProtocol:
    case ErrorCode::kTooLarge:
    case ErrorCode::kContextLength:  // another model's window may be larger
    case ErrorCode::kUnsupported:    // this model's dialect cannot say it; another's may
    case ErrorCode::kIo: return true;
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
    case ErrorCode::kNotFound:
    case ErrorCode::kBudgetExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnacceptable:
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
  if (options.hedges != nullptr) options.hedges->OnRequest();
  Run run(request, candidates, options, cancel, clock, traces);
  Result<Begun> begun = co_await run.Go();
  co_return begun;
}

void Settle(const Candidate& candidate, const Trace& trace, const std::optional<Error>& error,
            const Clock& clock, Random* random) {
  if (candidate.target == nullptr) return;
  const auto first =
      std::chrono::duration_cast<std::chrono::microseconds>(trace.ended - trace.started);
  const SteadyTime now = clock.Now();
  // A client that has gone says nothing: the answer had begun, so the endpoint works.
  if (error && error->code != ErrorCode::kCancelled) {
    candidate.target->Failed(trace.ticket, now, *error, {}, Chance(random));
  } else {
    candidate.target->Succeeded(trace.ticket, now, first, Chance(random));
  }
}

}  // namespace triage::dispatch
