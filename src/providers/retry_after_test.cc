#include "providers/retry_after.h"

#include <gtest/gtest.h>

namespace triage::providers {
namespace {

using std::chrono::milliseconds;

// Sun, 06 Nov 1994 08:49:37 GMT
constexpr WallTime kNow{std::chrono::seconds(784'111'777)};

TEST(ParseRetryAfter, ReadsSeconds) {
  EXPECT_EQ(ParseRetryAfter("3", kNow), milliseconds(3'000));
  EXPECT_EQ(ParseRetryAfter(" 0 ", kNow), milliseconds(0));
}

TEST(ParseRetryAfter, ReadsDates) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:07 GMT", kNow), milliseconds(30'000));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", kNow), milliseconds(0));
}

TEST(ParseRetryAfter, WaitsADayAtMost) {
  EXPECT_EQ(ParseRetryAfter("99999999", kNow), std::chrono::hours(24));
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999", kNow), std::chrono::hours(24));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 2094 08:50:07 GMT", kNow), std::chrono::hours(24));
}

TEST(ParseRetryAfter, IgnoresWhatIsNeither) {
  for (const char* bad : {"", "soon", "-1", "1.5", "Sun, 06 Foo 1994 08:49:37 GMT",
                          "Sun, 31 Feb 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"}) {
    EXPECT_EQ(ParseRetryAfter(bad, kNow), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace triage::providers
