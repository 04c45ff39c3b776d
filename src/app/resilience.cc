#include "app/resilience.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "observe/log.h"

namespace triage::app {
namespace {

using dispatch::Breaker;
using Kind = observe::Registry::ReadingKind;

constexpr std::array kStates = {Breaker::State::kClosed, Breaker::State::kOpen,
                                Breaker::State::kHalfOpen, Breaker::State::kRamping};

dispatch::Target::Watch LogTransitions(const config::Model& model) {
  return [provider = model.provider,
          name = model.model](const dispatch::Target::Transition& transition) {
    const bool opened = transition.to == Breaker::State::kOpen;
    observe::Log(opened ? observe::Level::kWarn : observe::Level::kInfo, "breaker changed",
                 {{"provider", provider},
                  {"model", name},
                  {"credential", transition.credential},
                  {"from", dispatch::Name(transition.from)},
                  {"to", dispatch::Name(transition.to)},
                  {"open_ms", transition.open_for.count()}});
  };
}

void AddReadings(observe::Registry& registry, const config::Model& model,
                 const std::shared_ptr<dispatch::Target>& target) {
  const observe::Labels labels = {{"provider", model.provider}, {"model", model.name}};
  for (std::size_t i = 0; i < target->credentials(); ++i) {
    observe::Labels one = labels;
    one.emplace_back("credential", std::to_string(i));
    registry.AddReading(
        Kind::kGauge, "triage_breaker_state",
        "Breaker of a model under one credential: 0 closed, 1 open, 2 half open, 3 ramping.",
        std::move(one),
        [target, i] { return static_cast<double>(target->StateOf(i, SystemClock().Now())); });
  }
  for (const Breaker::State state : kStates) {
    observe::Labels one = labels;
    one.emplace_back("to", dispatch::Name(state));
    registry.AddReading(
        Kind::kCounter, "triage_breaker_transitions_total",
        "Changes of a model's breakers, by the state that was reached.", std::move(one),
        [target, state] {
          const auto counts = target->counts();
          return static_cast<double>(counts.transitions[static_cast<std::size_t>(state)]);
        });
  }
  const auto count = [&](std::string_view name, std::string_view help,
                         std::int64_t dispatch::Target::Counts::* member) {
    registry.AddReading(Kind::kCounter, name, help, labels,
                        [target, member] { return static_cast<double>(target->counts().*member); });
  };
  using Counts = dispatch::Target::Counts;
  count("triage_limiter_passed_over_total",
        "Times a model was passed over because its rate limit was used up.", &Counts::limited);
  count("triage_limiter_waits_total", "Exchanges that waited for a model's rate limit to end.",
        &Counts::limit_waits);
  count("triage_last_resorts_total",
        "Attempts at a model that should have been left alone, because nothing else was left.",
        &Counts::last_resorts);
  registry.AddReading(
      Kind::kGauge, "triage_credentials_refused",
      "Credentials of a model that are left out, because the provider refused them.", labels,
      [target] { return static_cast<double>(target->Look(SystemClock().Now()).retired); });
}

}  // namespace

std::shared_ptr<dispatch::Target> Resilience::TargetOf(const config::Model& model,
                                                       std::size_t credentials,
                                                       dispatch::BreakerOptions options) {
  std::shared_ptr<dispatch::Target>& target = targets_[model.provider + '\n' + model.model];
  if (target == nullptr || target->credentials() != credentials || target->options() != options)
    target = std::make_shared<dispatch::Target>(credentials, options, LogTransitions(model));
  if (registry_ != nullptr) AddReadings(*registry_, model, target);
  return target;
}

std::shared_ptr<dispatch::RetryBudget> Resilience::BudgetOf(const std::string& provider) {
  std::shared_ptr<dispatch::RetryBudget>& budget = budgets_[provider];
  if (budget != nullptr) return budget;
  budget = std::make_shared<dispatch::RetryBudget>();
  if (registry_ == nullptr) return budget;
  registry_->AddReading(Kind::kGauge, "triage_retry_budget",
                        "Retries that may be made at a provider now.", {{"provider", provider}},
                        [budget] { return budget->Look().left; });
  registry_->AddReading(Kind::kCounter, "triage_retries_refused_total",
                        "Retries that were not made because the provider's budget was spent.",
                        {{"provider", provider}},
                        [budget] { return static_cast<double>(budget->Look().refused); });
  return budget;
}

std::shared_ptr<prices::ModelWindow> Resilience::WindowOf(const std::string& provider,
                                                          const std::string& model) {
  std::shared_ptr<prices::ModelWindow>& window = windows_[provider + '\n' + model];
  if (window == nullptr) window = std::make_shared<prices::ModelWindow>();
  return window;
}

std::shared_ptr<dispatch::Promotion> Resilience::PromotionInto(const std::string& tier,
                                                               dispatch::PromotionOptions options) {
  std::shared_ptr<dispatch::Promotion>& promotion = promotions_[tier];
  if (promotion != nullptr && promotion->options() == options) return promotion;
  promotion = std::make_shared<dispatch::Promotion>(options);
  if (registry_ == nullptr) return promotion;
  const auto look = [promotion](auto member) {
    return [promotion, member] {
      return static_cast<double>(promotion->Look(SystemClock().Now()).*member);
    };
  };
  const observe::Labels labels = {{"tier", tier}};
  registry_->AddReading(Kind::kCounter, "triage_promotions_total",
                        "Exchanges that a tier took over from a lower one that was down.", labels,
                        look(&dispatch::Promotion::Load::taken));
  registry_->AddReading(Kind::kCounter, "triage_promotions_refused_total",
                        "Exchanges that a tier did not take over, because its cap was reached.",
                        labels, look(&dispatch::Promotion::Load::refused));
  registry_->AddReading(Kind::kGauge, "triage_promotions_last_minute",
                        "Exchanges taken over in the last minute.", labels,
                        look(&dispatch::Promotion::Load::promoted));
  registry_->AddReading(
      Kind::kGauge, "triage_promotions_cap",
      "How many a minute the tier takes over at most, as it is loaded now.", labels,
      [promotion] { return promotion->Cap(promotion->Look(SystemClock().Now())); });
  return promotion;
}

std::shared_ptr<dispatch::RetryBudget> Resilience::HedgesOf(double share) {
  if (hedges_ == nullptr || hedges_->share() != share)
    hedges_ = std::make_shared<dispatch::RetryBudget>(share, 0);
  return hedges_;
}

void Resilience::WatchTier(const std::string& tier,
                           std::vector<std::shared_ptr<dispatch::Target>> chain) {
  if (registry_ == nullptr) return;
  registry_->AddReading(
      Kind::kGauge, "triage_tier_down",
      "Whether no model of the tier may be asked: breakers open, limits used up, keys refused.",
      {{"tier", tier}}, [chain = std::move(chain)] {
        const SteadyTime now = SystemClock().Now();
        return std::any_of(chain.begin(), chain.end(),
                           [now](const auto& target) { return target->MayPass(now); })
                   ? 0.0
                   : 1.0;
      });
}

dispatch::BreakerOptions ToOptions(const config::Resilience::Breaker& breaker) {
  dispatch::BreakerOptions options;
  options.min_volume = breaker.min_volume;
  options.failure_share = breaker.failure_share;
  options.consecutive = breaker.consecutive;
  options.quiet_consecutive = breaker.quiet_consecutive;
  options.slow_share = breaker.slow_share;
  options.open_for = breaker.open_for;
  options.open_most = breaker.open_most;
  options.ramp = breaker.ramp;
  return options;
}

dispatch::PromotionOptions ToOptions(const config::Resilience::Promotion& promotion) {
  return {.share = promotion.share,
          .always_per_minute = promotion.always_per_minute,
          .most_per_hour = promotion.most_per_hour};
}

}  // namespace triage::app
