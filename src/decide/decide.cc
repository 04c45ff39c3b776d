#include "decide/decide.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "decide/choose.h"
#include "decide/policy.h"
#include "decide/serving.h"
#include "decide/target.h"

namespace triage::decide {
namespace {

std::size_t At(int index) {
  return static_cast<std::size_t>(index);
}

/// One run of Decide: everything that its steps share.
class Run {
 public:
  Run(const Options& options, const Input& input) : options_(options), input_(input) {
    TRIAGE_CHECK(!options.tiers.empty() && options.thresholds.size() + 1 == options.tiers.size());
    const auto fits = [&](std::size_t size) { return size == 0 || size == options.tiers.size(); };
    TRIAGE_CHECK(fits(input.sufficiency.size()) && fits(input.expected_output.size()) &&
                 fits(input.available.size()));
    TRIAGE_CHECK(input.sizes.empty() || input.sizes.size() == options.models.size());
    TRIAGE_CHECK(input.thresholds.empty() || input.thresholds.size() == options.thresholds.size());
  }

  Result<Decision> Decide() {
    const Result<Target> target = ResolveTarget(options_, input_.request.model);
    if (!target) return target.error();
    Result<Limits> limits = ApplyPolicies(options_, input_);
    if (!limits) return std::move(limits).error();
    limits_ = *std::move(limits);
    demand_ = {.needs = input_.request.needs,
               .tokens_in = std::max<std::int64_t>(input_.tokens_in, 0),
               .sizes = input_.sizes,
               .max_output = input_.request.max_output_tokens,
               .data_classes = limits_.data_classes};
    decision_.router_version = options_.router_version;
    decision_.config_version = options_.config_version;
    decision_.query_type = input_.query_type;
    decision_.detected.assign(input_.detected.begin(), input_.detected.end());
    workload_ = WorkloadOf(options_, input_.request.context.feature);
    if (workload_ != nullptr) decision_.preset = workload_->name;
    decision_.tokens_in = input_.tokens_in;
    decision_.distance = input_.distance;
    decision_.checks = std::move(limits_.checks);
    decision_.data_classes = limits_.data_classes;
    LookAtTiers();
    switch (target->kind) {
      case Target::Kind::kModel: return TakeModel(*target);
      case Target::Kind::kTier: return TakeTier(target->tier);
      case Target::Kind::kAuto: break;
    }
    return demand_.needs.embeddings ? TakeEmbeddingsModel() : Choose();
  }

 private:
  const std::string& TierName(int tier) const { return options_.tiers[At(tier)].name; }

  bool Available(std::size_t tier) const {
    return input_.available.empty() || input_.available[tier];
  }

  bool Serves(int model, std::size_t tier) const {
    return FitOf(options_, options_.models[At(model)], demand_,
                 ExpectedOutput(options_, input_, tier)) == Fit::kServes;
  }

  void LookAtTiers() {
    decision_.tiers.resize(options_.tiers.size());
    for (std::size_t t = 0; t < options_.tiers.size(); ++t) {
      const TierOption& tier = options_.tiers[t];
      TierView& view = decision_.tiers[t];
      view = TierView{};
      view.tier = tier.name;
      if (!input_.sufficiency.empty()) {
        const double value = input_.sufficiency[t];
        view.sufficiency = Assumed(std::isnan(value) ? 0.0 : std::clamp(value, 0.0, 1.0), t);
        if (t < options_.thresholds.size()) {
          view.threshold =
              input_.thresholds.empty() ? options_.thresholds[t] : input_.thresholds[t];
        }
      }
      const auto first = std::find_if(tier.chain.begin(), tier.chain.end(),
                                      [&](int model) { return Serves(model, t); });
      if (first == tier.chain.end()) {
        view.admissible = false;
        view.because = WhyNot(options_, tier, demand_, ExpectedOutput(options_, input_, t));
        continue;
      }
      view.expected_cost = ExpectedCost(options_.models[At(*first)], t);
      if (!Available(t)) {
        view.admissible = false;
        view.because = "out of order: all breakers are open";
      }
    }
  }

  /// The router's estimate, or what is assumed of the workload as far as the request is unlike
  /// known data.
  double Assumed(double learned, std::size_t tier) const {
    if (workload_ == nullptr || workload_->likely_enough.empty() || !input_.distance)
      return learned;
    const double span = options_.far_distance - options_.near_distance;
    const double share = std::clamp((*input_.distance - options_.near_distance) / span, 0.0, 1.0);
    return learned + share * (workload_->likely_enough[tier] - learned);
  }

  std::optional<NanoDollars> ExpectedCost(const ModelOption& model, std::size_t tier) const {
    if (!model.input || !model.output) return std::nullopt;
    CostSum sum;
    sum.Add(std::max<std::int64_t>(SizeFor(options_, model, demand_).tokens, 0), *model.input);
    sum.Add(ExpectedOutput(options_, input_, tier), *model.output);
    return sum.Rounded();
  }

