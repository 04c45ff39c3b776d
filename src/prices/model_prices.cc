#include "prices/model_prices.h"

#include <array>

namespace triage::prices {
namespace {

// No context window is near it; above it a count is garbage, and a sum of costs over attempts could
// leave 64 bits.
constexpr std::int64_t kMostTokens = 1'000'000'000;

}  // namespace

std::optional<NanoDollars> Cost(const ModelPrices& prices, const llm::Usage& usage) {
  struct Class {
    std::int64_t tokens;
    const std::optional<PricePerMillion>& price;
    const std::optional<PricePerMillion>& otherwise;
  };

  const std::array<Class, 6> classes{{
      {usage.fresh_input, prices.fresh_input, prices.fresh_input},
      {usage.cache_read, prices.cache_read, prices.fresh_input},
      {usage.cache_write_5m, prices.cache_write_5m, prices.fresh_input},
      {usage.cache_write_1h, prices.cache_write_1h, prices.fresh_input},
      {usage.output, prices.output, prices.output},
      {usage.reasoning, prices.reasoning, prices.output},
  }};
  CostSum sum;
  for (const Class& one : classes) {
    if (one.tokens == 0) continue;
    if (one.tokens < 0 || one.tokens > kMostTokens) return std::nullopt;
    const std::optional<PricePerMillion>& price = one.price ? one.price : one.otherwise;
    if (!price) return std::nullopt;
    sum.Add(one.tokens, *price);
  }
  return sum.Rounded();
}

std::int64_t EstimateTokens(std::size_t bytes) {
  return static_cast<std::int64_t>(bytes / 4 + (bytes % 4 == 0 ? 0 : 1));
}

}  // namespace triage::prices
