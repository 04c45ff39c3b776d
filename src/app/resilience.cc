#include "app/resilience.h"

namespace triage::app {

std::shared_ptr<dispatch::Target> Resilience::TargetOf(const std::string& provider,
                                                       const std::string& model,
                                                       std::size_t credentials) {
  const std::string key = provider + '\n' + model + '\n' + std::to_string(credentials);
  std::shared_ptr<dispatch::Target>& target = targets_[key];
  if (target == nullptr) target = std::make_shared<dispatch::Target>(credentials);
  return target;
}

std::shared_ptr<dispatch::RetryBudget> Resilience::BudgetOf(const std::string& provider) {
  std::shared_ptr<dispatch::RetryBudget>& budget = budgets_[provider];
  if (budget == nullptr) budget = std::make_shared<dispatch::RetryBudget>();
  return budget;
}

std::shared_ptr<dispatch::Promotion> Resilience::PromotionInto(const std::string& tier,
                                                               dispatch::PromotionOptions options) {
  std::shared_ptr<dispatch::Promotion>& promotion = promotions_[tier];
  if (promotion == nullptr || promotion->options() != options)
    promotion = std::make_shared<dispatch::Promotion>(options);
  return promotion;
}

}  // namespace triage::app
