#include "feedback/sessions.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace triage::feedback {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kClient = 7;
const SteadyTime kStart = SteadyTime() + std::chrono::hours(1'000);

SessionKey Key(int i) {
  return NamedKey(kClient, std::to_string(i));
}

Session Turns(int turns, std::string tier = "fast") {
  Session session;
  session.tier = std::move(tier);
  session.turns = turns;
  return session;
}

TEST(Session, AFloorHoldsForTheTurnAndTheNextThreeAndThenDecays) {
  Session session;
  session.NextTurn(true);
  session.RaiseFloor("balanced");
  EXPECT_EQ(session.floor(), "balanced");
  for (int turn = 0; turn < 3; ++turn) {
    session.NextTurn(false);
    EXPECT_EQ(session.floor(), "balanced") << turn;
  }
  session.NextTurn(false);
  EXPECT_EQ(session.floor(), "");
}

TEST(Session, TwoAngryTurnsWithinTenAreHandedOff) {
  Session session;
  session.NextTurn(true);
  EXPECT_FALSE(session.hand_off());
  for (int i = 0; i < 8; ++i) session.NextTurn(false);
  session.NextTurn(true);
  EXPECT_TRUE(session.hand_off());
  session.NextTurn(false);
  EXPECT_FALSE(session.hand_off()) << "the first is eleven turns ago";
}

TEST(Sessions, FindsWhatWasNotedUntilTheSilenceIsTooLong) {
  Sessions sessions({.time_to_live = minutes(30)});
  EXPECT_FALSE(sessions.Find(Key(1), kStart));
  sessions.Note(Key(1), Turns(1), true, kStart);
  ASSERT_TRUE(sessions.Find(Key(1), kStart + minutes(30)));
  EXPECT_EQ(sessions.Find(Key(1), kStart + minutes(30))->session.tier, "fast");
  EXPECT_FALSE(sessions.Find(Key(1), kStart + minutes(31)));
  EXPECT_EQ(sessions.size(), 0U) << "what is found too old is forgotten";
}

TEST(Sessions, ANewExchangeOfTheSessionTakesThePlaceOfTheOld) {
  Sessions sessions({});
  sessions.Note(Key(1), Turns(1), true, kStart);
  sessions.Note(Key(1), Turns(2, "balanced"), true, kStart + minutes(1));
  const auto found = sessions.Find(Key(1), kStart + minutes(2));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session.tier, "balanced");
  EXPECT_TRUE(found->certain);
  EXPECT_EQ(sessions.size(), 1U);
}

TEST(Sessions, TwoConversationsThatBeginAlikeAreNotCertain) {
  Sessions sessions({});
  sessions.Note(Key(1), Turns(1), false, kStart);
  EXPECT_TRUE(sessions.Find(Key(1), kStart)->certain);
  sessions.Note(Key(1), Turns(1), false, kStart);
  EXPECT_FALSE(sessions.Find(Key(1), kStart)->certain);
}

