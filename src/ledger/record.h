#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
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
  kEmbedding,
  kReask,      ///< the same model again, told what its answer's checks found
  kEscalation  ///< a higher tier, because an answer did not hold
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

/// What one check said of an attempt's answer.
struct Verdict {
  int attempt = 0;          ///< index into Exchange::attempts
  std::string check;        ///< its name, e.g. "json_schema"
  std::string outcome;      ///< pass, fail, unsure
  std::string reason;       ///< a sentence without text of prompt or answer; empty = pass
  double p_bad = 0;         ///< probability that the answer is unacceptable, given this
  double propensity = 1.0;  ///< probability with which the check was made
  std::chrono::microseconds took{0};
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
  std::vector<Verdict> verdicts;  ///< in the order in which they were found
  std::string tier;               ///< that answered; empty when none did
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

/// A call that was made for an exchange after it had been recorded: a check of a sampled answer,
/// which nobody waited for.
struct LateAttempt {
  ExchangeId exchange;
  Attempt attempt;
  std::vector<Verdict> verdicts;  ///< each about the attempt of the exchange that it names
};

/// What somebody says, or the session's next turn shows, of an exchange's answer.
struct Feedback {
  enum class Source : std::uint8_t { kClient, kSession };

  ExchangeId exchange = {};
  WallTime time = {};
  Source source = Source::kClient;
  std::uint64_t client = 0;  ///< whose credential it came with; must be the exchange's
  std::string kind = {};     ///< thumb, score, label, correction, outcome; of a session its signal
  std::string value = {};    ///< as given; of a correction nothing
  std::string reason = {};   ///< of a session a sentence, of a client schema, wrong, …
  std::optional<double> good =
      {};                ///< 0..1: how good the answer was; nothing = it says nothing of that
  double weight = 0;     ///< of `good` as a label
  std::string key = {};  ///< a second one with the same key changes nothing
  std::optional<ExchangeId> from = {};  ///< of a session: the exchange that showed it
  std::string features = {};            ///< of the exchange, when they may not have been kept yet
  std::uint32_t feature_schema = 0;
  double propensity = 1.0;
};

std::string_view Name(Feedback::Source source);

/// What became of a Feedback.
enum class Recorded : std::uint8_t {
  kNew,
  kRepeated,  ///< it was there already
  kUnknownExchange,
  kNotTheirs,  ///< the exchange came with another credential
};

/// Where finished exchanges go. Called from I/O threads: never blocks, never waits for disk.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Takes the exchange; counts and reports itself what it has to drop.
  virtual void Record(Exchange exchange) = 0;

  /// Behind all exchanges that were recorded before. `done`, unless empty, is called on any thread
  /// once it is safe; kUnavailable when too much waits, kIo when it could not be written.
  virtual void Record(Feedback feedback, std::function<void(Result<Recorded>)> done) = 0;

  /// Behind the exchange; its cost becomes the exchange's.
  virtual void Record(LateAttempt late) = 0;
};

}  // namespace triage::ledger
