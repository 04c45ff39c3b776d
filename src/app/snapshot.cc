#include "app/snapshot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/text.h"
#include "detect/detectors.h"
#include "feedback/signals.h"

namespace triage::app {
namespace {

int IndexOf(const std::vector<config::Model>& models, std::string_view name) {
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const config::Model& m) { return m.name == name; });
  return found == models.end() ? -1 : static_cast<int>(found - models.begin());
}

decide::Capabilities ToCapabilities(const config::Capabilities& from) {
  decide::Capabilities to;
  if (from.tools) to.Add(decide::Capability::kTools);
  if (from.vision) to.Add(decide::Capability::kVision);
  if (from.json) to.Add(decide::Capability::kJson);
  if (from.json_schema) to.Add(decide::Capability::kJsonSchema);
  if (from.logprobs) to.Add(decide::Capability::kLogprobs);
  if (from.choices) to.Add(decide::Capability::kSeveralChoices);
  if (from.image_urls) to.Add(decide::Capability::kImageUrls);
  if (from.documents) to.Add(decide::Capability::kDocuments);
  if (from.embeddings) to.Add(decide::Capability::kEmbeddings);
  return to;
}

Result<verify::Checks> MakeChecks(const config::Verify& verify) {
  std::vector<verify::PatternOption> patterns;
  for (const config::Verify::Pattern& pattern : verify.patterns)
    patterns.push_back(
        {.name = pattern.name, .pattern = pattern.pattern, .must_match = pattern.must_match});
  Result<verify::Checks> checks = verify::Checks::Make(patterns);
  if (!checks) {
    Error error = std::move(checks).error();
    error.message = "verify.patterns." + error.field + ": " + error.message;
    return error;
  }
  return checks;
}

void CountVerdicts(observe::Registry& registry, pipeline::Snapshot& made) {
  std::vector<std::string> names = made.checks->Names();
  for (const config::Verify::Webhook& webhook : made.config->verify.webhooks)
    names.push_back(webhook.name);
  // A model's, and what the pipeline itself says of answers that it cannot check.
  names.insert(names.end(), {std::string(config::kSpotCheck), "readable", "length"});
  for (std::string& name : names) {
    pipeline::Snapshot::VerdictCounters counters{};
    for (const verify::Outcome outcome :
         {verify::Outcome::kPass, verify::Outcome::kFail, verify::Outcome::kUnsure}) {
      counters[static_cast<std::size_t>(outcome)] =
          &registry.AddCounter("triage_verdicts_total", "Verdicts of checks of answers.",
                               {{"check", name}, {"outcome", std::string(verify::Name(outcome))}});
    }
    made.verdicts.emplace(std::move(name), counters);
  }
}

prices::TokenPrices ToTokenPrices(const config::TokenPrices& from) {
  return {.fresh_input = from.input,
          .cache_read = from.cache_read,
          .cache_write_5m = from.cache_write_5m,
          .cache_write_1h = from.cache_write_1h,
          .output = from.output,
          .reasoning = from.reasoning};
}

prices::PriceBook ToPriceBook(const std::vector<config::Prices>& from) {
  std::vector<prices::PriceBook::Entry> entries;
  for (const config::Prices& one : from) {
    prices::ModelPrices made{ToTokenPrices(one), one.per_request, one.per_image, one.batch, {}};
    if (one.long_context) {
      made.long_context = prices::LongContext{.above = one.long_context->above,
                                              .prices = ToTokenPrices(one.long_context->prices)};
    }
    entries.push_back(
        {.from = one.from ? WallTime(*one.from) : WallTime::min(), .prices = std::move(made)});
  }
  return prices::PriceBook(std::move(entries));
}

llm::AttemptLimits ToLimits(const config::Timeouts& from) {
  return {.connect = from.connect,
          .first_byte = from.first_byte,
          .first_token = from.first_token,
          .between_bytes = from.between_bytes,
          .total = from.total};
}

const std::vector<std::string>& Values(const config::Policy& policy, const char* key) {
  static const std::vector<std::string> kNone;
  const auto found = policy.when.find(key);
  return found == policy.when.end() ? kNone : found->second;
}

decide::PolicyCondition ToCondition(const config::Policy& policy) {
  decide::PolicyCondition when;
  when.user = Values(policy, "user");
  when.team = Values(policy, "team");
  when.feature = Values(policy, "feature");
  when.session = Values(policy, "session");
  when.query_type = Values(policy, "query_type");
  when.detected = Values(policy, "detected");
  for (const std::string& text : Values(policy, "impact")) {
    if (const auto impact = llm::ParseImpact(text)) when.impact.push_back(*impact);
  }
  for (const std::string& text : Values(policy, "error_tolerance")) {
    if (const auto tolerance = llm::ParseTolerance(text))
      when.error_tolerance.push_back(*tolerance);
  }
  return when;
}

