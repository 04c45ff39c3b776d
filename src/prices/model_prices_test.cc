#include "prices/model_prices.h"

#include <limits>

#include <gtest/gtest.h>

namespace triage::prices {
namespace {

PricePerMillion Price(const char* usd) {
  return ParsePrice(usd).value();
}

TEST(Cost, EqualsTheHandComputedBillOfAnOpenAiUsageWithCachedAndReasoningTokens) {
  // OpenAI's usage object counts cached tokens inside prompt_tokens and reasoning inside
  // completion_tokens:
  //   prompt_tokens 2006 of which cached_tokens 1920, completion_tokens 300 of which
  //   reasoning_tokens 128.
  // At 2.50 / 1.25 / 10.00 USD per million (input / cached input / output):
  //   86 × 2.50 = 215.00; 1920 × 1.25 = 2400.00; 300 × 10 = 3000.00; sum 5615.00 micro-dollars.
  const ModelPrices prices{
      {.fresh_input = Price("2.50"), .cache_read = Price("1.25"), .output = Price("10.00")}};
  const llm::Usage usage{
      .fresh_input = 2006 - 1920, .cache_read = 1920, .output = 300 - 128, .reasoning = 128};
  EXPECT_EQ(Cost(prices, usage), NanoDollars(5'615'000));
  EXPECT_EQ(FormatUsd(*Cost(prices, usage)), "0.005615");
}

TEST(Cost, PricesEveryClassWithItsOwnPrice) {
  const ModelPrices prices{{.fresh_input = Price("1"),
                            .cache_read = Price("0.1"),
                            .cache_write_5m = Price("1.25"),
                            .cache_write_1h = Price("2"),
                            .output = Price("5"),
                            .reasoning = Price("6")}};
  // 1 + 20 × 0.1 + 300 × 1.25 + 4000 × 2 + 50000 × 5 + 600000 × 6 micro-dollars.
  const llm::Usage usage{.fresh_input = 1,
                         .cache_read = 20,
                         .cache_write_5m = 300,
                         .cache_write_1h = 4000,
                         .output = 50000,
                         .reasoning = 600000};
  EXPECT_EQ(Cost(prices, usage), NanoDollars(3'858'378'000));
}

TEST(Cost, RoundsHalfUpOnceForTheSumOfAllClasses) {
  // 0.0003 USD per million = 0.3 nano-dollars a token: 0.3 + 0.3 = 0.6 → 1, where rounding each
  // would give 0.
  const ModelPrices prices{{.fresh_input = Price("0.0003"), .output = Price("0.0003")}};
  EXPECT_EQ(Cost(prices, {.fresh_input = 1, .output = 1}), NanoDollars(1));
  EXPECT_EQ(Cost(prices, {.fresh_input = 1}), NanoDollars(0));
  const ModelPrices half{{.fresh_input = Price("0.0005")}};
  EXPECT_EQ(Cost(half, {.fresh_input = 1}), NanoDollars(1));
}

TEST(Cost, CacheClassesFallBackToInputAndReasoningToOutput) {
  const ModelPrices prices{{.fresh_input = Price("2"), .output = Price("8")}};
  EXPECT_EQ(Cost(prices, {.cache_read = 10}), NanoDollars(20'000));
  EXPECT_EQ(Cost(prices, {.cache_write_5m = 10}), NanoDollars(20'000));
  EXPECT_EQ(Cost(prices, {.cache_write_1h = 10}), NanoDollars(20'000));
  EXPECT_EQ(Cost(prices, {.reasoning = 10}), NanoDollars(80'000));
}

TEST(Cost, IsUnknownAndNotZeroWhenANeededPriceIsMissing) {
  EXPECT_EQ(Cost({}, {.fresh_input = 1}), std::nullopt);
  EXPECT_EQ(Cost({{.fresh_input = Price("1")}}, {.fresh_input = 1, .output = 1}), std::nullopt);
  EXPECT_EQ(Cost({{.output = Price("1")}}, {.cache_read = 1, .output = 1}), std::nullopt);
}

TEST(Cost, IsKnownWhenTheMissingPriceIsNotNeeded) {
  EXPECT_EQ(Cost({{.fresh_input = Price("1")}}, {.fresh_input = 5}), NanoDollars(5'000));
  EXPECT_EQ(Cost({}, {}), NanoDollars(0));
}

TEST(Cost, OfAFreeModelIsZeroAndKnown) {
  EXPECT_EQ(
      Cost({{.fresh_input = Price("0"), .output = Price("0")}}, {.fresh_input = 9, .output = 9}),
      NanoDollars(0));
}

TEST(Cost, OfACountThatCannotBeTrueIsUnknown) {
  const ModelPrices prices{{.fresh_input = Price("1"), .output = Price("1")}};
  EXPECT_EQ(Cost(prices, {.fresh_input = -1}), std::nullopt);
  EXPECT_EQ(Cost(prices, {.output = std::numeric_limits<std::int64_t>::max()}), std::nullopt);
  EXPECT_TRUE(Cost(prices, {.output = 1'000'000'000}).has_value());
}

TEST(Cost, AddsWhatRequestsAndImagesCost) {
  ModelPrices prices{{.fresh_input = Price("1"), .output = Price("2")}};
  prices.per_request = NanoDollars(5'000'000);
  prices.per_image = NanoDollars(1'250'000);
  // 1,000 + 2 × 2,000 + 5,000,000 + 3 × 1,250,000 nano-dollars.
  EXPECT_EQ(Cost(prices, {.fresh_input = 1, .output = 2}, {.images = 3}), NanoDollars(8'755'000));
  EXPECT_EQ(Cost(prices, {}, {}), NanoDollars(5'000'000));
  EXPECT_EQ(Cost(prices, {}, {.images = -1}), std::nullopt);
}

TEST(Cost, TakesTheShareForBatchesOfTheSumAndRoundsOnce) {
  ModelPrices prices{{.fresh_input = Price("0.0375"), .output = Price("0.0375")}};
  prices.batch = Share{Share::kWhole / 2};
  // Half of 37.5 is 18.75 → 19; half of 2 × 37.5 is 37.5 → 38, where rounding each would give 38.
  EXPECT_EQ(Cost(prices, {.fresh_input = 1}, {.batch = true}), NanoDollars(19));
  EXPECT_EQ(Cost(prices, {.fresh_input = 1, .output = 1}, {.batch = true}), NanoDollars(38));
  EXPECT_EQ(Cost(prices, {.fresh_input = 1, .output = 2}, {.batch = true}), NanoDollars(56));
  EXPECT_EQ(Cost(prices, {.fresh_input = 1, .output = 1}), NanoDollars(75));
}

TEST(Cost, OfABatchIsUnknownWhenItsShareIs) {
  EXPECT_EQ(Cost({{.fresh_input = Price("1")}}, {.fresh_input = 1}, {.batch = true}), std::nullopt);
}

TEST(Cost, ChargesAllTokensOfALongPromptAtItsOwnPrices) {
  ModelPrices prices{{.fresh_input = Price("1"), .output = Price("10")}};
  prices.long_context = LongContext{
      .above = 1000,
      .prices = {.fresh_input = Price("2"), .cache_read = Price("0.5"), .output = Price("15")}};
  // Cached tokens count towards the length: 999 + 1 is not above, 999 + 2 is.
  EXPECT_EQ(Cost(prices, {.fresh_input = 999, .cache_read = 1, .output = 1}),
            NanoDollars(1'010'000));
  EXPECT_EQ(Cost(prices, {.fresh_input = 999, .cache_read = 2, .output = 1}),
            NanoDollars(1'998'000 + 1'000 + 15'000));
}

TEST(Cost, OfTheLargestAttemptThatCanBeTrueDoesNotOverflow) {
  ModelPrices prices{{.fresh_input = PricePerMillion(1'000'000'000'000'000)}};
  prices.batch = Share{Share::kWhole};
  // A billion tokens at a million dollars a million: the end of 64 bits, not a wrong figure.
  EXPECT_EQ(Cost(prices, {.fresh_input = 1'000'000'000}, {.batch = true}),
            NanoDollars(1'000'000'000'000'000'000));
}

TEST(EstimateTokens, IsAQuarterOfTheBytesRoundedUp) {
  EXPECT_EQ(EstimateTokens(0), 0);
  EXPECT_EQ(EstimateTokens(1), 1);
  EXPECT_EQ(EstimateTokens(4), 1);
  EXPECT_EQ(EstimateTokens(5), 2);
  EXPECT_EQ(EstimateTokens(std::numeric_limits<std::size_t>::max()), std::int64_t{1} << 62);
}

}  // namespace
}  // namespace triage::prices
