#include "replay/outage.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace triage::replay {
namespace {

// Promotion counts on the steady clock; any origin will do that has an hour before it.
SteadyTime SteadyOf(WallTime time) {
  return SteadyTime{} + time.time_since_epoch();
}

// The attempt that gave the answer.
const ledger::Attempt* Answer(const ledger::Exchange& exchange) {
  for (auto at = exchange.attempts.rbegin(); at != exchange.attempts.rend(); ++at) {
    if (at->model == exchange.model && at->kind != ledger::AttemptKind::kHedge) return &*at;
  }
  return nullptr;
}

}  // namespace

int Ladder::FindModel(std::string_view name) const {
  const auto found = std::ranges::find(models, name, &Model::name);
  return found == models.end() ? -1 : static_cast<int>(found - models.begin());
}

int Ladder::FindTier(std::string_view name) const {
  const auto found = std::ranges::find(tiers, name, &Tier::name);
  return found == tiers.end() ? -1 : static_cast<int>(found - tiers.begin());
}

NanoDollars OutageReport::PerHour(NanoDollars amount) const {
  constexpr std::int64_t kHour = std::chrono::microseconds(std::chrono::hours(1)).count();
  const std::int64_t length = std::max<std::int64_t>((range.to - range.from).count(), 1);
  return NanoDollars(
      static_cast<std::int64_t>(static_cast<__int128>(amount.value()) * kHour / length));
}

Outage::Outage(Ladder ladder, std::string provider, ledger::TimeRange range)
    : ladder_(std::move(ladder)), now_(ladder_.models.size()), then_(ladder_.models.size()) {
  report_.provider = std::move(provider);
  report_.range = range;
  for (const Ladder::Model& model : ladder_.models) {
    loads_.push_back(
        {.model = model.name, .provider = model.provider, .per_minute = model.per_minute});
  }
  for (const Ladder::Tier& tier : ladder_.tiers) {
    rooms_.push_back(std::make_unique<dispatch::Promotion>(ladder_.promotion));
    report_.promotion.push_back({.tier = tier.name});
  }
}

std::int64_t Outage::MinuteOf(const ledger::Exchange& exchange) const {
  return std::chrono::floor<std::chrono::minutes>(exchange.time).time_since_epoch().count();
}

std::optional<NanoDollars> Outage::CostAt(int model, const std::optional<llm::Usage>& usage) const {
  if (!usage) return std::nullopt;
  // Another model has nothing of the prompt in its cache.
  const llm::Usage cold{.fresh_input = usage->TotalInput(), .output = usage->TotalOutput()};
  return prices::Cost(ladder_.models[static_cast<std::size_t>(model)].prices, cold);
}

bool Outage::HasRoom(int model, std::int64_t minute) {
  const auto at = static_cast<std::size_t>(model);
  const auto& limit = ladder_.models[at].per_minute;
  if (!limit || then_[at][minute] < *limit) return true;
  ++loads_[at].turned_away;
  return false;
}

bool Outage::MayServe(int model, const ledger::Exchange& exchange,
                      const std::optional<llm::Usage>& usage) const {
  const Ladder::Model& candidate = ladder_.models[static_cast<std::size_t>(model)];
  if (candidate.provider == report_.provider) return false;
  const std::string& data_class = exchange.context.sensitivity;
  const auto allowed = ladder_.sensitivity.find(data_class);
  if (allowed != ladder_.sensitivity.end() &&
      std::ranges::find(allowed->second, candidate.provider) == allowed->second.end()) {
    return false;
  }
  const std::int64_t tokens =
      usage ? usage->TotalInput() + usage->TotalOutput() : exchange.decision.tokens_in;
  return candidate.context_window == 0 || tokens <= candidate.context_window;
}

Outage::Place Outage::FindPlace(const ledger::Exchange& exchange,
                                const std::optional<llm::Usage>& usage) {
  const decide::Decision& decision = exchange.decision;
  const std::int64_t minute = MinuteOf(exchange);
  bool crowded = false;
  for (const std::string& name : decision.chain) {
    const int model = ladder_.FindModel(name);
    if (model < 0 || !MayServe(model, exchange, usage)) continue;
    if (HasRoom(model, minute)) {
      return {.tier = ladder_.FindTier(decision.TierName()),
              .model = model,
              .why = "fallback",
              .cost = CostAt(model, usage)};
    }
    crowded = true;
  }
  if (decision.pinned) return {.why = crowded ? "limit reached" : "pinned by the request"};
  for (auto i = static_cast<std::size_t>(decision.tier + 1); i < decision.tiers.size(); ++i) {
    const int tier = ladder_.FindTier(decision.tiers[i].tier);
    if (tier < 0 || !decision.tiers[i].admissible) continue;
    const auto at = static_cast<std::size_t>(tier);
    for (const int model : ladder_.tiers[at].chain) {
      if (!MayServe(model, exchange, usage)) continue;
      const std::optional<NanoDollars> cost = CostAt(model, usage);
      if (!HasRoom(model, minute)) {
        crowded = true;
        continue;
      }
      if (rooms_[at]->Take(SteadyOf(exchange.time), cost.value_or(NanoDollars())))
        return {.tier = tier, .model = model, .why = "promotion", .cost = cost};
      ++report_.promotion[at].turned_away;
      crowded = true;
      break;  // the cap is the tier's
    }
  }
  return {.why = crowded ? "limit reached" : "no other model"};
}