  std::vector<std::string> Chain(std::size_t tier) const {
    std::vector<std::string> names;
    names.reserve(options_.tiers[tier].chain.size());
    for (const int model : options_.tiers[tier].chain) {
      if (Serves(model, tier)) names.push_back(options_.models[At(model)].name);
    }
    return names;
  }

  void AddStep(StepKind kind, int from, int to, std::string reason) {
    decision_.steps.push_back({kind, from, to, std::move(reason)});
  }

  Result<Decision> TakeModel(const Target& target) {
    const ModelOption& model = options_.models[At(target.model)];
    if (!MaySee(options_, model, demand_.data_classes)) {
      return Error{
          .code = ErrorCode::kForbidden,
          .message = fmt::format("model {} is at {}, which may not see {} data", model.name,
                                 model.provider, ClassNames(options_, demand_.data_classes)),
          .field = "model"};
    }
    if (std::optional<Error> unsent = CannotBeSent(model, demand_.needs)) {
      return *std::move(unsent);
    }
    AddStep(StepKind::kConstraint, -1, target.tier,
            fmt::format("the request names the model {}", model.name));
    decision_.pinned = true;
    decision_.tier = target.tier;
    decision_.chain = {model.name};
    if (target.tier >= 0) {
      decision_.tiers[At(target.tier)].expected_cost = ExpectedCost(model, At(target.tier));
    }
    return std::move(decision_);
  }

  // Vectors of different models do not compare, so there is nothing to route: the first configured
  // model that can, and no other in its place.
  Result<Decision> TakeEmbeddingsModel() {
    for (std::size_t m = 0; m < options_.models.size(); ++m) {
      const ModelOption& model = options_.models[m];
      if (FitOf(options_, model, demand_, 0) != Fit::kServes) continue;
      AddStep(StepKind::kConstraint, -1, -1,
              fmt::format("{} is the first model that makes embeddings", model.name));
      decision_.tier = -1;
      decision_.chain = {model.name};
      return std::move(decision_);
    }
    return Error{.code = ErrorCode::kUnsupported,
                 .message =
                     "no configured model makes embeddings for this request; add a model "
                     "with capability embeddings",
                 .field = "/model"};
  }

  Result<Decision> TakeTier(int tier) {
    if (!decision_.tiers[At(tier)].admissible && !MayFit(tier, tier)) {
      return NothingServes(options_, input_, demand_, tier, tier);
    }
    AddStep(StepKind::kConstraint, -1, tier,
            fmt::format("the request names the tier {}", TierName(tier)));
    decision_.pinned = true;
    decision_.tier = tier;
    decision_.chain = Chain(At(tier));
    return std::move(decision_);
  }

  Result<Decision> Choose() {
    Choice choice{.tiers = decision_.tiers,
                  .min = limits_.min,
                  .max = limits_.max,
                  .stakes = NanoDollars(StakesOf(options_, input_.request.context).value() *
                                        input_.stakes_factor),
                  .far = input_.distance && *input_.distance > options_.far_distance,
                  .checked = !decision_.checks.empty(),
                  .judge = input_.judge};
    decision_.steps.reserve(limits_.steps.size() + 3);
    AddConstraintSteps();
    const int before_policies = static_cast<int>(decision_.steps.size());
    for (Step& step : limits_.steps) decision_.steps.push_back(std::move(step));
    if (limits_.narrowed_by >= 0) limits_.narrowed_by += before_policies;
    if (choice.Above(choice.min - 1) < 0 && !RaiseCeiling(choice) &&
        !(MayFit(limits_.min, limits_.hard_max) &&
          (choice.Above(choice.min - 1) >= 0 || RaiseCeiling(choice)))) {
      return NothingServes(options_, input_, demand_, limits_.min, limits_.hard_max);
    }
    ApplyFloor(choice, input_.floor);
    ApplyFloor(choice, limits_.soft_min);
    const int lowest = choice.Above(choice.min - 1);
    if (choice.Above(lowest) < 0) {
      decision_.tier = lowest;
      AttributeOnlyTier(lowest);
    } else {
      const Chosen chosen = ChooseTier(options_, choice, decision_.steps);
      decision_.tier = chosen.tier;
      decision_.doubtful = chosen.doubtful;
      StayWithSession(choice);
      decision_.confidence = decision_.tier == chosen.tier
                                 ? chosen.confidence
                                 : decision_.tiers[At(decision_.tier)].sufficiency.value_or(1.0);
      if (choice.far && !input_.sufficiency.empty()) {
        const std::string leans = decision_.preset.empty()
                                      ? "lean on the average"
                                      : "are those of preset " + decision_.preset;
        AddStep(StepKind::kRouter, decision_.tier, decision_.tier,
                "unlike known data: the estimates " + leans + " (distance " +
                    Compare(*input_.distance, ">", options_.far_distance) + ')');
      }
    }
    decision_.chain = Chain(At(decision_.tier));
    for (int tier = decision_.tier + 1; tier <= limits_.hard_max; ++tier) {
      TierView& view = decision_.tiers[At(tier)];
      if (view.admissible) view.standby = Chain(At(tier));
    }
    return std::move(decision_);
  }