decide::PolicyRule ToRule(const config::Policy& policy, const config::Config& config) {
  decide::PolicyRule rule{.when = ToCondition(policy)};
  if (!policy.name.starts_with("policies[")) rule.name = policy.name;
  if (!policy.min_tier.empty()) rule.min_tier = config.TierIndex(policy.min_tier);
  if (!policy.max_tier.empty()) rule.max_tier = config.TierIndex(policy.max_tier);
  if (!policy.sensitivity.empty()) {
    const auto at = config.sensitivity.find(policy.sensitivity);
    rule.sensitivity = static_cast<int>(std::distance(config.sensitivity.begin(), at));
  }
  rule.verify = policy.verify;
  return rule;
}

/// A preset's word for a tier of this ladder.
std::optional<int> PresetTier(std::string_view word, std::size_t tiers) {
  if (word.empty()) return std::nullopt;
  const int top = static_cast<int>(tiers) - 1;
  if (word == "top") return top;
  return word == "cheapest" ? 0 : std::min(1, top);
}

decide::Workload ToWorkload(const config::Preset& preset, std::size_t tiers) {
  decide::Workload workload{.name = preset.name, .stakes = preset.stakes, .verify = preset.verify};
  for (const config::Policy& policy : preset.rules) {
    workload.rules.push_back({.name = policy.name,
                              .when = ToCondition(policy),
                              .min_tier = PresetTier(policy.min_tier, tiers),
                              .max_tier = PresetTier(policy.max_tier, tiers)});
  }
  for (std::size_t t = 0; t < tiers; ++t) {
    const std::size_t last = preset.likely_enough.size() - 1;
    workload.likely_enough.push_back(t + 1 == tiers ? 1 : preset.likely_enough[std::min(t, last)]);
  }
  return workload;
}

int WorkloadIndex(const config::Config& config, std::string_view name) {
  const auto found = std::ranges::find(config.presets, name, &config::Preset::name);
  return found == config.presets.end() ? -1 : static_cast<int>(found - config.presets.begin());
}

/// Whether `served`, a provider's name of a model, is a version of `model` and not of a sibling:
/// "gpt-4o-2024-08-06" is one of "gpt-4o", "gpt-4o-mini" is not.
bool IsVersionOf(std::string_view served, std::string_view model) {
  const std::size_t at = served.find(model);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = served.substr(at + model.size());
  if (rest.empty() || rest.front() == ':' || rest.front() == '@') return true;
  if (rest.front() != '-') return false;
  const std::string_view word = rest.substr(1);
  if (!word.empty() && word.front() >= '0' && word.front() <= '9') return true;
  constexpr std::array kVariants = {"instant", "instruct", "versatile", "chat", "it"};
  return std::any_of(kVariants.begin(), kVariants.end(),
                     [&](std::string_view v) { return word.starts_with(v); });
}

/// Which of the router's models speaks for a tier: one that a chain member is a version of, else
/// the one at the same relative height. The router's top speaks for the highest tier and for no
/// other: it is the yardstick.
int RouterHead(const learn::Router& router, const config::Config& config, std::size_t tier) {
  const int top = static_cast<int>(router.tiers()) - 1;
  if (tier + 1 == config.tiers.size()) return top;
  for (const std::string& member : config.tiers[tier].chain) {
    const std::string served = ToLowerAscii(config.FindModel(member)->model);
    for (int head = 0; head < top; ++head) {
      if (IsVersionOf(served, ToLowerAscii(router.models()[static_cast<std::size_t>(head)])))
        return head;
    }
  }
  const double height = static_cast<double>(tier) / static_cast<double>(config.tiers.size() - 1);
  return std::min(static_cast<int>(std::lround(height * top)), top - 1);
}

/// The threshold that bounds a tier is the router's for the tier below the one that comes next:
/// what it costs to be wrong about a tier depends on what it would have cost not to take it.
int ThresholdHead(const pipeline::Snapshot& snapshot, std::size_t tier) {
  return std::max(snapshot.tiers[tier + 1].router_head - 1, 0);
}

/// For each tier but the top: which share of the traffic may go above it.
std::vector<std::optional<double>> SharesAbove(const config::Config& config) {
  std::vector<std::optional<double>> above(config.tiers.size() - 1);
  double sum = 0;
  for (std::size_t t = config.tiers.size() - 1; t > 0; --t) {
    const auto share = config.routing.share.find(config.tiers[t].name);
    if (share == config.routing.share.end()) break;  // given from the top down
    sum += share->second;
    above[t - 1] = sum;
  }
  return above;
}

