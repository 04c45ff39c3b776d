#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/money.h"
#include "observe/metrics.h"

namespace triage::observe {

/// How something ended: nothing = well, else why not. The label value is "ok" or base
/// Name(ErrorCode).
using Outcome = std::optional<ErrorCode>;

/// Metrics of one model of the configuration (label gen_ai_request_model: the provider's own pinned
/// name, `model`: Triage's name of it). Made when the configuration is built and kept beside the
/// model; recording looks nothing up, but for the first time that an error code is seen. From any
/// thread.
class ModelMetrics {
 public:
  /// All three come from the configuration.
  ModelMetrics(Registry& registry, std::string provider, std::string model,
               std::string pinned_name);

  /// An attempt has ended: triage_attempts_total and gen_ai_client_operation_duration_seconds.
  void Attempt(Outcome outcome, std::chrono::nanoseconds total);

  /// The first byte of a streamed answer has come: gen_ai_server_time_to_first_token_seconds, as
  /// the gateway sees it.
  void FirstToken(std::chrono::nanoseconds since_attempt_began);

  /// Tokens of one attempt: gen_ai_client_token_usage for input and output.
  void Tokens(std::int64_t input, std::int64_t output);

  Counter& retries;     ///< triage_retries_total: attempts at a model that had failed before
  Counter& hedges;      ///< triage_hedges_total: second attempts because another one was late
  Counter& hedges_won;  ///< triage_hedges_won_total: those that answered first

 private:
  static constexpr std::size_t kOutcomes = static_cast<std::size_t>(ErrorCode::kInternal) + 2;

  Counter& AddAttempts(Outcome outcome) const;
  Histogram& AddDuration(Outcome outcome) const;

  Registry& registry_;
  std::string provider_;
  std::string model_;
  std::string pinned_name_;
  std::array<std::atomic<Counter*>, kOutcomes> attempts_{};
  std::array<std::atomic<Histogram*>, kOutcomes> durations_{};
  Histogram& first_token_;
  Histogram& input_tokens_;
  Histogram& output_tokens_;
};

/// Metrics of one tier; as ModelMetrics.
class TierMetrics {
 public:
  TierMetrics(Registry& registry, std::string tier);

  /// An exchange that this tier answered, or was to answer, has ended: triage_exchanges_total.
  void Exchange(Outcome outcome);

  Counter&
      fallbacks;  ///< triage_fallbacks_total: failed attempts after which another model was asked
  Counter& escalations;  ///< triage_escalations_total: moves up from this tier: boundary band,
                         ///< verdict, feedback, tier down

  /// triage_cost_nano_dollars_total of a model that this tier's chain names; for the builder of the
  /// configuration.
  Counter& AddCost(std::string_view model) const;

 private:
  static constexpr std::size_t kOutcomes = static_cast<std::size_t>(ErrorCode::kInternal) + 2;

  Counter& AddExchanges(Outcome outcome) const;

  Registry& registry_;
  std::string tier_;
  std::array<std::atomic<Counter*>, kOutcomes> exchanges_{};
};

/// The LLM judge of routing.
struct JudgeMetrics {
  explicit JudgeMetrics(Registry& registry);

  // triage_judge_total, by result:
  Counter& answered;   ///< in time, and had a say
  Counter& cached;     ///< had been asked the same before
  Counter& late;       ///< the router's choice stood, as the answer came too late or not at all
  Counter& failed;     ///< the router's choice stood, as there was no usable answer
  Histogram& seconds;  ///< triage_judge_seconds: of each call, in time or not
};

/// triage_cost_nano_dollars_total of a model that is asked for no tier's answer: tier "none".
Counter& AddCostOfNoTier(Registry& registry, std::string_view model);

/// What the process counts once, whatever is configured. What servers and the ledger's writer count
/// themselves `app` adds as readings.
struct GatewayMetrics {
  explicit GatewayMetrics(Registry& registry);

  JudgeMetrics judge;
  Histogram& decide_seconds;  ///< triage_decide_seconds: features, router and rules of one decision
  Counter& reloads_taken;     ///< triage_config_reloads_total{result="taken"}
  Counter& reloads_refused;   ///< triage_config_reloads_total{result="refused"}
  TierMetrics no_tier;        ///< exchanges that ended before a tier was chosen: tier "none"
};

/// Bounds that the OpenTelemetry GenAI conventions advise.
Buckets OperationDurationBuckets();
Buckets FirstTokenBuckets();
Buckets TokenUsageBuckets();
/// 1 µs … 100 ms.
Buckets DecideBuckets();

}  // namespace triage::observe
