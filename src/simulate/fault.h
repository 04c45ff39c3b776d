#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace triage::simulate {

/// What goes wrong with one answer.
enum class FaultKind : std::uint8_t {
  kStatus,  ///< an error status, with or without Retry-After, as JSON or as a proxy's HTML page
  kClose,   ///< the connection is cut before the first byte of an answer
  kHang,    ///< nothing comes until the client leaves
  kSlowHeaders,  ///< `delay` more before the head
  kSlowTokens,   ///< `factor` times slower
  kCut,          ///< the connection is cut after `chunks` chunks of text
  kErrorEvent,   ///< 200, then an error event after `chunks` chunks of text
  kGarbage,      ///< 200 with a body that is no JSON
  kContentType,  ///< the right body under the wrong type
  kEmpty,        ///< 200 with an empty answer
  kDegraded,     ///< 200 with a placeholder where the answer should be
  kDown,         ///< nobody listens: connections are refused, open ones are closed
};

struct Fault {
  FaultKind kind = FaultKind::kStatus;
  int status = 503;
  std::optional<int> retry_after_seconds;
  bool html = false;
  std::chrono::microseconds delay{0};
  double factor = 1;
  int chunks = 0;
  std::string content_type;
};

/// When a fault strikes: all conditions together.
struct FaultRule {
  std::string model;  ///< "*" = every model
  Fault fault;
  std::uint64_t every = 1;  ///< each n-th request of that model
  double probability = 1;
  std::chrono::microseconds from{0};  ///< simulated time since the start
  std::chrono::microseconds until = std::chrono::microseconds::max();
  std::chrono::microseconds flap{
      0};  ///< not in the first such period, in the second, …; 0 = always
  std::uint64_t times = std::numeric_limits<std::uint64_t>::max();  ///< at most so often
};

/// "MODEL:KIND[,CONDITION…]"; exactly one KIND of status=CODE [retry_after=SECONDS] [html], close,
/// hang, slow_headers=DURATION, slow_tokens=FACTOR, cut=CHUNKS, error_event=CHUNKS, garbage,
/// content_type=TYPE, empty, degraded, down; CONDITION is every=N, p=PROBABILITY, from=DURATION,
/// until=DURATION, flap=DURATION, times=N; down takes only from, until and flap, and
/// no model but "*". kInvalidRequest says what is wrong.
Result<FaultRule> ParseFaultRule(std::string_view text);

/// A file of rules, one a line, '#' starts a comment. kInvalidRequest names the line, kIo an
/// unreadable file.
Result<std::vector<FaultRule>> LoadFaultRules(const std::string& path);

/// Decides for each request which fault it meets, if any; the same seed and order of requests give
/// the same faults. Thread-safe.
class FaultSchedule {
 public:
  FaultSchedule(std::vector<FaultRule> rules, std::uint64_t seed);

  /// The fault of the first rule that strikes now. `elapsed` is simulated time since the start.
  const Fault* Next(std::string_view model, std::chrono::microseconds elapsed);

  /// Whether some rule may take the listener down, and whether one does now.
  bool MayBeDown() const;
  bool DownAt(std::chrono::microseconds elapsed) const;

 private:
  struct Counts {
    std::atomic<std::uint64_t> seen{0};
    std::atomic<std::uint64_t> struck{0};
  };

  std::vector<FaultRule> rules_;
  std::unique_ptr<Counts[]> counts_;
  std::uint64_t seed_;
};

}  // namespace triage::simulate
