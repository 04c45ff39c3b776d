#pragma once

#include <vector>

#include "base/clock.h"
#include "prices/model_prices.h"

namespace triage::prices {

/// What one model has charged, charges and will charge. The price that is in force when an attempt
/// is booked holds; what is booked stays.
class PriceBook {
 public:
  struct Entry {
    WallTime from;  ///< WallTime::min() = ever since
    ModelPrices prices;
  };

  PriceBook() = default;

  /// One price for all times.
  explicit PriceBook(ModelPrices prices) : entries_{{WallTime::min(), std::move(prices)}} {}

  /// `entries` in the order of `from`, no two the same.
  explicit PriceBook(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  /// Prices of which nothing is known before the first entry and in an empty book.
  const ModelPrices& At(WallTime time) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace triage::prices
