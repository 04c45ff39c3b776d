#include "simulate/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/recorded.h"
#include "simulate/signature.h"
#include "simulate/steps.h"

namespace triage::simulate {
namespace {

using llm::Answer;
using llm::Conversation;
using llm::Dialect;
using llm::FinishReason;
using llm::Message;
using llm::Role;
using testing::HasSubstr;
using testing::StartsWith;

Message User(std::string text) {
  return {.role = Role::kUser, .parts = {llm::TextPart{std::move(text)}}};
}

Conversation Asking(std::string text) {
  Conversation conversation;
  conversation.messages.push_back(User(std::move(text)));
  return conversation;
}

llm::Tool Weather() {
  return {.name = "weather",
          .parameters =
              R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"};
}

Answer Say(const Conversation& conversation, Dialect dialect = Dialect::kOpenAiChat,
           std::optional<std::string_view> recorded = std::nullopt) {
  return ScriptedAnswer(
      conversation,
      {.dialect = dialect, .model = "m", .recorded = recorded, .created = 1700000000});
}

template <class T>
const T& PartOf(const Answer& answer, std::size_t index) {
  return std::get<T>(answer.parts.at(index));
}

TEST(Scripts, AnswerWithTheRecordedTextElseWithASyntheticOne) {
  EXPECT_EQ(TextOf(Say(Asking("q"), Dialect::kOpenAiChat, "recorded")), "recorded");
  const Answer answer = Say(Asking("q"));
  EXPECT_THAT(TextOf(answer), StartsWith("Simulated answer of m "));
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(answer.usage->fresh_input, 1);
  EXPECT_EQ(answer.usage->output, CountTokens(TextOf(answer)));
  EXPECT_EQ(answer.model, "m");
  EXPECT_EQ(answer.created, 1700000000);
}

TEST(Scripts, CallTheFirstToolWithArgumentsThatItsSchemaTakes) {
  Conversation conversation = Asking("what is the weather?");
  conversation.tools = {Weather(), {.name = "time"}};
  const Answer answer = Say(conversation);
  ASSERT_EQ(answer.parts.size(), 1U);
  EXPECT_EQ(PartOf<llm::ToolCallPart>(answer, 0).name, "weather");
  EXPECT_EQ(PartOf<llm::ToolCallPart>(answer, 0).arguments, R"({"city":"text"})");
  EXPECT_THAT(PartOf<llm::ToolCallPart>(answer, 0).id, StartsWith("call_"));
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
}

TEST(Scripts, CallBothToolsWhenAskedUnlessOneAtATimeIsDemanded) {
  Conversation conversation = Asking("use both tools");
  conversation.tools = {Weather(), {.name = "time"}, {.name = "third"}};
  const Answer answer = Say(conversation, Dialect::kAnthropic);
  ASSERT_EQ(answer.parts.size(), 2U);
  EXPECT_EQ(PartOf<llm::ToolCallPart>(answer, 1).name, "time");
  EXPECT_EQ(PartOf<llm::ToolCallPart>(answer, 1).arguments, "{}");
  EXPECT_NE(PartOf<llm::ToolCallPart>(answer, 0).id, PartOf<llm::ToolCallPart>(answer, 1).id);
  conversation.parallel_tool_calls = false;
  EXPECT_EQ(Say(conversation).parts.size(), 1U);
}

TEST(Scripts, ObeyTheChoiceOfTools) {
  Conversation conversation = Asking("x");
  conversation.tools = {Weather(), {.name = "time"}};
  conversation.tool_choice = llm::ToolChoice{.kind = llm::ToolChoice::Kind::kNone};
  EXPECT_EQ(Say(conversation).finish, FinishReason::kStop);
  conversation.tool_choice = llm::ToolChoice{.kind = llm::ToolChoice::Kind::kTool, .name = "time"};
  EXPECT_EQ(PartOf<llm::ToolCallPart>(Say(conversation), 0).name, "time");
}

TEST(Scripts, AnswerToolResultsWithTheirText) {
  Conversation conversation = Asking("x");
  conversation.tools = {Weather()};
  conversation.messages.push_back(
      {.role = Role::kAssistant,
       .parts = {llm::ToolCallPart{.id = "c1", .name = "weather", .arguments = "{}"}}});
  conversation.messages.push_back(
      {.role = Role::kTool,
       .parts = {llm::ToolResultPart{.id = "c1", .content = {llm::TextPart{"12 degrees"}}}}});
  const Answer answer = Say(conversation);
  EXPECT_THAT(TextOf(answer), HasSubstr("12 degrees"));
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST(Scripts, GiveJsonWhenJsonIsAsked) {
  Conversation conversation = Asking("x");
  conversation.response_format = llm::ResponseFormat{
      .kind = llm::ResponseFormat::Kind::kJsonSchema,
      .schema = R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]})"};
  EXPECT_EQ(TextOf(Say(conversation)), R"({"n":1})");
  conversation.response_format->kind = llm::ResponseFormat::Kind::kJsonObject;
  EXPECT_EQ(TextOf(Say(conversation)), R"({"ok":true})");
}

TEST(Scripts, ThinkFirstAndSignWhatTheyThought) {
  Conversation conversation = Asking("why?");
  conversation.reasoning.enabled = true;
  conversation.reasoning.budget_tokens = 2000;
  const Answer answer = Say(conversation, Dialect::kAnthropic);
  const auto& thinking = PartOf<llm::ThinkingPart>(answer, 0);
  EXPECT_THAT(thinking.text, HasSubstr("why?"));
  EXPECT_EQ(thinking.signature, SignatureOf(Dialect::kAnthropic, thinking.text));
  EXPECT_EQ(thinking.origin, Dialect::kAnthropic);
  EXPECT_EQ(answer.usage->reasoning, CountTokens(thinking.text));
  EXPECT_TRUE(std::holds_alternative<llm::TextPart>(answer.parts[1]));
  EXPECT_TRUE(
      PartOf<llm::ThinkingPart>(Say(conversation, Dialect::kOpenAiChat), 0).signature.empty());
  conversation.reasoning = {.enabled = false};
  EXPECT_EQ(Say(conversation, Dialect::kAnthropic).parts.size(), 1U);
}

TEST(Scripts, HideTheirThinkingWhenAsked) {
  Conversation conversation = Asking("please think in secret");
  conversation.reasoning.enabled = true;
  const Answer answer = Say(conversation, Dialect::kAnthropic);
  EXPECT_TRUE(PartOf<llm::ThinkingPart>(answer, 0).redacted);
  EXPECT_EQ(PartOf<llm::ThinkingPart>(answer, 0).text, "");
  EXPECT_NE(PartOf<llm::ThinkingPart>(answer, 0).signature, "");
}

TEST(Scripts, SignTheFirstCallForGemini) {
  Conversation conversation = Asking("both tools");
  conversation.tools = {Weather(), {.name = "time"}};
  conversation.reasoning.budget_tokens = 100;
  const Answer answer = Say(conversation, Dialect::kGemini);
  ASSERT_EQ(answer.parts.size(), 3U);
  EXPECT_NE(PartOf<llm::ToolCallPart>(answer, 1).signature, "");
  EXPECT_EQ(PartOf<llm::ToolCallPart>(answer, 2).signature, "");
}

TEST(Scripts, HandEncryptedReasoningOutOnlyWhenTheResponsesApiIsAskedForIt) {
  Conversation conversation = Asking("x");
  conversation.reasoning.effort = "low";
  const Answer plain = Say(conversation, Dialect::kOpenAiResponses);
  EXPECT_EQ(PartOf<llm::ThinkingPart>(plain, 0).signature, "");
  EXPECT_EQ(PartOf<llm::ThinkingPart>(plain, 0).text, "") << "no summary was asked for";
  EXPECT_GT(plain.usage->reasoning, 0);
  conversation.reasoning.summary = "auto";
  const Answer asked = ScriptedAnswer(conversation, {.dialect = Dialect::kOpenAiResponses,
                                                     .model = "m",
                                                     .recorded = std::nullopt,
                                                     .encrypted_reasoning = true});
  EXPECT_NE(PartOf<llm::ThinkingPart>(asked, 0).signature, "");
  EXPECT_NE(PartOf<llm::ThinkingPart>(asked, 0).text, "");
}

TEST(Scripts, SayHowManyImagesTheySaw) {
  Conversation conversation = Asking("look");
  conversation.messages[0].parts.emplace_back(llm::ImagePart{.url = "https://example.com/a.png"});
  conversation.messages[0].parts.emplace_back(llm::ImagePart{.data = "AAAA"});
  const Answer answer = Say(conversation);
  EXPECT_THAT(TextOf(answer), HasSubstr("saw 2 image(s)"));
  EXPECT_EQ(answer.usage->fresh_input, 1 + 2 * 85);
}

TEST(Scripts, RefuseWhenAsked) {
  const Answer answer = Say(Asking("please refuse"));
  EXPECT_EQ(PartOf<llm::RefusalPart>(answer, 0).text, "I cannot help with that.");
  EXPECT_EQ(answer.finish, FinishReason::kRefusal);
}

TEST(Scripts, StopAtTheEarliestStopSequence) {
  Conversation conversation = Asking("please say: one two three");
  conversation.stop = {"three", " two"};
  const Answer answer = Say(conversation);
  EXPECT_EQ(TextOf(answer), "one");
  EXPECT_EQ(answer.stop_sequence, " two");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST(Scripts, StopAtTheLimitOfTokens) {
  Conversation conversation = Asking("please say: Grüße aus Zürich");
  conversation.max_output_tokens = 2;
  Answer answer = Say(conversation);
  EXPECT_EQ(TextOf(answer), "Grüße au");
  EXPECT_EQ(answer.finish, FinishReason::kLength);
  EXPECT_EQ(answer.usage->output, 2);
  conversation.tools = {Weather()};
  answer = Say(conversation);
  EXPECT_TRUE(answer.parts.empty()) << "half a call is none";
  EXPECT_EQ(answer.finish, FinishReason::kLength);
  conversation.max_output_tokens = 100;
  EXPECT_EQ(Say(conversation).finish, FinishReason::kToolCalls);
}

TEST(Scripts, GiveLogprobsForEachToken) {
  Conversation conversation = Asking("please say: abcdefghi");
  conversation.logprobs = true;
  conversation.top_logprobs = 2;
  const Answer answer = Say(conversation);
  ASSERT_EQ(answer.logprobs.size(), 3U);
  EXPECT_EQ(answer.logprobs[2].token, "i");
  EXPECT_EQ(answer.logprobs[0].top.size(), 2U);
  EXPECT_EQ(answer.logprobs[0].top[0].token, "abcd");
  EXPECT_EQ(answer.logprobs[0].bytes.size(), 4U);
}

TEST(AskedFaults, AreReadFromTheLastUserTextOnly) {
  const auto limited = AskedFault(Asking("so please fail with 429 now"));
  ASSERT_TRUE(limited);
  EXPECT_EQ(limited->status, 429);
  EXPECT_EQ(limited->retry_after_seconds, 1);
  EXPECT_EQ(AskedFault(Asking("please fail with 529"))->status, 529);
  EXPECT_EQ(AskedFault(Asking("please break the stream"))->kind, FaultKind::kCut);
  EXPECT_EQ(AskedFault(Asking("please send an error event"))->kind, FaultKind::kErrorEvent);
  EXPECT_EQ(AskedFault(Asking("please be slow"))->delay, std::chrono::seconds(15));
  EXPECT_FALSE(AskedFault(Asking("please fail with 200")));
  EXPECT_FALSE(AskedFault(Asking("please fail with grace")));
  Conversation later = Asking("please fail with 500");
  later.messages.push_back(User("never mind"));
  EXPECT_FALSE(AskedFault(later));
}

TEST(Steps, CutTextsIntoChunksWithTheirLogprobsBehindThem) {
  Conversation conversation = Asking("please say: Grüße, 12345678");
  conversation.logprobs = true;
  const Answer answer = Say(conversation);
  const auto steps = StepsOf(answer, 2);
  std::string text;
  std::size_t logprobs = 0;
  llm::AnswerBuilder builder;
  for (const Step& step : steps) {
    builder.Add(step.event);
    if (step.chunk) text += step.event.text + "|";
    logprobs += step.event.logprobs.size();
  }
  EXPECT_EQ(text, "Grüße, 1|2345678|");
  EXPECT_EQ(logprobs, answer.logprobs.size());
  EXPECT_EQ(builder.answer(), answer);
  EXPECT_TRUE(builder.ended());
  EXPECT_EQ(steps.front().event.usage->output, 0) << "the start tells what the prompt costs";
  EXPECT_EQ(steps.back().tokens, CountTokens(TextOf(answer)));
}

TEST(Steps, CutArgumentsBetweenCharacters) {
  Answer answer;
  answer.parts.emplace_back(
      llm::ToolCallPart{.id = "c", .name = "t", .arguments = R"({"city":"Zürich, Grüße"})"});
  llm::AnswerBuilder builder;
  int chunks = 0;
  for (const Step& step : StepsOf(answer, 1)) {
    builder.Add(step.event);
    chunks += step.chunk ? 1 : 0;
    EXPECT_LE(CodePoints(step.event.text), 4);
  }
  EXPECT_EQ(builder.answer().parts, answer.parts);
  EXPECT_EQ(chunks, 6);
}

}  // namespace
}  // namespace triage::simulate
