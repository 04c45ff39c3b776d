#include "net/deadline_wheel.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace triage::net {

using internal::Link;

struct DeadlineWheel::Timer {
  explicit Timer(boost::asio::io_context& context) : timer(context) {}

  boost::asio::steady_timer timer;
};

namespace {

void Unlink(Link& link) {
  link.previous->next = link.next;
  link.next->previous = link.previous;
  link.previous = link.next = nullptr;
}

void Append(Link& head, Link& link) {
  link.previous = head.previous;
  link.next = &head;
  head.previous->next = &link;
  head.previous = &link;
}

}  // namespace

DeadlineWheel::DeadlineWheel(boost::asio::io_context& context)
    : timer_(std::make_unique<Timer>(context)) {
  for (Link& head : slots_) head.previous = head.next = &head;
}

DeadlineWheel::~DeadlineWheel() {
  for (Link& head : slots_) {
    while (head.next != &head) static_cast<Entry*>(head.next)->Disarm();
  }
}

std::uint64_t DeadlineWheel::TickOf(SteadyTime time) const {
  return static_cast<std::uint64_t>(time.time_since_epoch() / kTick);
}

void DeadlineWheel::Entry::Disarm() {
  if (previous == nullptr) return;
  Unlink(*this);
  --wheel_->armed_;
}

void DeadlineWheel::Insert(Entry& entry) {
  // One tick later than the deadline's own, so that a sweep never comes early.
  Append(slots_[(TickOf(entry.deadline_) + 1) % kSlots], entry);
  entry.wheel_ = this;
  ++armed_;
}

void DeadlineWheel::Arm(Entry& entry, std::chrono::milliseconds limit) {
  entry.Disarm();
  const SteadyTime now = std::chrono::steady_clock::now();
  entry.deadline_ = now + limit;
  if (!running_) {
    swept_ = TickOf(now);
    StartTimer();
  }
  Insert(entry);
}

void DeadlineWheel::StartTimer() {
  running_ = true;
  timer_->timer.expires_after(kTick);
  timer_->timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) Sweep();
  });
}

void DeadlineWheel::Sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::uint64_t current = TickOf(now);
  // After a long stall one turn covers every slot.
  if (current - swept_ > kSlots) swept_ = current - kSlots;
  Link due;
  due.previous = due.next = &due;
  for (; swept_ < current; ++swept_) {
    Link& head = slots_[(swept_ + 1) % kSlots];
    for (Link* link = head.next; link != &head;) {
      Link* const next = link->next;
      if (static_cast<Entry*>(link)->deadline_ <= now) {
        Unlink(*link);
        Append(due, *link);
      }
      link = next;
    }
  }
  // A hook may disarm or destroy any other entry; each leaves the list by itself.
  while (due.next != &due) {
    Entry& entry = *static_cast<Entry*>(due.next);
    entry.Disarm();
    entry.hook_(entry.owner_);
  }
  if (armed_ > 0) {
    StartTimer();
  } else {
    running_ = false;
  }
}

}  // namespace triage::net
