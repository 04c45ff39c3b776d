#include "pipeline/recent.h"

#include <utility>

namespace triage::pipeline {
namespace {

/// What an entry takes beside its body.
constexpr std::size_t kOverhead = 512;

}  // namespace

void RecentRequests::Configure(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  while (!entries_.empty() && (bytes_ > limits_.bytes || limits_.age.count() == 0)) DropOldest();
}

void RecentRequests::DropOldest() {
  bytes_ -= entries_.front().bytes;
  places_.erase(entries_.front().id);
  entries_.pop_front();
}

void RecentRequests::Keep(const ExchangeId& id, RecentRequest request, SteadyTime now) {
  const std::size_t bytes = request.body.size() + request.repeated.size() + kOverhead;
  const std::lock_guard lock(mutex_);
  if (limits_.age.count() == 0 || bytes > limits_.bytes) return;
  while (!entries_.empty() &&
         (bytes_ + bytes > limits_.bytes || now - entries_.front().kept > limits_.age)) {
    DropOldest();
  }
  entries_.push_back({.id = id, .request = std::move(request), .kept = now, .bytes = bytes});
  places_[id] = std::prev(entries_.end());
  bytes_ += bytes;
}

std::optional<RecentRequest> RecentRequests::Find(const ExchangeId& id, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(id);
  if (found == places_.end() || now - found->second->kept > limits_.age) return std::nullopt;
  return found->second->request;
}

std::size_t RecentRequests::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace triage::pipeline
