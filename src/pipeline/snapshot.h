#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "decide/options.h"
#include "dispatch/promotion.h"
#include "dispatch/retry.h"
#include "dispatch/target.h"
#include "judge/budget.h"
#include "judge/cache.h"
#include "judge/framing.h"
#include "judge/parse.h"
#include "learn/router.h"
#include "llm/provider.h"
#include "observe/gateway_metrics.h"
#include "pipeline/router_traffic.h"
#include "prices/model_window.h"
#include "prices/price_book.h"
#include "verify/checks.h"
#include "verify/schema_breaker.h"

namespace triage::pipeline {

/// What the pipeline needs of one configured model, by the index that decide::Options uses.
struct ModelView {
  prices::PriceBook prices;
  llm::AttemptLimits limits;
  std::shared_ptr<observe::ModelMetrics> metrics;
  /// How long a call is read on after its client has gone; zero = it is cut at once.
  std::chrono::milliseconds drain{0};
  std::shared_ptr<prices::ModelWindow> window;    ///< never null; kept over reloads
  std::shared_ptr<dispatch::Target> target;       ///< kept over reloads
  std::shared_ptr<dispatch::RetryBudget> budget;  ///< of its provider, kept over reloads
};

struct TierView {
  std::shared_ptr<observe::TierMetrics> metrics;
  std::shared_ptr<dispatch::Promotion> promotion;  ///< into this tier; kept over reloads
  std::vector<observe::Counter*>
      cost;  ///< by model index; null for models that are not in the tier's chain
  std::vector<config::Tier::Place> places;  ///< by model index; of those in the tier's chain
  int threshold_head =
      -1;  ///< which of the router's thresholds bounds this tier; -1 = none: it is the top
  bool hedged = false;   ///< late answers of its models get a rival
  int router_head = -1;  ///< which of the router's sufficiencies speaks for this tier; -1 = none
};

/// The LLM judge of routing; when it is asked, decide::Options say.
struct Judge {
  int model = -1;  ///< index into the models
  std::chrono::milliseconds deadline{100};
  judge::FramingOptions framing;
  judge::Calibration calibration;
  std::shared_ptr<judge::Cache> cache;  ///< never null
  observe::Counter* cost = nullptr;     ///< null = not counted
};

/// Into so many groups kinds of work fall whose answers are sampled apart.
inline constexpr std::size_t kQueryTypeStrata = 32;

/// The second look at answers by a model; config::Verify::SpotCheck says when.
struct SpotCheck {
  int model = -1;  ///< index into the models
  judge::FramingOptions framing;
  judge::Calibration calibration;
  std::shared_ptr<judge::MeasurementSampler> sampler;  ///< null = delivered answers are not sampled
  observe::Counter* cost = nullptr;
};

/// One configuration ready to serve: immutable, shared by all threads, replaced as a whole by a
/// reload.
struct Snapshot {
  config::Snapshot config;
  decide::Options options;
  std::shared_ptr<const learn::Router>
      router;  ///< null: no learned router, policies and the top tier decide
  /// Thresholds to be weighed with each request's cost; null: Options::thresholds hold for every
  /// request.
  const learn::ThresholdRow* weighed = nullptr;
  /// What the router makes of the traffic under this configuration; null without a router.
  std::shared_ptr<RouterTraffic> traffic;
  std::vector<ModelView> models;
  std::vector<TierView> tiers;
  std::shared_ptr<dispatch::RetryBudget> hedges;  ///< null = no tier is hedged
  std::optional<Judge> judge;                     ///< nothing = none is asked
  std::optional<SpotCheck> spot_check;
  std::shared_ptr<const verify::Checks> checks;
  std::shared_ptr<verify::SchemaBreaker> schemas;  ///< kept over reloads

  /// triage_verdicts_total of a check, by outcome.
  using VerdictCounters = std::array<observe::Counter*, 3>;
  std::map<std::string, VerdictCounters, std::less<>> verdicts;

  /// Index of a model by Triage's name of it; -1 when there is none.
  int ModelIndex(std::string_view name) const;
};

}  // namespace triage::pipeline
