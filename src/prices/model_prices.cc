#include "prices/model_prices.h"

#include <array>

namespace triage::prices {
namespace {

// No context window is near it; above it a count is garbage, and a sum of costs over attempts could
// leave 64 bits.
constexpr std::int64_t kMostTokens = 1'000'000'000;

bool CanBeTrue(std::int64_t count) {
  return count >= 0 && count <= kMostTokens;
}

}  // namespace

std::optional<NanoDollars> Cost(const ModelPrices& prices, const llm::Usage& usage,
                                const Terms& terms) {
  const bool is_long =
      prices.long_context.has_value() && usage.TotalInput() > prices.long_context->above;
  const TokenPrices& of = is_long ? prices.long_context->prices : prices;

  struct Class {
    std::int64_t tokens;
    const std::optional<PricePerMillion>& price;
    const std::optional<PricePerMillion>& otherwise;
  };

  const std::array<Class, 6> classes{{
      {usage.fresh_input, of.fresh_input, of.fresh_input},
      {usage.cache_read, of.cache_read, of.fresh_input},
      {usage.cache_write_5m, of.cache_write_5m, of.fresh_input},
      {usage.cache_write_1h, of.cache_write_1h, of.fresh_input},
      {usage.output, of.output, of.output},
      {usage.reasoning, of.reasoning, of.output},
  }};
  CostSum sum;
  for (const Class& one : classes) {
    if (one.tokens == 0) continue;
    if (!CanBeTrue(one.tokens)) return std::nullopt;
    const std::optional<PricePerMillion>& price = one.price ? one.price : one.otherwise;
    if (!price) return std::nullopt;
    sum.Add(one.tokens, *price);
  }
  if (!CanBeTrue(terms.images)) return std::nullopt;
  sum.AddEach(1, prices.per_request);
  sum.AddEach(terms.images, prices.per_image);
  if (!terms.batch) return sum.Rounded();
  if (!prices.batch) return std::nullopt;
  return sum.Rounded(*prices.batch);
}

std::int64_t EstimateTokens(std::size_t bytes) {
  return static_cast<std::int64_t>(bytes / 4 + (bytes % 4 == 0 ? 0 : 1));
}

}  // namespace triage::prices
