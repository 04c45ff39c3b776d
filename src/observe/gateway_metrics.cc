#include "observe/gateway_metrics.h"

#include <vector>

namespace triage::observe {
namespace {

std::string_view OutcomeName(Outcome outcome) {
  return outcome ? Name(*outcome) : std::string_view("ok");
}

std::size_t OutcomeIndex(Outcome outcome) {
  return outcome ? static_cast<std::size_t>(*outcome) + 1 : 0;
}

/// The handle in `slot`; `add` gives it the first time. Two threads may both add: the registry
/// gives both the same.
template <class Handle, class Add>
Handle& GetOrAdd(std::atomic<Handle*>& slot, const Add& add) {
  Handle* handle = slot.load(std::memory_order_acquire);
  if (handle == nullptr) {
    handle = &add();
    slot.store(handle, std::memory_order_release);
  }
  return *handle;
}

Buckets Seconds(const std::vector<double>& bounds) {
  Buckets buckets{.unit = Unit::kSeconds, .bounds = {}};
  for (const double bound : bounds)
    buckets.bounds.push_back(static_cast<std::int64_t>(bound * 1e9 + 0.5));
  return buckets;
}

/// The labels that all gen_ai metrics share.
Labels GenAiLabels(const std::string& provider, const std::string& pinned_name) {
  return {{"gen_ai_operation_name", "chat"},
          {"gen_ai_provider_name", provider},
          {"gen_ai_request_model", pinned_name}};
}

Histogram& AddTokens(Registry& registry, const std::string& provider,
                     const std::string& pinned_name, std::string_view type) {
  Labels labels = GenAiLabels(provider, pinned_name);
  labels.emplace_back("gen_ai_token_type", type);
  return registry.AddHistogram("gen_ai_client_token_usage", "Tokens used by one attempt, by type.",
                               TokenUsageBuckets(), std::move(labels));
}

Counter& AddCostCounter(Registry& registry, std::string_view tier, std::string_view model) {
  return registry.AddCounter("triage_cost_nano_dollars_total",
                             "Cost of attempts in billionths of a US dollar.",
                             {{"tier", std::string(tier)}, {"model", std::string(model)}});
}

Counter& AddJudged(Registry& registry, std::string_view result) {
  return registry.AddCounter("triage_judge_total",
                             "Decisions that the LLM judge was asked for, by what came of it.",
                             {{"result", std::string(result)}});
}

}  // namespace

ModelMetrics::ModelMetrics(Registry& registry, std::string provider, std::string model,
                           std::string pinned_name)
    : retries(registry.AddCounter("triage_retries_total",
                                  "Attempts at a model that had failed the exchange before.",
                                  {{"provider", provider}, {"model", model}})),
      hedges(registry.AddCounter("triage_hedges_total",
                                 "Second attempts because another one's answer was late.",
                                 {{"provider", provider}, {"model", model}})),
      hedges_won(registry.AddCounter("triage_hedges_won_total",
                                     "Second attempts that answered before the first.",
                                     {{"provider", provider}, {"model", model}})),
      registry_(registry),
      provider_(std::move(provider)),
      model_(std::move(model)),
      pinned_name_(std::move(pinned_name)),
      first_token_(registry.AddHistogram(
          "gen_ai_server_time_to_first_token_seconds",
          "Time from an attempt's start to the first byte of its streamed answer.",
          FirstTokenBuckets(), GenAiLabels(provider_, pinned_name_))),
      input_tokens_(AddTokens(registry, provider_, pinned_name_, "input")),
      output_tokens_(AddTokens(registry, provider_, pinned_name_, "output")) {
  attempts_[0] = &AddAttempts(std::nullopt);
  durations_[0] = &AddDuration(std::nullopt);
}

void ModelMetrics::Attempt(Outcome outcome, std::chrono::nanoseconds total) {
  const std::size_t index = OutcomeIndex(outcome);
  GetOrAdd(attempts_[index], [&]() -> Counter& { return AddAttempts(outcome); }).Add();
  GetOrAdd(durations_[index], [&]() -> Histogram& { return AddDuration(outcome); }).Record(total);
}

void ModelMetrics::FirstToken(std::chrono::nanoseconds since_attempt_began) {
  first_token_.Record(since_attempt_began);
}

void ModelMetrics::Tokens(std::int64_t input, std::int64_t output) {
  input_tokens_.Record(input);
  output_tokens_.Record(output);
}

Counter& ModelMetrics::AddAttempts(Outcome outcome) const {
  return registry_.AddCounter(
      "triage_attempts_total",
      "Attempts: calls to a model on behalf of an exchange, by how they ended.",
      {{"provider", provider_}, {"model", model_}, {"outcome", std::string(OutcomeName(outcome))}});
}

Histogram& ModelMetrics::AddDuration(Outcome outcome) const {
  Labels labels = GenAiLabels(provider_, pinned_name_);
  if (outcome) labels.emplace_back("error_type", OutcomeName(outcome));
  return registry_.AddHistogram(
      "gen_ai_client_operation_duration_seconds",
      "Duration of an attempt, from its start to the last byte of its answer.",
      OperationDurationBuckets(), std::move(labels));
}

TierMetrics::TierMetrics(Registry& registry, std::string tier)
    : fallbacks(registry.AddCounter("triage_fallbacks_total",
                                    "Failed attempts after which another model was asked.",
                                    {{"tier", tier}})),
      escalations(registry.AddCounter(
          "triage_escalations_total",
          "Moves up from this tier: boundary band, verdict, feedback, tier down.",
          {{"tier", tier}})),
      registry_(registry),
      tier_(std::move(tier)) {
  exchanges_[0] = &AddExchanges(std::nullopt);
}

void TierMetrics::Exchange(Outcome outcome) {
  GetOrAdd(exchanges_[OutcomeIndex(outcome)], [&]() -> Counter& {
    return AddExchanges(outcome);
  }).Add();
}

Counter& TierMetrics::AddCost(std::string_view model) const {
  return AddCostCounter(registry_, tier_, model);
}

Counter& TierMetrics::AddExchanges(Outcome outcome) const {
  return registry_.AddCounter("triage_exchanges_total",
                              "Client requests, by the tier that answered and how they ended.",
                              {{"tier", tier_}, {"outcome", std::string(OutcomeName(outcome))}});
}

Counter& AddCostOfNoTier(Registry& registry, std::string_view model) {
  return AddCostCounter(registry, "none", model);
}

JudgeMetrics::JudgeMetrics(Registry& registry)
    : answered(AddJudged(registry, "answered")),
      cached(AddJudged(registry, "cached")),
      late(AddJudged(registry, "late")),
      failed(AddJudged(registry, "failed")),
      seconds(registry.AddHistogram("triage_judge_seconds",
                                    "Duration of a call to the LLM judge of routing.",
                                    FirstTokenBuckets())) {}

GatewayMetrics::GatewayMetrics(Registry& registry)
    : judge(registry),
      decide_seconds(registry.AddHistogram("triage_decide_seconds", "Time spent on one decision.",
                                           DecideBuckets())),
      reloads_taken(registry.AddCounter("triage_config_reloads_total",
                                        "Reloads of the configuration.", {{"result", "taken"}})),
      reloads_refused(registry.AddCounter(
          "triage_config_reloads_total", "Reloads of the configuration.", {{"result", "refused"}})),
      no_tier(registry, "none") {}

Buckets OperationDurationBuckets() {
  return Seconds(
      {0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92});
}

Buckets FirstTokenBuckets() {
  return Seconds(
      {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0});
}

Buckets TokenUsageBuckets() {
  return {.unit = Unit::kCount,
          .bounds = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304,
                     16777216, 67108864}};
}

Buckets DecideBuckets() {
  return Seconds({1e-6, 2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3,
                  10e-3, 100e-3});
}

}  // namespace triage::observe
