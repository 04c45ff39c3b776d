#include "ledger/rollup.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace triage::ledger {

std::string_view Name(Dimension dimension) {
  switch (dimension) {
    case Dimension::kUser: return "user";
    case Dimension::kTeam: return "team";
    case Dimension::kFeature: return "feature";
    case Dimension::kQueryType: return "query_type";
    case Dimension::kTier: return "tier";
    case Dimension::kModel: return "model";
    case Dimension::kProvider: return "provider";
    case Dimension::kHour: return "hour";
    case Dimension::kDay: return "day";
  }
  return "user";
}

std::optional<Dimension> ParseDimension(std::string_view text) {
  for (const Dimension dimension : kAllDimensions) {
    if (Name(dimension) == text) return dimension;
  }
  return std::nullopt;
}

Sums& Sums::operator+=(const Sums& other) {
  exchanges += other.exchanges;
  failed += other.failed;
  escalated += other.escalated;
  attempts += other.attempts;
  tokens.fresh_input += other.tokens.fresh_input;
  tokens.cache_read += other.tokens.cache_read;
  tokens.cache_write_5m += other.tokens.cache_write_5m;
  tokens.cache_write_1h += other.tokens.cache_write_1h;
  tokens.output += other.tokens.output;
  tokens.reasoning += other.tokens.reasoning;
  cost += other.cost;
  unknown_cost += other.unknown_cost;
  estimated_cost += other.estimated_cost;
  baseline += other.baseline;
  compared += other.compared;
  compared_cost += other.compared_cost;
  compared_baseline += other.compared_baseline;
  without_cost += other.without_cost;
  without_baseline += other.without_baseline;
  other_cost += other.other_cost;
  return *this;
}

std::int64_t HourOf(WallTime time) {
  return std::chrono::floor<std::chrono::hours>(time.time_since_epoch()).count();
}

std::int64_t UnknownCosts(const Exchange& exchange) {
  return std::ranges::count_if(exchange.attempts,
                               [](const Attempt& attempt) { return !attempt.cost; });
}

void AddRollups(const Exchange& exchange, std::map<RollupKey, Sums>& sums) {
  RollupKey key{.hour = HourOf(exchange.time),
                .user = exchange.context.user,
                .team = exchange.context.team,
                .feature = exchange.context.feature,
                .query_type = exchange.decision.query_type,
                .tier = exchange.tier,
                .provider = exchange.provider,
                .model = exchange.model};
  const std::int64_t unknown = UnknownCosts(exchange);
  Sums& final = sums[key];
  final.exchanges += 1;
  final.failed += exchange.error.empty() ? 0 : 1;
  final.escalated += exchange.escalations > 0 ? 1 : 0;
  final.without_cost += unknown > 0 ? 1 : 0;
  final.without_baseline += exchange.baseline_cost ? 0 : 1;
  if (exchange.baseline_cost) final.baseline += *exchange.baseline_cost;
  if (exchange.baseline_cost && unknown == 0) {
    final.compared += 1;
    final.compared_cost += exchange.cost;
    final.compared_baseline += *exchange.baseline_cost;
  } else {
    final.other_cost += exchange.cost;
  }
  for (const Attempt& attempt : exchange.attempts) {
    key.tier = attempt.tier;
    key.provider = attempt.provider;
    key.model = attempt.model;
    Sums added;
    added.attempts = 1;
    if (attempt.usage) added.tokens = *attempt.usage;
    if (attempt.cost) added.cost = *attempt.cost;
    added.unknown_cost = attempt.cost ? 0 : 1;
    added.estimated_cost = attempt.cost && attempt.cost_estimated ? 1 : 0;
    sums[key] += added;
  }
}

}  // namespace triage::ledger
