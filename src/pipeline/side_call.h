#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "ledger/record.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "llm/types.h"
#include "pipeline/account.h"
#include "pipeline/snapshot.h"
#include "pipeline/worker.h"

namespace triage::pipeline {

/// One question to a small model on the side of an exchange: a judge's opinion, a spot check. It
/// goes under the model's breaker and limiter and is booked as an attempt. One thread.
class SideCall {
 public:
  /// `model` is an index into the configuration's models.
  SideCall(std::shared_ptr<const Bound> bound, int model);

  /// The question as a request that a provider of any dialect can be called with.
  Result<void> Write(const llm::Conversation& conversation);

  /// Once, after Write: the model's answer, read whole, within `most`. Nothing when none came or it
  /// is none; `error` says why no answer came. `cost` counts its nano-dollars; may be null.
  Task<std::optional<llm::Answer>> Run(Worker& worker, std::chrono::milliseconds most,
                                       observe::Counter* cost);

  /// Cuts the call off.
  void Cancel() { cancel_.Cancel(); }

  /// Whether a call was made: not where the breaker or limiter was against it.
  bool called() const { return called_; }

  bool done() const { return done_; }

  const std::optional<Error>& error() const { return error_; }

  SteadyTime began() const { return began_; }

  SteadyTime ended() const { return ended_; }

  /// For the ledger. Of a call that is still under way: as one that is cut off now.
  ledger::Attempt Booked(ledger::AttemptKind kind, SteadyTime exchange_began) const;

 private:
  const ModelView& model() const { return bound_->snapshot->models[model_]; }

  const decide::ModelOption& option() const { return bound_->snapshot->options.models[model_]; }

  Task<Result<std::string>> Call(std::chrono::milliseconds most, std::size_t credential);
  void Close(dispatch::Target& target, dispatch::Target::Ticket ticket, const Clock& clock,
             double chance) const;

  std::shared_ptr<const Bound> bound_;
  const std::size_t model_;
  llm::Request request_;
  std::int64_t tokens_in_ = 0;
  CancelScope cancel_;
  bool called_ = false;
  bool done_ = false;
  std::optional<Error> error_;
  llm::CallTiming timing_;
  int status_ = 0;
  Account account_;
  SteadyTime began_;
  WallTime time_;  // likewise, which prices hold
  SteadyTime ended_;
};

}  // namespace triage::pipeline
