#include "admit/client_slots.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace triage::admit {
namespace {

TEST(ClientSlots, GivesEachClientSoManyAndNoMore) {
  ClientSlots slots;
  const ClientSlots::Slot a = slots.Take(1, 2);
  const ClientSlots::Slot b = slots.Take(1, 2);
  EXPECT_TRUE(a);
  EXPECT_TRUE(b);
  EXPECT_FALSE(slots.Take(1, 2));
  EXPECT_TRUE(slots.Take(2, 2));
}

TEST(ClientSlots, TakesThemBackAndForgetsWhoHasNone) {
  ClientSlots slots;
  {
    ClientSlots::Slot a = slots.Take(7, 1);
    ClientSlots::Slot moved = std::move(a);
    EXPECT_TRUE(moved);
    EXPECT_FALSE(slots.Take(7, 1));
    EXPECT_EQ(slots.clients(), 1U);
  }
  EXPECT_EQ(slots.clients(), 0U);
  ClientSlots::Slot again = slots.Take(7, 1);
  EXPECT_TRUE(again);
  again = {};
  EXPECT_TRUE(slots.Take(7, 1));
}

TEST(ClientSlots, NeverGivesMoreWhateverThreadsAsk) {
  ClientSlots slots;
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const ClientSlots::Slot slot = slots.Take(42, 3);
        if (!slot) continue;
        const int now = ++held;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --held;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(slots.clients(), 0U);
}

}  // namespace
}  // namespace triage::admit
