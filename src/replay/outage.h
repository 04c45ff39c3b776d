#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/money.h"
#include "dispatch/promotion.h"
#include "ledger/reader.h"
#include "ledger/record.h"
#include "prices/model_prices.h"

namespace triage::replay {

/// What could be asked while a provider is down: the configuration, by index.
struct Ladder {
  struct Model {
    std::string name;
    std::string provider;
    prices::ModelPrices prices;
    std::int64_t context_window = 0;  ///< 0 = unknown
    std::optional<std::int64_t> per_minute =
        {};  ///< requests that its provider takes; nothing = any
  };

  struct Tier {
    std::string name;
    std::vector<int> chain;
  };

  std::vector<Model> models;
  std::vector<Tier> tiers;  ///< cheapest first
  dispatch::PromotionOptions promotion;
  std::map<std::string, std::vector<std::string>> sensitivity;  ///< class → providers that may see

  int FindModel(std::string_view name) const;  ///< -1 = there is none
  int FindTier(std::string_view name) const;
};

/// Exchanges that one model answered and another one would have, or nobody.
struct Move {
  std::string tier;  ///< that was chosen
  std::string from;  ///< model
  std::string to_tier = {};
  std::string to = {};   ///< model; empty = nobody
  std::string why = {};  ///< "fallback", "promotion", or why there was nobody
  std::int64_t exchanges = 0;
  NanoDollars cost_now = {};
  NanoDollars cost_then = {};
  std::int64_t unknown_cost = 0;  ///< exchanges that cannot be priced at the other model
};

/// What one model has to bear.
struct Load {
  std::string model;
  std::string provider;
  std::int64_t busiest_now = 0;   ///< requests of its busiest minute
  std::int64_t busiest_then = 0;  ///< likewise
  std::int64_t refused_now = 0;   ///< attempts that its provider answered with 429
  std::optional<std::int64_t> per_minute = {};
  std::int64_t turned_away = 0;  ///< exchanges for which its limit left no room
};

struct TierLoad {
  std::string tier;
  std::int64_t promoted = 0;
  std::int64_t turned_away = 0;  ///< by its cap on promotions
};

struct OutageReport {
  std::string provider;
  ledger::TimeRange range;
  std::int64_t exchanges = 0;
  std::int64_t affected = 0;  ///< answered by that provider
  std::int64_t fallback = 0;  ///< of them: another model of the same tier
  std::int64_t promoted = 0;  ///< a higher tier
  std::int64_t lost = 0;      ///< nobody
  NanoDollars cost_now;       ///< of all exchanges
  NanoDollars cost_then;
  std::int64_t unknown_cost = 0;  ///< exchanges that are in neither of both
  std::vector<Move> moves;
  std::vector<Load> loads;          ///< of models that would get more
  std::vector<TierLoad> promotion;  ///< of tiers that would be asked for it

  /// `amount` of the range, for an hour of it.
  NanoDollars PerHour(NanoDollars amount) const;
};

/// Plays recorded traffic against a ladder without one provider: what it answered goes to the next
/// model of the exchange's own chain, then to higher tiers as far as their cap on promotions allows
/// (dispatch::Promotion itself decides). An estimate: answers are taken to be as long as they were,
/// input to be uncached, the tiers that were admissible to be able to serve, and all other
/// providers to be well.
class Outage {
 public:
  Outage(Ladder ladder, std::string provider, ledger::TimeRange range);

  /// The ledger's exchanges of the range, oldest first.
  void Add(const ledger::Exchange& exchange);

  OutageReport Finish();

 private:
  struct Place {
    int tier = -1;
    int model = -1;
    std::string why = {};
    std::optional<NanoDollars> cost = {};
  };

  Place FindPlace(const ledger::Exchange& exchange, const std::optional<llm::Usage>& usage);
  bool HasRoom(int model, std::int64_t minute);
  bool MayServe(int model, const ledger::Exchange& exchange,
                const std::optional<llm::Usage>& usage) const;
  std::optional<NanoDollars> CostAt(int model, const std::optional<llm::Usage>& usage) const;
  std::int64_t MinuteOf(const ledger::Exchange& exchange) const;

  const Ladder ladder_;
  OutageReport report_;
  std::map<std::string, Move> moves_;
  std::vector<Load> loads_;                                  // by model
  std::vector<std::map<std::int64_t, std::int64_t>> now_;    // by model: minute → requests
  std::vector<std::map<std::int64_t, std::int64_t>> then_;   // likewise
  std::vector<std::unique_ptr<dispatch::Promotion>> rooms_;  // by tier
};

/// For people, and one JSON object.
std::string OutageText(const OutageReport& report);
std::string OutageJson(const OutageReport& report);

}  // namespace triage::replay
