#include "feedback/conversation_key.h"

#include <vector>

#include <gtest/gtest.h>

namespace triage::feedback {
namespace {

using enum llm::Role;
using Turns = std::vector<llm::Turn>;

constexpr std::uint64_t kOwner = 42;

TEST(ConversationKey, TheNextRequestFindsTheExchangeBeforeIt) {
  const Turns first = {{kSystem, "be brief"}, {kUser, "hello"}};
  const Turns second = {
      {kSystem, "be brief"}, {kUser, "hello"}, {kAssistant, "hi!"}, {kUser, "bye"}};
  const auto keys = KeysOfPrevious(kOwner, second);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->with_answer, KeyForNext(kOwner, first, "hi!"));
  EXPECT_EQ(keys->turns_only, KeyForNext(kOwner, first, std::nullopt));
  EXPECT_NE(keys->with_answer, KeyForNext(kOwner, first, "hello there"));
}

TEST(ConversationKey, SystemTurnsAndBlanksAtEndsDoNotMatter) {
  const Turns first = {{kSystem, "it is 12:00"}, {kUser, "hello\n"}};
  const Turns second = {{kSystem, "it is 12:01"},
                        {kUser, " hello"},
                        {kAssistant, "hi! "},
                        {kUser, "bye"},
                        {kSystem, "reminder"}};
  const auto keys = KeysOfPrevious(kOwner, second);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->with_answer, KeyForNext(kOwner, first, "hi!"));
}

TEST(ConversationKey, AfterAnAgentsLoopTheLastExchangeOfItIsFound) {
  const Turns loop = {{kUser, "weather?"}, {kAssistant, ""}, {kTool, "17 degrees"}};
  Turns next = loop;
  next.push_back({kAssistant, "It is 17 degrees."});
  next.push_back({kUser, "and tomorrow?"});
  EXPECT_EQ(KeysOfPrevious(kOwner, next)->with_answer,
            KeyForNext(kOwner, loop, "It is 17 degrees."));
  EXPECT_FALSE(KeysOfPrevious(kOwner, loop)) << "a tool has spoken last, not the user";
}

TEST(ConversationKey, SeveralUserTurnsBelongTogether) {
  const Turns first = {{kUser, "context"}, {kUser, "question"}};
  const Turns second = {{kUser, "context"},
                        {kUser, "question"},
                        {kAssistant, "answer"},
                        {kUser, "more context"},
                        {kUser, "next question"}};
  EXPECT_EQ(KeysOfPrevious(kOwner, second)->turns_only, KeyForNext(kOwner, first, std::nullopt));
}

TEST(ConversationKey, AFirstRequestHasNoPreviousOne) {
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{}));
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{{kUser, "hello"}}));
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{{kSystem, "x"}, {kUser, "hello"}}));
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{{kUser, "a"}, {kUser, "b"}})) << "nothing was answered";
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{{kAssistant, "hi"}, {kUser, "hello"}}))
      << "the greeting was no exchange";
  EXPECT_FALSE(KeysOfPrevious(kOwner, Turns{{kUser, "a"}, {kAssistant, "prefilled"}}));
}

TEST(ConversationKey, WhereATurnEndsMatters) {
  EXPECT_NE(KeyForNext(kOwner, Turns{{kUser, "ab"}, {kUser, "c"}}, std::nullopt),
            KeyForNext(kOwner, Turns{{kUser, "a"}, {kUser, "bc"}}, std::nullopt));
  EXPECT_NE(KeyForNext(kOwner, Turns{{kUser, "a"}}, "b"),
            KeyForNext(kOwner, Turns{{kUser, "a"}, {kUser, "b"}}, std::nullopt));
}

TEST(ConversationKey, OwnersNeverMeet) {
  const Turns turns = {{kUser, "hello"}};
  EXPECT_NE(OwnerOf(1, "ann"), OwnerOf(2, "ann"));
  EXPECT_NE(OwnerOf(1, "ann"), OwnerOf(1, "bob"));
  EXPECT_NE(KeyForNext(1, turns, "hi"), KeyForNext(2, turns, "hi"));
  EXPECT_NE(NamedKey(1, "s"), NamedKey(2, "s"));
  EXPECT_EQ(NamedKey(1, "s"), NamedKey(1, "s"));
}

TEST(LastTurns, AreTheUsersTurnTheAnswerAndTheTurnBeforeIt) {
  const Turns turns = {
      {kUser, "old"},    {kAssistant, "older answer"}, {kUser, "question"}, {kAssistant, ""},
      {kTool, "result"}, {kAssistant, "answer"},       {kUser, "new turn"}};
  const auto last = LastTurnsOf(turns);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->turn, "new turn");
  EXPECT_EQ(last->answer, "answer");
  EXPECT_EQ(last->previous, "question");
  EXPECT_TRUE(last->has_previous);
}

TEST(LastTurns, AreNoneWhenTheUserHasNotSpokenLast) {
  EXPECT_FALSE(LastTurnsOf(Turns{}));
  EXPECT_FALSE(LastTurnsOf(Turns{{kUser, "a"}, {kAssistant, ""}, {kTool, "result"}}));
  const auto first = LastTurnsOf(Turns{{kUser, "a"}, {kUser, "b"}});
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->has_previous);
}

}  // namespace
}  // namespace triage::feedback
