#include "dispatch/race.h"

#include <utility>

namespace triage::dispatch {

Race::Race(CancelScope& client_gone, Timer& timer, const Clock& clock)
    : client_gone_(client_gone), timer_(timer), clock_(clock) {
  client_gone_.SetWaiter(
      [](void* self) {
        auto* race = static_cast<Race*>(self);
        if (race->first_) race->first_->cancel.Cancel();
        if (race->second_) race->second_->cancel.Cancel();
      },
      this);
}

Race::~Race() {
  client_gone_.ClearWaiter();
}

Runner& Race::Start(llm::Provider& provider, llm::Call call) {
  TRIAGE_CHECK(!second_);
  std::optional<Runner>& place = first_ ? second_ : first_;
  Runner& runner = place.emplace();
  call.cancel = &runner.cancel;
  if (client_gone_.cancelled()) runner.cancel.Cancel();
  group_.Spawn(Run(provider, call, runner));
  return runner;
}

Task<void> Race::Run(llm::Provider& provider, llm::Call call, Runner& runner) {
  runner.result.emplace(co_await provider.Start(call, runner.timing));
  runner.ended = clock_.Now();
  ++finished_;
  if (wake_ != nullptr) wake_->Cancel();
}

Task<void> Race::Wait(std::chrono::milliseconds most) {
  if (finished_ == told_) {
    CancelScope wake;
    wake_ = &wake;
    co_await timer_.Sleep(most, wake);
    wake_ = nullptr;
  }
  told_ = finished_;
}

Task<void> Race::Cancel(Runner& runner) {
  // Every call ends soon when it is cancelled; the time is only how often that is looked at.
  constexpr std::chrono::minutes kLong{1};
  if (!runner.result) runner.cancel.Cancel();
  while (!runner.result) {
    co_await Wait(kLong);
  }
  if (*runner.result) runner.result->value().reset();
}

}  // namespace triage::dispatch
