#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "llm/types.h"

namespace triage::pipeline {

/// A request that was answered a short while ago, so that feedback can have it answered again and
/// learn from it. Only ever in memory.
struct RecentRequest {
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  std::string body;      ///< the client's bytes
  std::string repeated;  ///< as of llm::Request
  llm::Context context;
  std::string tier;  ///< that answered; empty = none
};

/// Requests of the last minutes of all threads, by their exchange: bounded in age and bytes.
class RecentRequests {
 public:
  struct Limits {
    std::chrono::milliseconds age{0};  ///< 0 = nothing is kept
    std::size_t bytes = 0;
  };

  void Configure(const Limits& limits);

  void Keep(const ExchangeId& id, RecentRequest request, SteadyTime now);

  /// A copy; nothing when it is not, or no longer, there.
  std::optional<RecentRequest> Find(const ExchangeId& id, SteadyTime now);

  std::size_t bytes() const;

 private:
  struct Entry {
    ExchangeId id;
    RecentRequest request;
    SteadyTime kept;
    std::size_t bytes = 0;
  };

  void DropOldest();

  mutable std::mutex mutex_;
  Limits limits_;
  std::list<Entry> entries_;  // oldest first
  std::map<ExchangeId, std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace triage::pipeline
