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

}  // namespace
}  // namespace triage::app
