#include "pipeline/account.h"

#include <gtest/gtest.h>

namespace triage::pipeline {
namespace {

prices::ModelPrices Prices() {
  return {{.fresh_input = PricePerMillion{2'500'000'000},
           .cache_read = PricePerMillion{1'250'000'000},
           .output = PricePerMillion{10'000'000'000}}};
}

TEST(Account, TakesTheProvidersOwnCount) {
  llm::ReplySummary summary;
  summary.usage = llm::Usage{.fresh_input = 100, .cache_read = 40, .output = 10};
  const Account account = AccountForAnswer(Prices(), summary, 999, 999'999);
  // 100 × 2,500 + 40 × 1,250 + 10 × 10,000 nano-dollars
  EXPECT_EQ(account.cost, NanoDollars(400'000));
  EXPECT_FALSE(account.estimated);
}

TEST(Account, EstimatesABrokenStreamByItsEventsAndAWholeAnswerByItsBytes) {
  llm::ReplySummary stream;
  stream.events = 12;
  const Account broken = AccountForAnswer(Prices(), stream, 100, 4'000);
  EXPECT_EQ(broken.cost, NanoDollars(100 * 2'500 + 12 * 10'000));
  EXPECT_TRUE(broken.estimated);
  const Account whole = AccountForAnswer(Prices(), {}, 100, 41);
  EXPECT_EQ(whole.usage->output, 11);
}

TEST(Account, BooksNothingForARefusalAndTheInputForWhatWasCutOff) {
  EXPECT_EQ(AccountForFailure(Prices(), {.code = ErrorCode::kUnavailable, .message = ""}, 100).cost,
            NanoDollars(0));
  const Error limited{.code = ErrorCode::kRateLimited, .message = "", .upstream_status = 429};
  EXPECT_EQ(AccountForFailure(Prices(), limited, 100).cost, NanoDollars(0));
  const Account timeout =
      AccountForFailure(Prices(), {.code = ErrorCode::kTimeout, .message = ""}, 100);
  EXPECT_EQ(timeout.cost, NanoDollars(250'000));
  EXPECT_TRUE(timeout.estimated);
}

TEST(Account, KnowsNoCostWithoutAPriceRatherThanZero) {
  llm::ReplySummary summary;
  summary.usage = llm::Usage{.fresh_input = 1, .output = 1};
  EXPECT_FALSE(AccountForAnswer({}, summary, 1, 1).cost.has_value());
}

TEST(Account, PricesTheBaselineWithoutTheServingModelsCache) {
  EXPECT_EQ(
      BaselineCost(Prices(), {.fresh_input = 1, .cache_read = 9, .output = 1, .reasoning = 1}),
      NanoDollars(10 * 2'500 + 2 * 10'000));
}

}  // namespace
}  // namespace triage::pipeline
