#include "prices/price_book.h"

namespace triage::prices {

const ModelPrices& PriceBook::At(WallTime time) const {
  static const ModelPrices kUnknown;
  const ModelPrices* in_force = &kUnknown;
  for (const Entry& entry : entries_) {
    if (entry.from > time) break;
    in_force = &entry.prices;
  }
  return *in_force;
}

}  // namespace triage::prices
