#pragma once

#include <memory>
#include <string>
#include <vector>

#include "learn/dataset.h"
#include "learn/router.h"

namespace triage::learn {

struct TrainOptions {
  std::string name = "router";
  std::string command;             ///< how to make it again, for the model card; empty = not said
  std::vector<std::string> tiers;  ///< models that stand for the tiers, cheapest first
  PriceTable prices;               ///< of the tiers; a tier without a price is refused
  int exclude_fold = -1;           ///< rows of this fold are not looked at; -1 = use all
  float strength = 0.3F;           ///< C of the logistic regressions
  int epochs = 8;
  std::uint32_t min_word_rows = 2;  ///< n-grams in fewer rows are unknown
  float band = kDefaultBand;
  double quality_margin =
      0.005;  ///< thresholds are tuned for keep_quality + margin: held-out quality scatters
  std::size_t least_rows = 200;
  std::size_t least_of_class = 20;
  std::uint64_t seed = 1;
};

/// How well one tier's sufficiency held on rows that the model had not seen (out of fold).
struct TierMetrics {
  std::string model;
  double mean_score = 0;
  double base_rate = 0;  ///< share of rows where it was acceptable
  double log_loss = 0;
  double brier = 0;
  double calibration_error = 0;
  CalibrationChoice calibration;
};

struct TrainReport {
  std::shared_ptr<const Router> router;
  std::string model_card;  ///< Markdown
  std::size_t rows = 0;
  std::size_t rows_left_out = 0;    ///< of the excluded fold
  std::size_t rows_unlabelled = 0;  ///< without a score for every tier
  std::vector<TierMetrics> tiers;   ///< below the top
};

/// Learns a router: per tier below the top an L2-regularised logistic regression for "the tier's
/// answer is at least as good as the top tier's", calibrated on out-of-fold scores, with thresholds
/// tuned on the same scores. Folds are grouped by Core, so that twins stay together. Deterministic.
/// Errors: kInvalidRequest (unknown tier, no price, too few rows, a single class).
Result<TrainReport> Train(const Dataset& data, const TrainOptions& options);

}  // namespace triage::learn