TEST(Sessions, KeepsNoMoreThanItMayAndDropsTheLongestUnused) {
  Sessions sessions({.most = 640});
  for (int i = 0; i < 5'000; ++i) sessions.Note(Key(i), Turns(1), true, kStart + seconds(i));
  EXPECT_LE(sessions.size(), 640U);
  EXPECT_TRUE(sessions.Find(Key(4'999), kStart + seconds(5'000)));
  EXPECT_FALSE(sessions.Find(Key(0), kStart + seconds(5'000)));
}

TEST(Sessions, OldOnesGoWhenNewOnesCome) {
  Sessions sessions({.time_to_live = minutes(1)});
  for (int i = 0; i < 1'000; ++i) sessions.Note(Key(i), Turns(1), true, kStart);
  for (int i = 1'000; i < 2'000; ++i) sessions.Note(Key(i), Turns(1), true, kStart + minutes(5));
  EXPECT_LE(sessions.size(), 1'000U);
}

TEST(Sessions, AUserGetsThreeEscalationsAnHourOverAllSessions) {
  Sessions sessions({});
  int granted = 0;
  for (int i = 0; i < 10; ++i) {
    sessions.Note(Key(i), Turns(1), true, kStart);
    auto found = sessions.Find(Key(i), kStart);
    if (sessions.Grant(*found, {.client = kClient, .user = "ann"}, kStart) == Refusal::kNone) {
      ++granted;
    }
  }
  EXPECT_EQ(granted, 3);
  sessions.Note(Key(99), Turns(1), true, kStart + minutes(59));
  auto found = sessions.Find(Key(99), kStart + minutes(59));
  EXPECT_EQ(sessions.Grant(*found, {.client = kClient, .user = "ann"}, kStart + minutes(59)),
            Refusal::kUserCap);
  EXPECT_EQ(sessions.Grant(*found, {.client = kClient, .user = "bob"}, kStart + minutes(59)),
            Refusal::kNone);
  sessions.Note(Key(98), Turns(1), true, kStart + minutes(61));
  found = sessions.Find(Key(98), kStart + minutes(61));
  EXPECT_EQ(sessions.Grant(*found, {.client = kClient, .user = "ann"}, kStart + minutes(61)),
            Refusal::kNone)
      << "an hour later";
}

TEST(Sessions, UsersWithoutANameShareTheirClientsCap) {
  Sessions sessions({.client_escalations = 5});
  int granted = 0;
  for (int i = 0; i < 20; ++i) {
    sessions.Note(Key(i), Turns(1), true, kStart);
    auto found = sessions.Find(Key(i), kStart);
    const Refusal refusal = sessions.Grant(*found, {.client = kClient, .user = ""}, kStart);
    granted += refusal == Refusal::kNone ? 1 : 0;
    if (granted == 5 && refusal != Refusal::kNone) {
      EXPECT_EQ(refusal, Refusal::kClientCap);
    }
  }
  EXPECT_EQ(granted, 5);
}

TEST(Sessions, ASessionGetsATenthOfItsTurnsButAtLeastOne) {
  Sessions sessions({.user_escalations = 1'000});
  sessions.Note(Key(1), Turns(0), true, kStart);
  std::vector<int> granted;
  for (int turn = 1; turn <= 40; ++turn) {
    auto found = sessions.Find(Key(1), kStart);
    found->session.NextTurn(true);
    if (sessions.Grant(*found, {.client = kClient, .user = "ann"}, kStart) == Refusal::kNone) {
      granted.push_back(turn);
    }
    sessions.Note(Key(1), found->session, true, kStart);
  }
  EXPECT_EQ(granted, (std::vector{1, 20, 30, 40}));
}

TEST(Sessions, AnUnknownSessionIsGrantedNothing) {
  Sessions sessions({});
  Sessions::Found found{.key = Key(1)};
  EXPECT_EQ(sessions.Grant(found, {.client = kClient, .user = "ann"}, kStart),
            Refusal::kUnknownSession);
}

TEST(Sessions, BranchesOfOneConversationDoNotMultiplyWhatItMayHave) {
  Sessions sessions({});
  sessions.Note(Key(1), Turns(1), false, kStart);
  auto one = sessions.Find(Key(1), kStart);
  auto other = sessions.Find(Key(1), kStart);
  EXPECT_EQ(sessions.Grant(*one, {.client = kClient, .user = "a"}, kStart), Refusal::kNone);
  EXPECT_EQ(sessions.Grant(*other, {.client = kClient, .user = "b"}, kStart), Refusal::kSessionCap);
}

TEST(Sessions, NewOptionsHoldFromNowOn) {
  Sessions sessions({.user_escalations = 1});
  sessions.Configure({.user_escalations = 0});
  sessions.Note(Key(1), Turns(1), true, kStart);
  auto found = sessions.Find(Key(1), kStart);
  EXPECT_EQ(sessions.Grant(*found, {.client = kClient, .user = "a"}, kStart), Refusal::kUserCap);
}

TEST(Sessions, ThreadsTogetherGetNoMoreThanOneAlone) {
  Sessions sessions({.most = 1'000});
  for (int i = 0; i < 64; ++i) sessions.Note(Key(i), Turns(1), true, kStart);
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2'000; ++i) {
        auto found = sessions.Find(Key(i % 64), kStart);
        if (!found) continue;
        if (sessions.Grant(*found, {.client = kClient, .user = "ann"}, kStart) == Refusal::kNone) {
          ++granted;
        }
        sessions.Note(Key((i + t) % 200), found->session, true, kStart);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(granted.load(), 1);
  EXPECT_LE(granted.load(), 3);
  EXPECT_LE(sessions.size(), 1'000U);
}

}  // namespace
}  // namespace triage::feedback
