#include "dispatch/limiter.h"

#include <vector>

#include <gtest/gtest.h>

namespace triage::dispatch {
namespace {

using namespace std::chrono_literals;
using Headers = std::vector<std::pair<std::string, std::string>>;

const WallTime kNow = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 24) + 12h);

TEST(ReadRateLimits, UnderstandsOpenAisFields) {
  const Headers headers = {
      {"X-RateLimit-Limit-Requests", "60"},       {"x-ratelimit-remaining-requests", "59"},
      {"x-ratelimit-reset-requests", "1m6s"},     {"x-ratelimit-limit-tokens", "150000"},
      {"x-ratelimit-remaining-tokens", "149984"}, {"x-ratelimit-reset-tokens", "7.66s"}};
  const RateLimits limits = ReadRateLimits(headers, kNow);
  EXPECT_EQ(limits.requests, (LimitState{.limit = 60, .remaining = 59, .reset = 66s}));
  EXPECT_EQ(limits.tokens, (LimitState{.limit = 150000, .remaining = 149984, .reset = 7660ms}));
}

TEST(ReadRateLimits, UnderstandsAnthropicsFieldsAndTakesTheTightestTokenLimit) {
  const Headers headers = {
      {"anthropic-ratelimit-requests-limit", "50"},
      {"anthropic-ratelimit-requests-remaining", "0"},
      {"anthropic-ratelimit-requests-reset", "2026-11-24T12:00:30Z"},
      {"anthropic-ratelimit-input-tokens-limit", "40000"},
      {"anthropic-ratelimit-input-tokens-remaining", "39000"},
      {"anthropic-ratelimit-input-tokens-reset", "2026-11-24T12:00:05Z"},
      {"anthropic-ratelimit-output-tokens-limit", "8000"},
      {"anthropic-ratelimit-output-tokens-remaining", "200"},
      {"anthropic-ratelimit-output-tokens-reset", "2026-11-24T14:00:20+02:00"}};
  const RateLimits limits = ReadRateLimits(headers, kNow);
  EXPECT_EQ(limits.requests, (LimitState{.limit = 50, .remaining = 0, .reset = 30s}));
  EXPECT_EQ(limits.tokens, (LimitState{.limit = 8000, .remaining = 200, .reset = 20s}));
}

TEST(ReadRateLimits, LeavesOutWhatItCannotRead) {
  const Headers headers = {{"x-ratelimit-remaining-requests", "lots"},
                           {"x-ratelimit-reset-requests", "soon"},
                           {"x-ratelimit-remaining-tokens", "-5"},
                           {"x-ratelimit-", "1"},
                           {"anthropic-ratelimit-requests", "1"}};
  EXPECT_EQ(ReadRateLimits(headers, kNow), RateLimits{});
}

TEST(ParseReset, TakesDurationsSecondsAndTimes) {
  EXPECT_EQ(ParseReset("20ms", kNow), 20ms);
  EXPECT_EQ(ParseReset("1h2m3s", kNow), 3723s);
  EXPECT_EQ(ParseReset("12", kNow), 12s);
  EXPECT_EQ(ParseReset("0.5", kNow), 500ms);
  EXPECT_EQ(ParseReset("2m59.56s", kNow), 179560ms);
  EXPECT_EQ(ParseReset("2026-11-24T12:00:01.5Z", kNow), 1s);
  EXPECT_EQ(ParseReset("2020-01-01T00:00:00Z", kNow), 0s);
  for (const char* bad : {"", "x", "1x", "-1s", "1s2", "25h", "2026-13-01T00:00:00Z",
                          "2026-11-24 12:00:00", "1e99", "nan"}) {
    EXPECT_EQ(ParseReset(bad, kNow), std::nullopt) << bad;
  }
}

class LimiterTest : public ::testing::Test {
 protected:
  Limiter limiter_;
  SteadyTime now_ = SteadyTime{} + 1h;
};

TEST_F(LimiterTest, LetsEverythingThroughWhenNothingIsKnown) {
  for (int i = 0; i < 100; ++i) limiter_.Started(now_, 1000);
  EXPECT_LE(limiter_.EarliestStart(now_, 1'000'000), now_);
}

TEST_F(LimiterTest, WaitsForTheResetBeforeTheProviderHasToRefuse) {
  limiter_.Learned(now_, {.requests = {.limit = 10, .remaining = 2, .reset = 5s}, .tokens = {}});
  EXPECT_LE(limiter_.EarliestStart(now_, 10), now_);
  limiter_.Started(now_, 10);
  limiter_.Started(now_, 10);
  EXPECT_EQ(limiter_.EarliestStart(now_, 10), now_ + 5s);
  now_ += 5s;
  EXPECT_LE(limiter_.EarliestStart(now_, 10), now_);
}

TEST_F(LimiterTest, CountsTokensAgainstTheirOwnLimit) {
  limiter_.Learned(now_,
                   {.requests = {}, .tokens = {.limit = 6000, .remaining = 1000, .reset = 9s}});
  EXPECT_LE(limiter_.EarliestStart(now_, 1000), now_);
  EXPECT_EQ(limiter_.EarliestStart(now_, 1001), now_ + 9s);
  EXPECT_LE(limiter_.EarliestStart(now_, 6001), now_);  // no waiting makes it fit
}

TEST_F(LimiterTest, BlocksForAsLongAsARefusalSaysAndNeverShorter) {
  limiter_.Refused(now_, 30s);
  limiter_.Refused(now_ + 1s, 2s);
  EXPECT_EQ(limiter_.EarliestStart(now_ + 1s, 1), now_ + 30s);
}

TEST_F(LimiterTest, BacksOffByItselfWhenARefusalSaysNothing) {
  limiter_.Refused(now_, {});
  EXPECT_EQ(limiter_.blocked_until(), now_ + 1s);
  now_ += 1s;
  limiter_.Refused(now_, {});
  EXPECT_EQ(limiter_.blocked_until(), now_ + 2s);
  for (int i = 0; i < 20; ++i) {
    now_ = limiter_.blocked_until();
    limiter_.Refused(now_, {});
  }
  EXPECT_EQ(limiter_.blocked_until(), now_ + 60s);
  limiter_.Accepted();
  now_ += 60s;
  limiter_.Refused(now_, {});
  EXPECT_EQ(limiter_.blocked_until(), now_ + 1s);
}

}  // namespace
}  // namespace triage::dispatch
