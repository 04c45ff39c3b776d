// What a conversation's turns say of its answers, through whole exchanges with scripted models.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/exchange_test_support.h"

namespace triage::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kQuestion = "How do I reset the blue kettle of my kitchen?";
const std::string kComplaint =
    "That's wrong, that is not what I asked! How do I reset the blue kettle of my kitchen?";
const std::string kPoor = "Kettles are vessels in which water is heated.";
const std::string kBetter = "Hold its button for ten seconds, then wait until the lamp is green.";

class SessionTest : public ExchangeTest {
 protected:
  SessionTest() { Configure(); }

  /// One more turn of the conversation, which `answer` answers whoever is asked.
  Outcome Say(const std::string& text, const std::string& answer) {
    messages_.push_back({{"role", "user"}, {"content", text}});
    for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole(answer)};
    const Outcome out =
        Ask(nlohmann::json{{"model", "auto"}, {"user", "ann"}, {"messages", messages_}}.dump());
    messages_.push_back({{"role", "assistant"}, {"content", answer}});
    clock_.Advance(std::chrono::seconds(20));
    return out;
  }

  void NewConversation() { messages_ = nlohmann::json::array(); }

  nlohmann::json messages_ = nlohmann::json::array();
};

TEST_F(SessionTest, ARephrasedQuestionGoesOneTierAboveTheAnswerThatMissedIt) {
  const Outcome first = Say(kQuestion, kPoor);
  const Outcome second = Say(kComplaint, kBetter);
  EXPECT_EQ(first.model, "a");
  EXPECT_EQ(second.model, "b");
  EXPECT_EQ(second.escalations, 1);
  ASSERT_THAT(ledger_.feedback(), SizeIs(1));
  const ledger::Feedback said = ledger_.feedback().front();
  EXPECT_EQ(said.exchange, first.record.id);
  EXPECT_EQ(said.from, second.record.id);
  EXPECT_EQ(said.source, ledger::Feedback::Source::kSession);
  ASSERT_TRUE(said.good);
  EXPECT_LT(*said.good, 0.35);
  EXPECT_LT(said.weight, 1);
}

TEST_F(SessionTest, TheFloorStaysForAFewTurnsAndThenGoes) {
  Configure("feedback: {floor_turns: 2}");
  Say(kQuestion, kPoor);
  std::vector<std::string> models{Say(kComplaint, kBetter).model};
  for (const std::string text :
       {"And how do I clean it with vinegar?", "Which colour of cups would go with it?",
        "What is the capital of Peru?", "Who wrote Faust?"}) {
    models.push_back(Say(text, kBetter).model);
  }
  EXPECT_EQ(models, (std::vector<std::string>{"b", "b", "b", "a", "a"}));
}

TEST_F(SessionTest, ASessionThatTheClientNamesNeedsNoHistory) {
  Configure("feedback: {without_history: true}");
  session_ = "call-7";
  const auto alone = [&](const std::string& text, const std::string& answer) {
    NewConversation();
    return Say(text, answer);
  };
  const Outcome first = alone(kQuestion, kPoor);
  const Outcome second = alone(kComplaint, kBetter);
  EXPECT_EQ(first.model, "a");
  EXPECT_EQ(second.model, "b");
  session_ = "call-8";
  EXPECT_EQ(alone(kComplaint, kBetter).model, "a") << "another session";
}

TEST_F(SessionTest, FormsThatOneSessionSendsAreNoConversation) {
  session_ = "batch";
  for (const std::string number : {"11", "12", "13"}) {
    NewConversation();
    const Outcome out = Say("Translate invoice number " + number + " into French.", kPoor);
    EXPECT_EQ(out.model, "a");
  }
  EXPECT_THAT(ledger_.feedback(), IsEmpty());
}

TEST_F(SessionTest, SessionsOfOtherCredentialsAreNotFound) {
  Say(kQuestion, kPoor);
  client_ = 8;
  EXPECT_EQ(Say(kComplaint, kBetter).model, "a");
  EXPECT_THAT(ledger_.feedback(), IsEmpty());
}

TEST_F(SessionTest, ShoutingDoesNotBuyTheFrontierForEver) {
  Configure("feedback: {floor_turns: 0}");
  int escalated = 0;
  for (int i = 0; i < 8; ++i) {
    NewConversation();
    Say(kQuestion + " (" + std::to_string(i) + ")", kPoor);
    escalated += Say(kComplaint + " (" + std::to_string(i) + ")", kBetter).escalations;
  }
  EXPECT_EQ(escalated, 3);
  EXPECT_THAT(ledger_.feedback().back().reason, HasSubstr("not escalated"));
}

TEST_F(SessionTest, ThanksAreALabelToo) {
  Say(kQuestion, kBetter);
  const Outcome thanks = Say("Thank you so much, that worked perfectly!", "You are welcome.");
  EXPECT_EQ(thanks.escalations, 0);
  ASSERT_THAT(ledger_.feedback(), SizeIs(1));
  ASSERT_TRUE(ledger_.feedback().front().good);
  EXPECT_GT(*ledger_.feedback().front().good, 0.6);
}

TEST_F(SessionTest, AngerAboutTheBusinessIsNotTheModelsFault) {
  Say("Where is my parcel 4711?", "Your parcel 4711 is delayed and arrives on Friday.");
  Say("This is outrageous, my parcel is two weeks late and I want my money back!!",
      "I am sorry to hear that.");
  for (const ledger::Feedback& said : ledger_.feedback()) EXPECT_FALSE(said.good) << said.kind;
}

TEST_F(SessionTest, AFollowUpGoesOnWhereItWas) {
  Say("How do I reset the blue kettle?", kBetter);
  const Outcome next = Say("And how do I reset the red kettle?", kBetter);
  EXPECT_EQ(next.model, "a");
  EXPECT_EQ(next.escalations, 0);
}

TEST_F(SessionTest, ImplicitFeedbackCanBeSwitchedOff) {
  Configure("feedback: {implicit: false}");
  Say(kQuestion, kPoor);
  EXPECT_EQ(Say(kComplaint, kBetter).model, "a");
  EXPECT_EQ(sessions_.size(), 0U);
}

TEST_F(SessionTest, ACeilingOfThePoliciesHoldsWhateverTheSessionWants) {
  Configure("policies: [{when: {user: ann}, max_tier: fast}]");
  Say(kQuestion, kPoor);
  EXPECT_EQ(Say(kComplaint, kBetter).model, "a");
}

}  // namespace
}  // namespace triage::app
