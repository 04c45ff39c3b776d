#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "dispatch/promotion.h"
#include "dispatch/retry.h"
#include "dispatch/target.h"
#include "observe/metrics.h"
#include "prices/model_window.h"
#include "verify/schema_breaker.h"

namespace triage::app {

/// What has been learned about models, providers and tiers while serving; outlives configurations,
/// so that a reload forgets no open breaker. Used by whoever builds snapshots, one at a time.
class Resilience {
 public:
  /// `registry` outlives it, or null: nothing is counted.
  explicit Resilience(observe::Registry* registry = nullptr) : registry_(registry) {}

  /// Other `options` or credentials begin anew.
  std::shared_ptr<dispatch::Target> TargetOf(const config::Model& model, std::size_t credentials,
                                             dispatch::BreakerOptions options);
  std::shared_ptr<dispatch::RetryBudget> BudgetOf(const std::string& provider);
  std::shared_ptr<prices::ModelWindow> WindowOf(const std::string& provider,
                                                const std::string& model);
  std::shared_ptr<dispatch::Promotion> PromotionInto(const std::string& tier,
                                                     dispatch::PromotionOptions options);
  /// Of second attempts, for all providers together.
  std::shared_ptr<dispatch::RetryBudget> HedgesOf(double share);

  std::shared_ptr<verify::SchemaBreaker> schemas() const { return schemas_; }

  /// A tier is down when no breaker of its chain lets anything pass; for the metrics.
  void WatchTier(const std::string& tier, std::vector<std::shared_ptr<dispatch::Target>> chain);

 private:
  observe::Registry* const registry_;
  std::map<std::string, std::shared_ptr<dispatch::Target>> targets_;
  std::shared_ptr<dispatch::RetryBudget> hedges_;
  std::shared_ptr<verify::SchemaBreaker> schemas_ = std::make_shared<verify::SchemaBreaker>();
  std::map<std::string, std::shared_ptr<dispatch::RetryBudget>> budgets_;
  std::map<std::string, std::shared_ptr<prices::ModelWindow>> windows_;
  std::map<std::string, std::shared_ptr<dispatch::Promotion>> promotions_;
};

dispatch::BreakerOptions ToOptions(const config::Resilience::Breaker& breaker);
dispatch::PromotionOptions ToOptions(const config::Resilience::Promotion& promotion);

}  // namespace triage::app
