#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/demo_traffic.h"
#include "base/clock.h"
#include "net/client.h"
#include "net/loop.h"
#include "simulate/recorded.h"

namespace triage::app {

/// What the client got for one request.
struct DemoReply {
  int status = 0;     ///< 0 = no answer at all
  std::string error;  ///< empty = a whole answer
  std::string text;
  std::string exchange;  ///< x-triage-id
  std::string tier;      ///< x-triage-tier
  std::string model;     ///< x-triage-model
  std::string cost_usd;  ///< x-triage-cost-usd; empty for streams
  std::optional<std::int64_t> prompt_tokens;
  std::optional<std::int64_t> completion_tokens;
  std::chrono::microseconds total{0};  ///< start of the call → last byte
};

/// Takes a complete response apart; `body` is JSON or, with `stream`, server-sent events. A stream
/// without [DONE], an error event or a body of another shape gives `error`.
void ReadReply(std::string_view body, bool stream, DemoReply& reply);

struct LoadOptions {
  net::Origin origin;
  std::size_t concurrency = 96;
  net::CallLimits limits;
};

/// Sends all requests, at most `concurrency` at a time, and runs the loop until all have ended.
/// Replies stand in the order of the requests. `progress` is told how many are done.
std::vector<DemoReply> RunLoad(net::Loop& loop, const LoadOptions& options,
                               std::span<const simulate::RecordedQuestion> questions,
                               std::span<const DemoRequest> requests, const Clock& clock,
                               const std::function<void(std::size_t)>& progress);

}  // namespace triage::app
