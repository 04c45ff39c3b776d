#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "decide/decision.h"
#include "llm/types.h"

namespace triage::ledger {

/// What an attempt was for.
enum class AttemptKind : std::uint8_t {
  kAnswer,
  kRetry,
  kFallback,
  kJudge,
  kCheck,
  kHedge,  ///< ended because another attempt answered first
  kShadow,
  kEmbedding
};

std::string_view Name(AttemptKind kind);

/// One call to one model on behalf of an exchange.
struct Attempt {
  AttemptKind kind = AttemptKind::kAnswer;
  std::string provider;
  std::string model;  ///< Triage's name of it
  std::string tier;
  int status = 0;     ///< the provider's HTTP status; 0 = none came
  std::string error;  ///< empty = succeeded; else base Name(ErrorCode)
  std::optional<llm::Usage> usage;
  std::optional<NanoDollars> cost;  ///< nothing = unknown, never zero by default
  bool cost_estimated = false;
  std::chrono::microseconds started{0};  ///< since the exchange began
  std::chrono::microseconds connect{0};
  std::chrono::microseconds first_byte{0};  ///< since the attempt began
  std::chrono::microseconds total{0};
};

/// One client request and its final answer.
struct Exchange {
  ExchangeId id;
  WallTime time;
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  llm::Context context;
  std::string requested_model;
  bool stream = false;
  decide::Decision decision;
  std::vector<Attempt> attempts;
  std::string tier;  ///< that answered; empty when none did
  std::string provider;
  std::string model;
  int status = 0;     ///< HTTP status that the client got; 499 when it had gone
  std::string error;  ///< empty = answered in full
  bool client_gone = false;
  int escalations = 0;        ///< moves up after an answer was judged
  std::string promoted_from;  ///< tier that was down; empty otherwise
  NanoDollars cost;           ///< sum over attempts with known cost
  bool cost_complete = true;  ///< false when an attempt's cost is unknown or estimated
  std::optional<NanoDollars>
      baseline_cost;  ///< the same tokens on the baseline (top) tier: modelled
  std::chrono::microseconds first_byte{0};  ///< to the client, since the exchange began
  std::chrono::microseconds total{0};
  std::string features;  ///< compressed feature vector for the learning store; empty = not sampled
  std::uint32_t feature_schema = 0;
};

/// Where finished exchanges go. Called from I/O threads: never blocks, never waits for disk.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Takes the exchange; counts and reports itself what it has to drop.
  virtual void Record(Exchange exchange) = 0;
};

}  // namespace triage::ledger
