#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/money.h"
#include "llm/types.h"

namespace triage::prices {

/// A price per class of token. Nothing = not known; zero = free.
///
/// A class without a price of its own takes another's: reasoning that of output, the cache classes
/// that of fresh input. The latter errs upwards for reads (providers discount them) and downwards
/// for writes (some add to them), so a price book should name them wherever the provider does.
struct TokenPrices {
  std::optional<PricePerMillion> fresh_input = {};
  std::optional<PricePerMillion> cache_read = {};
  std::optional<PricePerMillion> cache_write_5m = {};
  std::optional<PricePerMillion> cache_write_1h = {};
  std::optional<PricePerMillion> output = {};
  std::optional<PricePerMillion> reasoning = {};

  bool operator==(const TokenPrices&) const = default;
};

/// What a provider asks for long prompts: with more input tokens than `above`, cached ones
/// included, all tokens of the call are charged at `prices`.
struct LongContext {
  std::int64_t above = 0;
  TokenPrices prices;

  bool operator==(const LongContext&) const = default;
};

/// What one model charges.
struct ModelPrices : TokenPrices {
  NanoDollars per_request{};  ///< for each call, whatever it holds
  NanoDollars per_image{};    ///< for each image sent, beside its tokens
  /// Of the usual price, for calls by way of the provider's batch API. Nothing = not known.
  std::optional<Share> batch = {};
  std::optional<LongContext> long_context = {};

  bool operator==(const ModelPrices&) const = default;
};

/// What the bill of a call depends on beside its tokens.
struct Terms {
  std::int64_t images = 0;  ///< sent to the model
  bool batch = false;       ///< the call went through the provider's batch API
};

/// The cost of one attempt: `tokens × price` summed over the classes, with what requests and images
/// cost, in 128 bits; the share for batches is taken of the sum, which is rounded half-up once.
/// Nothing, never zero, when a price that is needed is not known, or when a count cannot be true
/// (negative, or above 1e9 for one attempt).
std::optional<NanoDollars> Cost(const ModelPrices& prices, const llm::Usage& usage,
                                const Terms& terms = {});

/// ceil(bytes / 4): the usual rule of thumb for English text, for where a provider reported no
/// usage.
std::int64_t EstimateTokens(std::size_t bytes);

}  // namespace triage::prices
