#pragma once

namespace triage {

/// Lets one owner end whatever a coroutine is waiting for. One thread; one waiter at a time,
/// because an exchange is one coroutine. Cancelled once, for good.
class CancelScope {
 public:
  using Hook = void (*)(void* waiter);

  CancelScope() = default;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  bool cancelled() const { return cancelled_; }

  /// Calls the waiter's hook, if somebody waits. The hook must make the wait end soon; it may not
  /// resume in place.
  void Cancel() {
    cancelled_ = true;
    if (hook_ != nullptr) hook_(waiter_);
  }

  void SetWaiter(Hook hook, void* waiter) {
    hook_ = hook;
    waiter_ = waiter;
  }

  void ClearWaiter() { hook_ = nullptr; }

 private:
  bool cancelled_ = false;
  Hook hook_ = nullptr;
  void* waiter_ = nullptr;
};

}  // namespace triage
