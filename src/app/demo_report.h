#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"

namespace triage::app {

/// One rung of the demo's ladder and the recorded model behind it.
struct DemoTier {
  std::string name;
  std::string model;  ///< as the recorded outcomes name it
};

/// What the model of a tier did with a question, or would have done had it been asked.
struct TierOutcome {
  std::optional<double> score;  ///< 0..1 as graded; nothing = not recorded
  NanoDollars cost;
  double latency_ms = 0;  ///< simulated
};

/// One replayed question with its answer.
struct DemoOutcome {
  std::string id;
  std::string slice;  ///< data set, with the subject where there is one
  std::string prompt;
  std::vector<TierOutcome> tiers;  ///< cheapest first
  int delivered = -1;              ///< tier of the model that answered; -1 = no answer
  NanoDollars cost;                ///< from the ledger, all attempts
  double latency_ms = 0;           ///< measured at the client, on the simulated time scale
  double decide_us = 0;
  bool fallback = false;      ///< another model than the first of its chain was tried
  bool text_matches = false;  ///< the text is the recorded one of that model
  bool cost_agrees = true;    ///< ledger, response header and recomputation give the same
};

/// A way to answer all questions.
struct Figures {
  double quality = 0;  ///< mean graded score
  NanoDollars cost;
  double p50_ms = 0;
  double p95_ms = 0;
};

/// Mixing two single models at random so that it costs what routing costs.
struct RandomMixing {
  Figures figures;
  int cheap = 0;  ///< tiers that are mixed
  int dear = 0;
  double dear_share = 0;
  double cost_ratio_for_same_quality =
      1;  ///< of always-frontier: what mixing costs at the routed quality
};

struct SliceLoss {
  std::string name;
  int questions = 0;
  double routed = 0;
  double frontier = 0;
};

struct LostExample {
  std::string id;
  std::string slice;
  std::string question;  ///< the first characters, in one line
  int delivered = 0;
  std::vector<double> scores;  ///< per tier
};

/// What all questions would cost and be worth at another operating point of the router.
struct CurvePoint {
  double keep_quality = 0;  ///< as the configuration names it
  double cost_ratio = 0;    ///< of always-frontier
  double quality = 0;
};

struct DemoReport {
  std::vector<DemoTier> tiers;
  int questions = 0;
  std::vector<double> tier_share;
  Figures routed;
  std::vector<Figures> single;         ///< each tier's model for everything
  int best_single = 0;                 ///< highest quality, the cheaper one of equals
  std::optional<int> best_affordable;  ///< the best single model that costs no more than routing
  RandomMixing mixing;
  double cost_ratio = 0;  ///< routed ÷ always-frontier
  double quality_ratio = 0;
  double decide_p50_us = 0;
  double decide_p99_us = 0;
  int fallbacks = 0;
  int errors = 0;      ///< questions without an answer; they count as score 0
  int mismatches = 0;  ///< answers whose text is not the recorded one
  int ungraded = 0;    ///< delivered by a model without a recorded score; they count as score 0
  int cost_disagreements = 0;
  std::vector<SliceLoss> worst_slices;  ///< most lost first
  std::vector<LostExample> examples;
  std::vector<CurvePoint> curve;  ///< rising keep_quality; filled by OperatingCurve

  bool GoalMet() const;
};

/// The promise of the demo: at most this share of always-frontier's cost …
inline constexpr double kCostGoal = 0.42;
/// … at no less than this share of its quality.
inline constexpr double kQualityGoal = 0.95;

/// The value at rank ceil(share × n) of the sorted values; 0 when there are none.
double Percentile(std::vector<double> values, double share);

/// The same of two samples that are mixed with weights (1 − share_b) and share_b.
double MixedPercentile(std::vector<double> a, std::vector<double> b, double share_b, double share);

/// Adds everything up. Each outcome has as many tiers as `tiers`, of which there is at least one.
DemoReport Summarize(std::vector<DemoTier> tiers, std::span<const DemoOutcome> outcomes);

/// The first `characters` code points in one line, with "…" when there is more.
std::string OneLine(std::string_view text, std::size_t characters);

}  // namespace triage::app
