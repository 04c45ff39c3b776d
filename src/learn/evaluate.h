#pragma once

#include <span>
#include <string>
#include <vector>

#include "learn/dataset.h"
#include "learn/figures.h"
#include "learn/train.h"

namespace triage::learn {

struct EvalOptions {
  std::vector<std::string>
      tiers;  ///< models in the data, cheapest first; as many as the router's tiers
  PriceTable prices;
  int only_fold = -1;          ///< -1 = all rows
  double keep_quality = 0.95;  ///< picks the operating point among the router's own thresholds
};

/// The rows that know every tier, as the router sees them. Errors: kInvalidRequest (tiers do not
/// match, unknown model, no price, no rows).
Result<std::vector<TestRow>> RouteRows(const Router& router, const Dataset& data,
                                       const EvalOptions& options);

/// Every row by a router that was trained on the other `folds` − 1 folds (see Fold). Errors as
/// Train's and RouteRows'.
Result<std::vector<TestRow>> CrossValidate(const Dataset& data, const TrainOptions& train,
                                           int folds, double keep_quality);

enum class SliceBy : std::uint8_t { kFamily, kDataset };

struct Slice {
  SliceBy by = SliceBy::kDataset;
  std::string name;  ///< "(none)" where rows do not say
  EvalReport report;
};

/// The figures of each part by itself, in the order of `by` and names.
std::vector<Slice> Slices(std::span<const TestRow> rows, std::size_t tiers,
                          std::span<const SliceBy> by, int resamples);

}  // namespace triage::learn