void SetThresholds(pipeline::Snapshot& snapshot) {
  const config::Routing& routing = snapshot.config->routing;
  if (!routing.thresholds.empty()) {
    snapshot.options.thresholds = routing.thresholds;
    return;
  }
  // Without a router the thresholds are never asked; one half is the field report's.
  std::vector<double>& thresholds = snapshot.options.thresholds;
  thresholds.assign(snapshot.options.tiers.size() - 1, 0.5);
  if (snapshot.router == nullptr) return;
  snapshot.weighed = &snapshot.router->thresholds(routing.keep_quality);
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const int head = ThresholdHead(snapshot, i);
    snapshot.tiers[i].threshold_head = head;
    thresholds[i] =
        static_cast<double>(snapshot.weighed->threshold[static_cast<std::size_t>(head)]);
  }
}

/// How a model is asked for its opinion, by what it can do.
judge::FramingOptions FramingFor(const decide::ModelOption& model) {
  const auto can = [&](decide::Capability capability) {
    return model.capabilities.Has(capability) && !model.unsent.Has(capability);
  };
  return {.form = judge::FormFor(can(decide::Capability::kLogprobs),
                                 can(decide::Capability::kJsonSchema)),
          .json_mode = can(decide::Capability::kJson)};
}

/// `made` has its models and tiers.
void SetSpotCheck(pipeline::Snapshot& made, observe::Registry& registry) {
  const config::Verify::SpotCheck& from = made.config->verify.spot_check;
  if (from.model.empty()) return;
  const int index = IndexOf(made.config->models, from.model);
  const std::size_t tiers = made.options.tiers.size();
  made.spot_check = pipeline::SpotCheck{
      .model = index,
      .framing = FramingFor(made.options.models[static_cast<std::size_t>(index)]),
      .calibration = {},
      .sampler = nullptr,
      .cost = &observe::AddCostOfNoTier(registry, from.model)};
  if (from.share > 0) {
    made.spot_check->sampler =
        std::make_shared<judge::MeasurementSampler>(judge::MeasurementSampler::Options{
            .query_types = pipeline::kQueryTypeStrata,
            .floors = judge::MeasurementSampler::DefaultFloors(tiers),
            .share = from.share});
  }
}

/// `made` has its models.
Result<void> SetJudge(pipeline::Snapshot& made, observe::Registry& registry) {
  const config::Judge& from = made.config->routing.judge;
  if (from.mode == config::JudgeMode::kOff) return {};
  made.options.judge = from.mode == config::JudgeMode::kAlways ? decide::JudgeMode::kAlways
                                                               : decide::JudgeMode::kInBand;
  made.options.judge_band = from.band;
  auto calibration = judge::Calibration::Make(from.calibration);
  if (!calibration) return std::move(calibration).error();
  const int index = IndexOf(made.config->models, from.model);
  const decide::ModelOption& model = made.options.models[static_cast<std::size_t>(index)];
  made.judge = pipeline::Judge{
      .model = index,
      .deadline = from.deadline,
      .framing = FramingFor(made.options.models[static_cast<std::size_t>(index)]),
      .calibration = *std::move(calibration),
      .cache = std::make_shared<judge::Cache>(
          judge::CacheOptions{
              .entries = static_cast<std::size_t>(from.cache_entries),
              .time_to_live = std::chrono::duration_cast<std::chrono::seconds>(from.cache_ttl)},
          Random::FromEntropy().Next()),
      .cost = &observe::AddCostOfNoTier(registry, model.name)};
  return {};
}

}  // namespace