void Outage::Add(const ledger::Exchange& exchange) {
  ++report_.exchanges;
  NanoDollars elsewhere = exchange.cost;
  for (const ledger::Attempt& attempt : exchange.attempts) {
    const int model = ladder_.FindModel(attempt.model);
    constexpr int kTooManyRequests = 429;
    if (model >= 0 && attempt.status == kTooManyRequests)
      ++loads_[static_cast<std::size_t>(model)].refused_now;
    if (attempt.provider == report_.provider && attempt.cost) elsewhere = elsewhere - *attempt.cost;
  }
  const std::int64_t minute = MinuteOf(exchange);
  const int served = ladder_.FindModel(exchange.model);
  if (served >= 0) ++now_[static_cast<std::size_t>(served)][minute];
  if (exchange.model.empty() || exchange.provider != report_.provider) {
    if (served >= 0) ++then_[static_cast<std::size_t>(served)][minute];
    const int tier = ladder_.FindTier(exchange.tier);
    if (tier >= 0 && exchange.promoted_from.empty())
      rooms_[static_cast<std::size_t>(tier)]->OnOwn(SteadyOf(exchange.time));
    report_.cost_now += exchange.cost;
    report_.cost_then += elsewhere;
    return;
  }
  ++report_.affected;
  const ledger::Attempt* answer = Answer(exchange);
  const std::optional<llm::Usage> usage = answer == nullptr ? std::nullopt : answer->usage;
  const Place place = FindPlace(exchange, usage);
  Move move{.tier = exchange.decision.TierName(), .from = exchange.model, .why = place.why};
  if (place.model >= 0) {
    const auto at = static_cast<std::size_t>(place.model);
    move.to = ladder_.models[at].name;
    if (place.tier >= 0) move.to_tier = ladder_.tiers[static_cast<std::size_t>(place.tier)].name;
    ++then_[at][minute];
  }
  Move& sum =
      moves_.try_emplace(move.tier + '\n' + move.from + '\n' + move.to + '\n' + move.why, move)
          .first->second;
  ++sum.exchanges;
  if (place.model < 0) {
    ++report_.lost;
  } else if (place.why == "promotion") {
    ++report_.promoted;
    ++report_.promotion[static_cast<std::size_t>(place.tier)].promoted;
  } else {
    ++report_.fallback;
    if (place.tier >= 0 && place.tier == ladder_.FindTier(exchange.tier))
      rooms_[static_cast<std::size_t>(place.tier)]->OnOwn(SteadyOf(exchange.time));
  }
  if (place.model >= 0 && !place.cost) {
    ++sum.unknown_cost;
    ++report_.unknown_cost;
    return;
  }
  const NanoDollars then = place.model < 0 ? NanoDollars() : elsewhere + *place.cost;
  sum.cost_now += exchange.cost;
  sum.cost_then += then;
  report_.cost_now += exchange.cost;
  report_.cost_then += then;
}

OutageReport Outage::Finish() {
  const auto busiest = [](const std::map<std::int64_t, std::int64_t>& minutes) {
    std::int64_t most = 0;
    for (const auto& [minute, count] : minutes) most = std::max(most, count);
    return most;
  };
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    loads_[i].busiest_now = busiest(now_[i]);
    loads_[i].busiest_then = busiest(then_[i]);
    std::int64_t more = 0;
    for (const auto& [minute, count] : then_[i]) more += count;
    for (const auto& [minute, count] : now_[i]) more -= count;
    if (more > 0 || loads_[i].turned_away > 0) report_.loads.push_back(loads_[i]);
  }
  std::erase_if(report_.promotion,
                [](const TierLoad& tier) { return tier.promoted == 0 && tier.turned_away == 0; });
  for (auto& [key, move] : moves_) report_.moves.push_back(std::move(move));
  std::ranges::sort(report_.moves, std::ranges::greater(), &Move::exchanges);
  return std::move(report_);
}

}  // namespace triage::replay
