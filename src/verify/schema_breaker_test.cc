#include "verify/schema_breaker.h"

#include <gtest/gtest.h>

namespace triage::verify {
namespace {

using std::chrono::minutes;

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(SchemaBreaker, OpensAfterThreeFailuresOfTheTopTierInARow) {
  SchemaBreaker breaker;
  for (int i = 0; i < 2; ++i) breaker.Failed(7, kStart);
  EXPECT_TRUE(breaker.Allow(7, kStart));
  breaker.Failed(7, kStart);
  EXPECT_FALSE(breaker.Allow(7, kStart));
  EXPECT_TRUE(breaker.IsOpen(7));
  EXPECT_EQ(breaker.open(), 1U);
}

TEST(SchemaBreaker, ASuccessBetweenFailuresStartsTheCountAnew) {
  SchemaBreaker breaker;
  breaker.Failed(7, kStart);
  breaker.Failed(7, kStart);
  breaker.Succeeded(7);
  breaker.Failed(7, kStart);
  EXPECT_TRUE(breaker.Allow(7, kStart));
}

TEST(SchemaBreaker, LetsOneExchangeProbeEachTenMinutes) {
  SchemaBreaker breaker;
  for (int i = 0; i < 3; ++i) breaker.Failed(7, kStart);
  EXPECT_FALSE(breaker.Allow(7, kStart + minutes(9)));
  EXPECT_TRUE(breaker.Allow(7, kStart + minutes(10)));
  EXPECT_FALSE(breaker.Allow(7, kStart + minutes(10)));
  breaker.Failed(7, kStart + minutes(11));
  EXPECT_FALSE(breaker.Allow(7, kStart + minutes(20)));
  EXPECT_TRUE(breaker.Allow(7, kStart + minutes(21)));
}

TEST(SchemaBreaker, OneSuccessClosesIt) {
  SchemaBreaker breaker;
  for (int i = 0; i < 5; ++i) breaker.Failed(7, kStart);
  breaker.Succeeded(7);
  EXPECT_TRUE(breaker.Allow(7, kStart));
  EXPECT_EQ(breaker.open(), 0U);
}

TEST(SchemaBreaker, SchemasDoNotTouchEachOther) {
  SchemaBreaker breaker;
  for (int i = 0; i < 3; ++i) breaker.Failed(7, kStart);
  EXPECT_TRUE(breaker.Allow(8, kStart));
  breaker.Succeeded(8);
  EXPECT_TRUE(breaker.IsOpen(7));
}

TEST(SchemaBreaker, ForgetsTheSchemaThatWasUsedLongestAgo) {
  SchemaBreaker breaker(SchemaBreaker::Options{.most_schemas = 2});
  for (int i = 0; i < 3; ++i) breaker.Failed(1, kStart);
  for (int i = 0; i < 3; ++i) breaker.Failed(2, kStart);
  EXPECT_FALSE(breaker.Allow(1, kStart));
  breaker.Failed(3, kStart);
  EXPECT_TRUE(breaker.IsOpen(1));
  EXPECT_FALSE(breaker.IsOpen(2));
}

}  // namespace
}  // namespace triage::verify
