#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
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
  int model = -1;       ///< index into the configuration's models
  int tier = -1;        ///< index into the configuration's tiers; -1 = in none
  bool drains = false;  ///< its provider's calls are read to their end when the client has gone
};

/// What became of one attempt.
struct Trace {
  int candidate = -1;
  std::optional<Error> error;  ///< nothing: the answer has begun
  llm::CallTiming timing;
  SteadyTime started;
  SteadyTime ended;  ///< of a failure, or of the answer's beginning
};

struct Options {
  int max_attempts = 5;
  SteadyTime deadline = SteadyTime::max();  ///< of all attempts together
  CancelScope* drain_cancel = nullptr;  ///< of candidates that drain; never null if there are any
};

struct Begun {
  std::unique_ptr<llm::Reply> reply;
  int candidate = -1;
};

/// Whether another model may do better: not for what the client got wrong, nor when it has gone.
bool WorthFallingBack(const Error& error);

/// Tries candidates in order until an answer has begun; nothing has been released to the client up
/// to then, so the next one can stand in silently. Every attempt is appended to `traces`. When all
/// fail: the error of the only attempt, or one that names all of them (kRateLimited or kTimeout
/// when each was, else kUnavailable), with the shortest retry hint.
Task<Result<Begun>> Dispatch(const llm::Request& request, std::span<const Candidate> candidates,
                             const Options& options, CancelScope& cancel, const Clock& clock,
                             std::vector<Trace>& traces);

}  // namespace triage::dispatch
