#include "net/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/deadline_wheel.h"

namespace triage::net {
namespace {

// One thread runs a loop, so the reactor needs no locks per descriptor; posting from other threads
// stays safe.
constexpr int kConcurrencyHint = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

/// Awaits a steady timer that a CancelScope may end early.
class SleepAwaiter {
 public:
  SleepAwaiter(boost::asio::io_context& context, std::chrono::microseconds duration,
               CancelScope* cancel)
      : timer_(context), duration_(duration), cancel_(cancel) {}

  bool await_ready() const {
    return duration_.count() <= 0 || (cancel_ != nullptr && cancel_->cancelled());
  }

  void await_suspend(std::coroutine_handle<> handle) {
    timer_.expires_after(duration_);
    if (cancel_ != nullptr) {
      cancel_->SetWaiter([](void* self) { static_cast<SleepAwaiter*>(self)->timer_.cancel(); },
                         this);
    }
    timer_.async_wait([handle](const boost::system::error_code&) { handle.resume(); });
  }

  void await_resume() const {
    if (cancel_ != nullptr) cancel_->ClearWaiter();
  }

 private:
  boost::asio::steady_timer timer_;
  std::chrono::microseconds duration_;
  CancelScope* cancel_;
};

}  // namespace

Loop::Loop()
    : context_(std::make_unique<boost::asio::io_context>(kConcurrencyHint)),
      wheel_(std::make_unique<DeadlineWheel>(*context_)) {}

// The wheel's timer belongs to the context, and handlers that still wait may disarm deadlines when
// they are destroyed.
Loop::~Loop() = default;

void Loop::Run() {
  auto guard = boost::asio::make_work_guard(*context_);
  context_->run();
  context_->restart();
}

void Loop::RunUntil(const std::function<bool()>& done) {
  while (!done()) {
    if (context_->stopped()) context_->restart();
    context_->run_one_for(std::chrono::milliseconds(20));
  }
}

void Loop::Stop() {
  context_->stop();
}

void Loop::Post(std::function<void()> function) {
  boost::asio::post(*context_, std::move(function));
}

void Loop::After(std::chrono::milliseconds delay, std::function<void()> function) {
  auto timer = std::make_shared<boost::asio::steady_timer>(*context_, delay);
  timer->async_wait([timer, run = std::move(function)](const boost::system::error_code& error) {
    if (!error) run();
  });
}

Task<void> Loop::Sleep(std::chrono::microseconds duration, CancelScope* cancel) {
  SleepAwaiter sleep(*context_, duration, cancel);
  co_await sleep;
}

}  // namespace triage::net
