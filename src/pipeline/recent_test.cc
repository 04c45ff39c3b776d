#include "pipeline/recent.h"

#include <gtest/gtest.h>

namespace triage::pipeline {
namespace {

using std::chrono::minutes;

ExchangeId Id(std::uint64_t number) {
  return ExchangeId{.high = 1, .low = number};
}

RecentRequest Of(std::size_t bytes) {
  RecentRequest request;
  request.body = std::string(bytes, 'x');
  return request;
}

class RecentTest : public ::testing::Test {
 protected:
  RecentTest() { recent_.Configure({.age = minutes(10), .bytes = 10'000}); }

  RecentRequests recent_;
  SteadyTime now_ = SteadyTime{} + std::chrono::hours(1);
};

TEST_F(RecentTest, GivesWhatWasKeptUntilItIsTooOld) {
  recent_.Keep(Id(1), Of(100), now_);
  EXPECT_EQ(recent_.Find(Id(1), now_ + minutes(10))->body.size(), 100U);
  EXPECT_FALSE(recent_.Find(Id(1), now_ + minutes(11)));
  EXPECT_FALSE(recent_.Find(Id(2), now_));
}

TEST_F(RecentTest, TheOldestMakeRoom) {
  for (std::uint64_t i = 0; i < 100; ++i) recent_.Keep(Id(i), Of(1'000), now_);
  EXPECT_LE(recent_.bytes(), 10'000U);
  EXPECT_FALSE(recent_.Find(Id(0), now_));
  EXPECT_TRUE(recent_.Find(Id(99), now_));
  recent_.Keep(Id(100), Of(20'000), now_);
  EXPECT_FALSE(recent_.Find(Id(100), now_)) << "larger than all may be together";
  EXPECT_TRUE(recent_.Find(Id(99), now_));
}

TEST_F(RecentTest, NothingIsKeptWhereNothingMayBe) {
  recent_.Keep(Id(1), Of(100), now_);
  recent_.Configure({});
  EXPECT_FALSE(recent_.Find(Id(1), now_));
  recent_.Keep(Id(2), Of(100), now_);
  EXPECT_EQ(recent_.bytes(), 0U);
}

}  // namespace
}  // namespace triage::pipeline
