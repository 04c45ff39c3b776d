#include "app/resilience.h"

namespace triage::app {

std::shared_ptr<dispatch::Target> Resilience::TargetOf(const std::string& provider,
                                                       const std::string& model,
                                                       std::size_t credentials,
                                                       dispatch::BreakerOptions options) {
  std::shared_ptr<dispatch::Target>& target = targets_[provider + '\n' + model];
  if (target == nullptr || target->credentials() != credentials || target->options() != options)
    target = std::make_shared<dispatch::Target>(credentials, options);
  return target;
}

std::shared_ptr<dispatch::RetryBudget> Resilience::BudgetOf(const std::string& provider) {
  std::shared_ptr<dispatch::RetryBudget>& budget = budgets_[provider];
  if (budget == nullptr) budget = std::make_shared<dispatch::RetryBudget>();
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
  if (promotion == nullptr || promotion->options() != options)
    promotion = std::make_shared<dispatch::Promotion>(options);
  return promotion;
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
