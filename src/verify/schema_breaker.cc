#include "verify/schema_breaker.h"

namespace triage::verify {

SchemaBreaker::Entry& SchemaBreaker::Touch(std::uint64_t schema) {
  const auto [at, added] = entries_.try_emplace(schema);
  Entry& entry = at->second;
  if (added) {
    entry.age = ages_.insert(ages_.begin(), schema);
    if (entries_.size() > options_.most_schemas) {
      entries_.erase(ages_.back());
      ages_.pop_back();
    }
  } else {
    ages_.splice(ages_.begin(), ages_, entry.age);
  }
  return entry;
}

bool SchemaBreaker::Allow(std::uint64_t schema, SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  const auto at = entries_.find(schema);
  if (at == entries_.end() || at->second.failures < options_.failures) return true;
  Entry& entry = Touch(schema);
  if (now < entry.probe_at) return false;
  entry.probe_at = now + options_.probe_after;
  return true;
}

void SchemaBreaker::Failed(std::uint64_t schema, SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  Entry& entry = Touch(schema);
  if (entry.failures < options_.failures) ++entry.failures;
  if (entry.failures >= options_.failures) entry.probe_at = now + options_.probe_after;
}

void SchemaBreaker::Succeeded(std::uint64_t schema) {
  const std::scoped_lock lock(mutex_);
  const auto at = entries_.find(schema);
  if (at == entries_.end()) return;
  ages_.erase(at->second.age);
  entries_.erase(at);
}

bool SchemaBreaker::IsOpen(std::uint64_t schema) const {
  const std::scoped_lock lock(mutex_);
  const auto at = entries_.find(schema);
  return at != entries_.end() && at->second.failures >= options_.failures;
}

std::size_t SchemaBreaker::open() const {
  const std::scoped_lock lock(mutex_);
  std::size_t count = 0;
  for (const auto& [schema, entry] : entries_) {
    if (entry.failures >= options_.failures) ++count;
  }
  return count;
}

Error SchemaBreaker::OpenError() {
  return {.code = ErrorCode::kUnavailable,
          .message =
              "no model of any tier has lately given an answer that follows this JSON schema, "
              "so it is not tried on a higher tier again for now; check whether the schema "
              "can be satisfied"};
}

}  // namespace triage::verify
