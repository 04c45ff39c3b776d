#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/money.h"
#include "base/random.h"
#include "base/task.h"
#include "dispatch/promotion.h"
#include "dispatch/retry.h"
#include "dispatch/target.h"
#include "llm/provider.h"
#include "llm/types.h"

namespace triage::dispatch {

/// One model that may be tried, in the order of trying: the chosen tier's chain, then higher
/// tiers'.
struct Candidate {
  llm::Provider* provider = nullptr;
  std::string_view provider_model = {};  ///< the provider's own name of it
  std::string_view name = {};            ///< Triage's name of it, for messages
  llm::AttemptLimits limits = {};
  int model = -1;           ///< index into the configuration's models
  int tier = -1;            ///< index into the configuration's tiers; -1 = in none
  bool drains = false;      ///< its provider's calls are read to their end when the client has gone
  int position = -1;        ///< in its chain: those that share one share its load; -1 = alone
  double weight = 1;        ///< among those of its position
  std::int64_t window = 0;  ///< tokens that it takes; 0 = unknown
  NanoDollars expected_cost = {};
  Target* target = nullptr;        ///< null = always tried
  RetryBudget* budget = nullptr;   ///< of its provider; null = retried without one
  Promotion* promotion = nullptr;  ///< asked before; null = of the chosen tier's own chain
  bool hedged = false;  ///< a late answer of it is not waited for alone, see Options::hedges
};

/// What became of one attempt.
struct Trace {
  int candidate = -1;
  bool retry = false;          ///< the candidate had been tried before
  bool hedge = false;          ///< started because another attempt's answer was late
  bool outrun = false;         ///< cancelled, or dropped, because that other one answered first
  std::optional<Error> error;  ///< nothing: the answer has begun
  llm::CallTiming timing;
  SteadyTime started;
  SteadyTime ended;  ///< of a failure, or of the answer's beginning
  Target::Ticket ticket = {};
};

struct Options {
  int max_attempts = 5;
  SteadyTime deadline = SteadyTime::max();   ///< of all attempts together
  std::optional<NanoDollars> cost_cap = {};  ///< of what all attempts are expected to cost
  std::int64_t tokens = 0;                   ///< of the request and its answer, for limiters
  CancelScope* drain_cancel = nullptr;  ///< of candidates that drain; not null if there are any
  RetryPolicy retry = {};
  Timer* timer = nullptr;  ///< null = no retries and no pacing
  /// How many second attempts may be made where the first one's answer is later than its model's
  /// usual p95; null = none. Needs a timer.
  RetryBudget* hedges = nullptr;
  Random* random = nullptr;  ///< null = no chance: balancing, jitter and ramps take the middle
};

struct Begun {
  std::unique_ptr<llm::Reply> reply;
  int candidate = -1;
  int trace = -1;  ///< index of the attempt that answered
};

/// Whether another model may do better: not for what the client got wrong, nor when it has gone.
bool WorthFallingBack(const Error& error);

/// Tries candidates until an answer has begun; nothing has been released to the client up to then,
/// so the next one can stand in silently.
///
/// One round goes through all candidates in order; within a position the less loaded of two drawn
/// by weight comes first (power of two choices on peak-EWMA). A candidate whose breaker is open,
/// whose limit is used up or whose promotion is refused is passed over; after a 429, 401 or 403 it
/// is tried again at once under another credential. When a round has failed, retries follow after a
/// backoff, as budget, attempts and deadline allow. When nothing else is left, what was passed over
/// is asked all the same, the least bad first (Target::AskLast), and a rate limit that ends soon is
/// waited for.
///
/// A hedged candidate that has said nothing by its p95 time to first token gets a rival: the next
/// model of the chain that is well, else itself. The first to begin an answer gives it, the other
/// is cancelled.
///
/// When a candidate refuses the request as too long (kContextLength), it is not asked again, those
/// whose windows are no larger are passed over, and those of higher tiers need no promotion.
///
/// Every attempt is appended to `traces`. When all fail: the error of the only attempt, or one that
/// names all of them (their common code, else kUnavailable), with the shortest retry hint.
Task<Result<Begun>> Dispatch(const llm::Request& request, std::span<const Candidate> candidates,
                             const Options& options, CancelScope& cancel, const Clock& clock,
                             std::vector<Trace>& traces);

/// Closes the attempt that answered, once its answer has ended: `error` is set when it broke off.
void Settle(const Candidate& candidate, const Trace& trace, const std::optional<Error>& error,
            const Clock& clock, Random* random);

}  // namespace triage::dispatch
