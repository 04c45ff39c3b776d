#include "feedback/stickiness.h"

#include <limits>

#include <gtest/gtest.h>

namespace triage::feedback {
namespace {

// USD per million tokens.
constexpr PricePerMillion Usd(std::int64_t dollars) {
  return {dollars * 1'000'000'000};
}

constexpr TurnPrices kDear = {Usd(10), Usd(1), Usd(12), Usd(50)};
constexpr TurnPrices kCheap = {Usd(2), Usd(2), Usd(2), Usd(8)};

TEST(Stickiness, CostsAreThoseOfTheFormula) {
  const SwitchAnswer answer = WeighSwitch({.current = kDear,
                                           .candidate = kCheap,
                                           .input_tokens = 1'000'000,
                                           .output_tokens = 0,
                                           .cached_tokens = 1'000'000,
                                           .turns_after = 0,
                                           .hit_permille = 800});
  // 800k at 1 $ + 200k at 12 $ against a million at 2 $.
  EXPECT_EQ(answer.stay.value(), 3'200'000'000);
  EXPECT_EQ(answer.change.value(), 2'000'000'000);
  EXPECT_EQ(answer.gain().value(), 1'200'000'000);
  EXPECT_EQ(answer.cache_value.value(), 12'000'000'000 - 3'200'000'000);
}

TEST(Stickiness, FollowingTurnsReadTheGrownContext) {
  const SwitchAnswer answer = WeighSwitch({.current = kDear,
                                           .candidate = kCheap,
                                           .input_tokens = 1'000'000,
                                           .output_tokens = 1'000'000,
                                           .turns_after = 1,
                                           .hit_permille = 500});
  // Cold: 12 + 50, then two million half from the cache, half fresh, and 50 again.
  EXPECT_EQ(answer.stay.value(), (12 + 50 + 1 + 10 + 50) * 1'000'000'000LL);
  EXPECT_EQ(answer.change.value(), (2 + 8 + 4 + 8) * 1'000'000'000LL);
}

TEST(Stickiness, AWarmCacheMakesAnEquallyDearModelNotWorthIt) {
  SwitchQuestion question{.current = kDear,
                          .candidate = kDear,
                          .input_tokens = 50'000,
                          .output_tokens = 500,
                          .cached_tokens = 48'000};
  EXPECT_LT(WeighSwitch(question).gain().value(), 0);
  question.warm = false;
  EXPECT_EQ(WeighSwitch(question).gain().value(), 0);
  EXPECT_EQ(WeighSwitch(question).cache_value.value(), 0);
}

TEST(Stickiness, NoMoreIsCachedThanIsSent) {
  const SwitchQuestion all{.current = kDear,
                           .candidate = kCheap,
                           .input_tokens = 1'000,
                           .output_tokens = 10,
                           .cached_tokens = 1'000};
  SwitchQuestion more = all;
  more.cached_tokens = 1'000'000;
  EXPECT_EQ(WeighSwitch(all).stay, WeighSwitch(more).stay);
}

TEST(Stickiness, ImpossibleFiguresAreClamped) {
  const auto most = std::numeric_limits<std::int64_t>::max();
  const SwitchAnswer answer = WeighSwitch({.current = {{most}, {most}, {most}, {most}},
                                           .candidate = kCheap,
                                           .input_tokens = most,
                                           .output_tokens = most,
                                           .cached_tokens = -5,
                                           .turns_after = 1'000'000,
                                           .hit_permille = 5'000});
  EXPECT_GT(answer.stay.value(), 0);
  EXPECT_EQ(WeighSwitch({.current = kDear, .candidate = kCheap, .input_tokens = -1}).stay.value(),
            0);
}

}  // namespace
}  // namespace triage::feedback
