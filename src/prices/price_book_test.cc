#include "prices/price_book.h"

#include <chrono>

#include <gtest/gtest.h>

namespace triage::prices {
namespace {

using namespace std::chrono_literals;

constexpr WallTime Day(int year, unsigned month, unsigned day) {
  return WallTime(std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) /
                                        static_cast<int>(day)));
}

ModelPrices Input(std::int64_t nano_dollars) {
  return {{.fresh_input = PricePerMillion(nano_dollars)}};
}

TEST(PriceBook, GivesThePriceInForceAtATimeToTheMicrosecond) {
  const PriceBook book(std::vector<PriceBook::Entry>{
      {WallTime::min(), Input(3)}, {Day(2026, 10, 7), Input(2)}, {Day(2027, 1, 1), Input(1)}});
  EXPECT_EQ(book.At(Day(1999, 1, 1)), Input(3));
  EXPECT_EQ(book.At(Day(2026, 10, 7) - 1us), Input(3));
  EXPECT_EQ(book.At(Day(2026, 10, 7)), Input(2));
  EXPECT_EQ(book.At(Day(2027, 1, 1) - 1us), Input(2));
  EXPECT_EQ(book.At(Day(2030, 1, 1)), Input(1));
}

TEST(PriceBook, KnowsNothingBeforeItsFirstPriceAndWhenItIsEmpty) {
  const PriceBook book(std::vector<PriceBook::Entry>{{Day(2026, 10, 7), Input(2)}});
  EXPECT_EQ(Cost(book.At(Day(2026, 10, 6)), {.fresh_input = 1}), std::nullopt);
  EXPECT_EQ(Cost(PriceBook().At(Day(2026, 10, 6)), {.fresh_input = 1}), std::nullopt);
}

TEST(PriceBook, OfOnePriceHoldsItForever) {
  EXPECT_EQ(PriceBook(Input(5)).At(Day(1970, 1, 1)), Input(5));
}

}  // namespace
}  // namespace triage::prices
