#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/bounded_queue.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/task.h"
#include "base/text.h"

namespace triage {
namespace {

TEST(Money, RoundsHalfUpOncePerSum) {
  CostSum sum;
  sum.Add(1, PricePerMillion{500'000});
  EXPECT_EQ(sum.Rounded(), NanoDollars(1));  // 0.5 rounds up
  CostSum below;
  below.Add(1, PricePerMillion{499'999});
  EXPECT_EQ(below.Rounded(), NanoDollars(0));
  CostSum two_classes;  // each would round to 0 alone
  two_classes.Add(1, PricePerMillion{300'000});
  two_classes.Add(1, PricePerMillion{300'000});
  EXPECT_EQ(two_classes.Rounded(), NanoDollars(1));
}

TEST(Money, SaturatesInsteadOfWrapping) {
  CostSum sum;
  sum.Add(std::numeric_limits<std::int64_t>::max(), PricePerMillion{1'000'000'000'000});
  EXPECT_EQ(sum.Rounded().value(), std::numeric_limits<std::int64_t>::max());
}

TEST(Money, ParsesPricesExactly) {
  EXPECT_EQ(ParsePrice("0.18")->nano_dollars, 180'000'000);
  EXPECT_EQ(ParsePrice("10")->nano_dollars, 10'000'000'000);
  EXPECT_EQ(ParsePrice("0.000000001")->nano_dollars, 1);
  for (const char* bad : {"", ".", "-1", "1.0000000001", "1e3", "abc", "1.2.3", "99999999"}) {
    EXPECT_FALSE(ParsePrice(bad).has_value()) << bad;
  }
}

TEST(Money, PrintsExactDollars) {
  EXPECT_EQ(FormatUsd(NanoDollars(1'234'567)), "0.001234567");
  EXPECT_EQ(FormatUsd(NanoDollars(-1'500'000'000)), "-1.50");
  EXPECT_EQ(FormatUsd(NanoDollars(0)), "0.00");
  EXPECT_EQ(FormatUsd(NanoDollars(std::numeric_limits<std::int64_t>::min())),
            "-9223372036.854775808");
}

TEST(Ids, SurviveTheWayThroughText) {
  Random random(7);
  const ExchangeId id = ExchangeId::Make(SystemClock().WallNow(), random);
  EXPECT_EQ(id.Text().size(), 26U);
  EXPECT_EQ(ExchangeId::Parse(id.Text()), id);
  EXPECT_EQ(ExchangeId::Parse(ToLowerAscii(id.Text())), id);
  EXPECT_FALSE(ExchangeId::Parse("nonsense").has_value());
  EXPECT_FALSE(ExchangeId::Parse("Z0000000000000000000000000").has_value());
}

TEST(Ids, SortByTime) {
  Random random(7);
  const ExchangeId early = ExchangeId::Make(WallTime(std::chrono::seconds(1000)), random);
  const ExchangeId late = ExchangeId::Make(WallTime(std::chrono::seconds(2000)), random);
  EXPECT_LT(early.Text(), late.Text());
}

TEST(Text, FindsNearNames) {
  const std::vector<std::string> names{"balanced", "fast", "frontier"};
  EXPECT_EQ(NearestNames("fronteer", names), std::vector<std::string>{"frontier"});
  EXPECT_TRUE(NearestNames("zzzzzzzz", names).empty());
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

Task<int> Answer() {
  co_return 42;
}

Task<int> Throwing() {
  throw std::runtime_error("expected in this test");
  co_return 0;
}

TEST(Tasks, AwaitNestedValuesAndPassExceptions) {
  int seen = 0;
  bool caught = false;
  TaskGroup group;
  group.Spawn([](int& value, bool& thrown) -> Task<void> {
    value = co_await Answer();
    try {
      value += co_await Throwing();
    } catch (const std::runtime_error&) {
      thrown = true;
    }
  }(seen, caught));
  EXPECT_EQ(seen, 42);
  EXPECT_TRUE(caught);
  EXPECT_EQ(group.active(), 0);
}

TEST(BoundedQueue, RefusesWhenFullAndDrainsAfterClose) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_FALSE(queue.TryPush(3));
  queue.Close();
  EXPECT_EQ(queue.PopAll(std::chrono::milliseconds(0)), (std::vector<int>{1, 2}));
  EXPECT_FALSE(queue.TryPush(4));
}

}  // namespace
}  // namespace triage
