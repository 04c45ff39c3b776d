#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "dispatch/retry.h"
#include "llm/provider.h"

namespace triage::dispatch {

/// One call of a race.
struct Runner {
  llm::CallTiming timing = {};
  SteadyTime ended;  ///< when `result` came
  std::optional<Result<std::unique_ptr<llm::Reply>>> result = {};
  CancelScope cancel;
};

/// Calls under way at the same time on behalf of one exchange. Whoever runs it waits, takes what
/// has begun and ends the others with Cancel before the race goes. The client's departure cancels
/// all of them. One thread; nobody else may wait on `client_gone` meanwhile.
class Race {
 public:
  Race(CancelScope& client_gone, Timer& timer, const Clock& clock);
  ~Race();
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  /// Starts a call, whose `cancel` becomes the runner's. At most two for each race.
  Runner& Start(llm::Provider& provider, llm::Call call);

  /// Returns when a runner has a result that no Wait has told of yet, at the latest after `most`.
  Task<void> Wait(std::chrono::milliseconds most);

  /// Ends a call and waits until it has; its reply, if there is one, is dropped.
  Task<void> Cancel(Runner& runner);

 private:
  Task<void> Run(llm::Provider& provider, llm::Call call, Runner& runner);

  CancelScope& client_gone_;
  Timer& timer_;
  const Clock& clock_;
  std::optional<Runner> first_;
  std::optional<Runner> second_;
  int finished_ = 0;
  int told_ = 0;
  CancelScope* wake_ = nullptr;
  TaskGroup group_;
};

}  // namespace triage::dispatch
