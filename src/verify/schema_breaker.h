#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"

namespace triage::verify {

/// Stops cascades for schemas that even the top tier keeps failing: the schema is at fault, not the
/// model. Knows the schemas used last. Any thread.
class SchemaBreaker {
 public:
  struct Options {
    int failures = 3;  ///< of the top tier, one after the other, that open it
    std::chrono::minutes probe_after{10};
    std::size_t most_schemas = 1024;
  };

  SchemaBreaker() : SchemaBreaker(Options{}) {}

  explicit SchemaBreaker(const Options& options) : options_(options) {}

  /// Whether an answer that failed this schema may go up a tier. While open, one exchange may each
  /// `probe_after`.
  bool Allow(std::uint64_t schema, SteadyTime now);

  /// What became of the top tier's answer. One that was valid, of whatever tier, closes it.
  void Failed(std::uint64_t schema, SteadyTime now);
  void Succeeded(std::uint64_t schema);

  bool IsOpen(std::uint64_t schema) const;
  std::size_t open() const;  ///< how many are

  /// What the client is told whose schema is open.
  static Error OpenError();

 private:
  struct Entry {
    int failures = 0;
    SteadyTime probe_at{};
    std::list<std::uint64_t>::iterator age;
  };

  Entry& Touch(std::uint64_t schema);

  const Options options_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::list<std::uint64_t> ages_;  // used last in front
};

}  // namespace triage::verify
