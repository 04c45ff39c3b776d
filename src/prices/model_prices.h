#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/money.h"
#include "llm/types.h"

namespace triage::prices {

/// What one model charges, per class of token. Nothing = not known; zero = free.
///
/// A class without a price of its own takes another's: reasoning that of output, the cache classes
/// that of fresh input. The latter errs upwards for reads (providers discount them) and downwards
/// for writes (some add to them), so a price book should name them wherever the provider does.
struct ModelPrices {
  std::optional<PricePerMillion> fresh_input = {};
  std::optional<PricePerMillion> cache_read = {};
  std::optional<PricePerMillion> cache_write_5m = {};
  std::optional<PricePerMillion> cache_write_1h = {};
  std::optional<PricePerMillion> output = {};
  std::optional<PricePerMillion> reasoning = {};

  bool operator==(const ModelPrices&) const = default;
};

/// The cost of one attempt: `tokens × price` summed over the classes in 128 bits and rounded
/// half-up once. Nothing, never zero, when a class with tokens in it has no price, or when a count
/// cannot be true (negative, or above 1e9 for one attempt).
std::optional<NanoDollars> Cost(const ModelPrices& prices, const llm::Usage& usage);

/// ceil(bytes / 4): the usual rule of thumb for English text, for where a provider reported no
/// usage.
std::int64_t EstimateTokens(std::size_t bytes);

}  // namespace triage::prices