Result<std::shared_ptr<const pipeline::Snapshot>> BuildSnapshot(config::Snapshot config,
                                                                observe::Registry& registry,
                                                                Resilience* resilience) {
  // Reads its data now: the first request is not to wait for that.
  detect::Detectors::BuiltIn();
  feedback::SignalReader::BuiltIn();
  auto made = std::make_shared<pipeline::Snapshot>();
  made->config = config;
  if (!config->routing.router.empty()) {
    Result<std::shared_ptr<const learn::Router>> router =
        learn::Router::Load(config->routing.router.string());
    if (!router) return WithContext(std::move(router).error(), "routing.router");
    made->router = std::move(*router);
    made->options.router_version = made->router->version();
  }
  made->options.config_version = config->version;
  for (const config::Model& model : config->models) {
    const config::Provider& provider = *config->FindProvider(model.provider);
    decide::ModelOption option{.name = model.name,
                               .provider = model.provider,
                               .provider_model = model.model,
                               .aliases = model.aliases,
                               .context_window = model.context,
                               .max_output = model.max_output,
                               .capabilities = ToCapabilities(model.capabilities),
                               .unsent = ToCapabilities(provider.cannot)};
    pipeline::ModelView view;
    if (const config::Prices* now = config::InForce(model.prices, config->read_on)) {
      option.input = now->input;
      option.output = now->output;
    }
    view.prices = ToPriceBook(model.prices);
    view.limits = ToLimits(provider.timeouts);
    if (provider.on_disconnect == llm::OnDisconnect::kDrain) view.drain = provider.drain_limit;
    if (resilience != nullptr) {
      view.target = resilience->TargetOf(model, std::max<std::size_t>(provider.api_keys.size(), 1),
                                         ToOptions(config->resilience.breaker));
      view.budget = resilience->BudgetOf(model.provider);
      view.window = resilience->WindowOf(model.provider, model.model);
    } else {
      view.window = std::make_shared<prices::ModelWindow>();
    }
    view.metrics =
        std::make_shared<observe::ModelMetrics>(registry, model.provider, model.name, model.model);
    made->options.models.push_back(std::move(option));
    made->models.push_back(std::move(view));
  }
  for (std::size_t i = 0; i < config->tiers.size(); ++i) {
    const config::Tier& tier = config->tiers[i];
    decide::TierOption option{.name = tier.name};
    pipeline::TierView view;
    view.metrics = std::make_shared<observe::TierMetrics>(registry, tier.name);
    if (resilience != nullptr)
      view.promotion =
          resilience->PromotionInto(tier.name, ToOptions(config->resilience.promotion));
    view.cost.resize(config->models.size(), nullptr);
    view.places.resize(config->models.size());
    for (std::size_t k = 0; k < tier.chain.size(); ++k) {
      const std::string& member = tier.chain[k];
      const int index = IndexOf(config->models, member);
      view.places[static_cast<std::size_t>(index)] = tier.places[k];
      option.chain.push_back(index);
      view.cost[static_cast<std::size_t>(index)] = &view.metrics->AddCost(member);
    }
    if (made->router != nullptr) view.router_head = RouterHead(*made->router, *config, i);
    if (resilience != nullptr) {
      std::vector<std::shared_ptr<dispatch::Target>> targets;
      for (const int index : option.chain)
        targets.push_back(made->models[static_cast<std::size_t>(index)].target);
      resilience->WatchTier(tier.name, std::move(targets));
    }
    const std::vector<std::string>& hedged = config->resilience.hedge.tiers;
    view.hedged = std::find(hedged.begin(), hedged.end(), tier.name) != hedged.end();
    made->options.tiers.push_back(std::move(option));
    made->tiers.push_back(std::move(view));
  }
  if (resilience != nullptr && !config->resilience.hedge.tiers.empty())
    made->hedges = resilience->HedgesOf(config->resilience.hedge.share);
  for (const auto& [name, providers] : config->sensitivity) {
    made->options.sensitivity.push_back({.name = name, .providers = providers});
  }
  for (const config::Policy& policy : config->policies)
    made->options.policies.push_back(ToRule(policy, *config));
  made->options.verify = config->verify.defaults;
  made->options.known_checks = config::CheckNames(*config);
  Result<verify::Checks> checks = MakeChecks(config->verify);
  if (!checks) return std::move(checks).error();
  made->checks = std::make_shared<const verify::Checks>(*std::move(checks));
  made->schemas =
      resilience != nullptr ? resilience->schemas() : std::make_shared<verify::SchemaBreaker>();
  CountVerdicts(registry, *made);
  SetSpotCheck(*made, registry);
  made->options.rule = config->routing.rule == config::Rule::kExpectedCost
                           ? decide::Rule::kExpectedCost
                           : decide::Rule::kThresholds;
  made->options.band = config->routing.band;
  made->options.stakes = config->routing.stakes;
  made->options.check_catches = config->routing.check_catches;
  made->options.check_false_alarms = config->routing.check_false_alarms;
  for (const config::Preset& preset : config->presets) {
    made->options.workloads.push_back(ToWorkload(preset, config->tiers.size()));
  }
  made->options.workload = WorkloadIndex(*config, config->routing.preset);
  for (const auto& [feature, preset] : config->workloads) {
    made->options.features[feature] = WorkloadIndex(*config, preset);
  }
  made->options.baseline_model = IndexOf(config->models, config->baseline);
  SetThresholds(*made);
  if (Result<void> judge = SetJudge(*made, registry); !judge) {
    return WithContext(std::move(judge).error(), "routing.judge");
  }
  if (made->router != nullptr) {
    made->traffic =
        std::make_shared<pipeline::RouterTraffic>(SharesAbove(*config), config->routing.band);
  }
  return std::shared_ptr<const pipeline::Snapshot>(std::move(made));
}

}  // namespace triage::app
