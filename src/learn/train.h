#pragma once

#include <memory>
#include <string>
#include <vector>

#include "learn/dataset.h"
#include "learn/figures.h"
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
  TreeOptions trees;
  int resamples = 200;  ///< of the bootstrap, for the model card
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
  float tree_trust = 0;  ///< share of the trees' correction that held on unseen rows
  CalibrationChoice calibration;
};

struct TrainReport {
  std::shared_ptr<const Router> router;
  std::string model_card;  ///< Markdown
  std::size_t rows = 0;
  std::size_t rows_left_out = 0;    ///< of the excluded fold
  std::size_t rows_unlabelled = 0;  ///< without a score for every tier
  std::vector<TierMetrics> tiers;   ///< below the top
  std::vector<TestRow> unseen;      ///< the training rows as seen by models that had not seen them
};

/// Learns a router. Per tier below the top, L2-regularised logistic regressions say how probable it
/// is that the tier's answer is not worse, better, right; together they give the score that the
/// tier is expected to lose or gain against the top tier; boosted trees and offsets per kind
/// correct it as far as that held on unseen rows. It is calibrated to "at least as good as the top
/// tier's" on out-of-fold scores, and thresholds are tuned on the same scores. Folds are grouped by
/// Core, so that twins stay together. Deterministic. Errors: kInvalidRequest (unknown tier, no
/// price, too few rows, a single class).
Result<TrainReport> Train(const Dataset& data, const TrainOptions& options);

}  // namespace triage::learn
