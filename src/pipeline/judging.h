#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/task.h"
#include "decide/decision.h"
#include "judge/cache.h"
#include "ledger/record.h"
#include "llm/types.h"
#include "pipeline/session_turn.h"
#include "pipeline/snapshot.h"
#include "pipeline/worker.h"
#include "prices/text_size.h"

namespace triage::pipeline {

/// One question that is under way, or has been answered; in judging.cc.
struct Asking;

/// The questions to LLM judges that one thread has under way. Outlives its exchanges. Its calls end
/// soon after the last exchange that waited for them has; whoever destroys it runs the loop until
/// `active` is 0.
class Judges {
 public:
  Judges() = default;
  Judges(const Judges&) = delete;
  Judges& operator=(const Judges&) = delete;

  int active() const { return group_.active(); }

 private:
  friend class Consultation;

  /// The same question, if it is under way.
  std::shared_ptr<Asking> Find(const judge::QuestionKey& key) const;
  void Begin(Worker& worker, std::shared_ptr<Asking> asking);
  Task<void> Run(Worker& worker, std::shared_ptr<Asking> asking);

  std::vector<std::shared_ptr<Asking>> under_way_;
  TaskGroup group_;
};

/// What one exchange asks the judge. One thread. An answer that is not there by the deadline has no
/// say, but is waited for in the background as long as the exchange lasts, so that the next one
/// finds it and the decision tells of it.
class Consultation {
 public:
  Consultation() = default;
  ~Consultation();
  Consultation(const Consultation&) = delete;
  Consultation& operator=(const Consultation&) = delete;

  /// What is decided again with the judge's opinion; the references outlive the call only.
  struct Subject {
    const llm::Request& request;
    const prices::TextSize& size;
    SessionTurn* session = nullptr;  ///< as for DecideRequest
    SteadyTime until = SteadyTime::max();
  };

  /// For a decision that is in doubt (Decision::doubtful): asks the judge and decides again with
  /// what it says by its deadline, at the latest by Subject::until. Otherwise, and where the judge
  /// fails, may not see the request's data, or the client goes, the decision stands; a step says
  /// why.
  Task<void> Consult(Worker& worker, std::shared_ptr<const Bound> bound, Subject subject,
                     CancelScope& client_gone, decide::Decision& decision);

  /// When the exchange's account is closed: the call, if it is this exchange's to pay, and what it
  /// said too late. A call that nobody waits for any more is cut off. Nothing when there was none.
  std::optional<ledger::Attempt> Settle(SteadyTime exchange_began, decide::Decision& decision);

 private:
  Task<void> Wait(Worker& worker, SteadyTime deadline, CancelScope& client_gone);
  void Leave();

  std::shared_ptr<Asking> asking_;
};

}  // namespace triage::pipeline
