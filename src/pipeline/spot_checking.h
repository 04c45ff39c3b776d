#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/task.h"
#include "decide/decision.h"
#include "ledger/record.h"
#include "llm/types.h"
#include "pipeline/snapshot.h"
#include "pipeline/worker.h"
#include "verify/verdict.h"

namespace triage::pipeline {

/// An answer that a model may look at, and how much is known of it. Views into what the caller
/// keeps.
struct SpotSubject {
  const llm::Request& request;
  const decide::Decision& decision;
  std::string_view answer;
  int author = -1;   ///< index of the model that gave it
  int tier = -1;     ///< index; -1 = in none
  double doubt = 0;  ///< probability that it is bad, by other checks
  NanoDollars retry_cost = {};
  WallTime time = {};  ///< of the exchange: whose prices hold
};

/// Whether the configured model may judge it: it is of another family than the author, whose
/// faults it would share, and may see the request's data.
bool MayLook(const Bound& bound, const SpotSubject& subject);

/// Whether holding the answer back for it pays (judge::WorthChecking).
bool WorthLooking(const Bound& bound, const SpotSubject& subject);

struct SpotVerdict {
  verify::Verdict verdict;  ///< kUnsure where none came
  std::optional<ledger::Attempt> attempt;
};

/// Asks the model now. `bound` has a spot check.
Task<SpotVerdict> LookAt(Worker& worker, std::shared_ptr<const Bound> bound, SpotSubject subject,
                         CancelScope& client_gone, SteadyTime exchange_began);

/// Looks at delivered answers that were drawn for it, in the background of one thread. Outlives its
/// exchanges; whoever destroys it runs the loop until `active` is 0.
class SpotChecks {
 public:
  struct Delivered {
    ExchangeId exchange;
    int attempt = 0;  ///< index of the attempt that gave the answer
    NanoDollars cost;
    SteadyTime began;
  };

  int active() const { return group_.active(); }

  /// Draws, and begins to look where it falls so. Verdict and cost go to the ledger as a late
  /// attempt, with the probability of having been drawn.
  void Sample(Worker& worker, std::shared_ptr<const Bound> bound, const SpotSubject& subject,
              const Delivered& delivered);

 private:
  struct Drawn;
  Task<void> Run(Worker& worker, std::shared_ptr<Drawn> drawn);

  TaskGroup group_;
};

}  // namespace triage::pipeline
