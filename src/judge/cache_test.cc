#include "judge/cache.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "judge/test_support.h"

namespace triage::judge {
namespace {

using std::chrono::seconds;

const SteadyTime kStart{};

QuestionKey Key(const Cache& cache, std::string text, std::string_view model = "m",
                std::string_view version = "v") {
  const TestRequest request({std::move(text)});
  return cache.KeyOf(request.view(), {}, model, version);
}

TEST(Cache, AProbabilityIsFoundUntilItsTimeIsOver) {
  Cache cache({.entries = 100, .time_to_live = seconds(60)}, 1);
  const QuestionKey key = Key(cache, "hello");
  EXPECT_FALSE(cache.Find(key, kStart));
  cache.Put(key, 0.7, kStart);
  EXPECT_EQ(cache.Find(key, kStart + seconds(59)), 0.7);
  EXPECT_FALSE(cache.Find(key, kStart + seconds(60)));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, CaseAndBlanksDoNotMakeANewQuestion) {
  const Cache cache({}, 1);
  EXPECT_EQ(Key(cache, "Hello   World"), Key(cache, "  hello\n\tworld "));
  EXPECT_NE(Key(cache, "hello world"), Key(cache, "helloworld"));
}

TEST(Cache, ModelPromptVersionNeedsAndTurnsMakeANewQuestion) {
  const Cache cache({}, 1);
  EXPECT_NE(Key(cache, "hello"), Key(cache, "hello", "other"));
  EXPECT_NE(Key(cache, "hello"), Key(cache, "hello", "m", "v2"));
  const TestRequest together({"a b"});
  const TestRequest apart({"a", "b"});
  EXPECT_NE(cache.KeyOf(together.view(), {}, "m", "v"), cache.KeyOf(apart.view(), {}, "m", "v"));
  EXPECT_NE(cache.KeyOf(together.view(), {}, "m", "v"),
            cache.KeyOf(together.view(), {.mid_size = true}, "m", "v"));
  const RequestView tools{.turns = together.turns, .needs = {.tools = true}};
  EXPECT_NE(cache.KeyOf(together.view(), {}, "m", "v"), cache.KeyOf(tools, {}, "m", "v"));
}

TEST(Cache, KeysDifferFromProcessToProcess) {
  EXPECT_NE(Key(Cache({}, 1), "hello"), Key(Cache({}, 2), "hello"));
}

TEST(Cache, TheLeastRecentlyUsedOfAShardGoes) {
  Cache cache({.entries = 16 * 2, .time_to_live = seconds(60)}, 1);  // two for each shard
  const auto key = [](std::uint64_t n) { return QuestionKey{.high = 0, .low = n}; };
  cache.Put(key(1), 0.1, kStart);
  cache.Put(key(2), 0.2, kStart);
  EXPECT_TRUE(cache.Find(key(1), kStart));
  cache.Put(key(3), 0.3, kStart);
  EXPECT_TRUE(cache.Find(key(1), kStart));
  EXPECT_FALSE(cache.Find(key(2), kStart));
  cache.Put(key(3), 0.4, kStart);
  EXPECT_EQ(cache.Find(key(3), kStart), 0.4);
  EXPECT_EQ(cache.size(), 2U);
}

TEST(Cache, WithoutEntriesNothingIsKept) {
  Cache cache({.entries = 0}, 1);
  cache.Put({.high = 1, .low = 1}, 0.5, kStart);
  EXPECT_FALSE(cache.Find({.high = 1, .low = 1}, kStart));
}

TEST(Cache, StaysBoundedUnderManyThreads) {
  Cache cache({.entries = 160}, 1);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (std::uint64_t i = 0; i < 5'000; ++i) {
        const QuestionKey key{.high = i * 7 + t, .low = i % 500};
        cache.Put(key, 0.5, kStart);
        (void)cache.Find(key, kStart);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.size(), 160U);
}

}  // namespace
}  // namespace triage::judge