  /// When no tier of [lowest, highest] is admissible: whether one is if the request has no more
  /// tokens than it has at least. Then those tiers are.
  bool MayFit(int lowest, int highest) {
    demand_.at_least = true;
    LookAtTiers();
    for (int tier = lowest; tier <= highest; ++tier) {
      if (!decision_.tiers[At(tier)].admissible) continue;
      AddStep(StepKind::kConstraint, -1, -1,
              fmt::format("no context window holds this for certain; {} may, so it is tried",
                          TierName(tier)));
      return true;
    }
    demand_.at_least = false;
    LookAtTiers();
    return false;
  }

  void AddConstraintSteps() {
    const Choice all{.tiers = decision_.tiers, .max = static_cast<int>(decision_.tiers.size()) - 1};
    for (int tier = 0; tier <= all.max; ++tier) {
      const TierView& view = decision_.tiers[At(tier)];
      if (view.admissible) {
        AddPassedOver(tier);
        continue;
      }
      AddStep(StepKind::kConstraint, tier, all.Above(tier),
              fmt::format("{} cannot serve this ({})", view.tier, view.because));
    }
  }

  // Members of a chain that are left out because the request is too long for them.
  void AddPassedOver(int tier) {
    const std::int64_t expected = ExpectedOutput(options_, input_, At(tier));
    for (const int index : options_.tiers[At(tier)].chain) {
      const ModelOption& model = options_.models[At(index)];
      if (FitOf(options_, model, demand_, expected) != Fit::kTooLong) continue;
      AddStep(StepKind::kConstraint, tier, tier,
              fmt::format("{} is passed over ({})", model.name,
                          Obstacle(options_, model, demand_, expected)));
    }
  }

  // A tier that is good enough and cheaper can still be the dearer one for a conversation that
  // another provider has in its cache.
  void StayWithSession(const Choice& choice) {
    const int stay = input_.session_tier;
    if (stay <= decision_.tier || !choice.Open(stay) || input_.switch_gain.empty()) return;
    const NanoDollars gain = input_.switch_gain[At(decision_.tier)];
    if (gain.value() > 0) return;
    AddStep(StepKind::kCost, decision_.tier, stay,
            fmt::format("stays with {}, whose provider has this conversation in its cache: {} "
                        "would cost ${} more",
                        TierName(stay), TierName(decision_.tier),
                        FormatUsd(NanoDollars(-gain.value()))));
    decision_.tier = stay;
  }

  bool RaiseCeiling(Choice& choice) {
    for (int tier = limits_.max + 1; tier <= limits_.hard_max; ++tier) {
      if (!decision_.tiers[At(tier)].admissible) continue;
      choice.min = tier;
      choice.max = tier;
      AddStep(StepKind::kPolicy, -1, tier,
              fmt::format("the ceiling {} gives way: {} is the lowest tier that can serve this",
                          TierName(limits_.max), TierName(tier)));
      limits_.narrowed_by = static_cast<int>(decision_.steps.size()) - 1;
      return true;
    }
    return false;
  }

  // A floor that gives way where no tier from it up is allowed: the session's, or the workload's.
  void ApplyFloor(Choice& choice, int wanted) {
    const int floor = choice.Above(std::max(choice.min, wanted) - 1);
    if (wanted <= choice.min || floor < 0) return;
    choice.min = floor;
    std::string reason = fmt::format("at least {}", TierName(floor));
    const bool session = wanted == input_.floor;
    const std::string_view because = session ? input_.floor_because : limits_.soft_because;
    if (!because.empty()) {
      reason =
          session ? fmt::format("{}: {}", reason, because) : fmt::format("{}: {}", because, reason);
    }
    AddStep(session ? StepKind::kFeedback : StepKind::kPolicy, -1, -1, std::move(reason));
    limits_.narrowed_by = static_cast<int>(decision_.steps.size()) - 1;
  }

  // Whose doing it is that `tier` is the only one left: the last narrowing policy's, else a
  // constraint's.
  void AttributeOnlyTier(int tier) {
    if (limits_.narrowed_by >= 0) {
      decision_.steps[At(limits_.narrowed_by)].to = tier;
      return;
    }
    const bool moved_here =
        std::any_of(decision_.steps.begin(), decision_.steps.end(),
                    [&](const Step& step) { return step.to == tier && step.from != step.to; });
    if (moved_here) return;
    AddStep(StepKind::kConstraint, -1, tier,
            fmt::format("{} is the only tier that can serve this", TierName(tier)));
  }

  const Options& options_;
  const Input& input_;
  const Workload* workload_ = nullptr;
  Limits limits_;
  Demand demand_;
  Decision decision_;
};

}  // namespace

Result<Decision> Decide(const Options& options, const Input& input) {
  return Run(options, input).Decide();
}

}  // namespace triage::decide
