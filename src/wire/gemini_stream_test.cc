#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/gemini.h"
#include "wire/gemini_test_support.h"

namespace triage::wire::gemini {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::FinishReason;
using testing::HasSubstr;
using testing::Not;

std::vector<llm::StreamEvent> Read(const std::string& stream) {
  Result<std::vector<llm::StreamEvent>> events = ReadStream(stream);
  EXPECT_TRUE(events) << events.error().message;
  return events ? *std::move(events) : std::vector<llm::StreamEvent>{};
}

TEST(GeminiStream, ReadsThinkingTextAndTheSignatureAtItsEnd) {
  const std::vector<llm::StreamEvent> events = Read(ReadGolden("stream.sse"));
  EXPECT_EQ(events.front().kind, Kind::kStart);
  EXPECT_EQ(events.front().id, "s-1");
  EXPECT_EQ(events.front().model, "gemini-3.5-flash");
  EXPECT_EQ(events.back().kind, Kind::kEnd);
  const llm::Answer answer = AnswerOf(events);
  ASSERT_EQ(answer.parts.size(), 3U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).text, "**Looking** around.");
  EXPECT_EQ(llm::TextOf(answer), "Five parcels.");
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[2]).signature, "c2lnLTY=");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 30, .output = 3, .reasoning = 10}));
}

TEST(GeminiStream, BelievesAFinishReasonInEveryPieceOnlyAtTheEnd) {
  const std::vector<llm::StreamEvent> events = Read(ReadGolden("stream_tools.sse"));
  const llm::Answer answer = AnswerOf(events);
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& first = std::get<llm::ToolCallPart>(answer.parts[1]);
  EXPECT_EQ(first.id, "call_s-2_1");
  EXPECT_EQ(first.arguments, R"({"ramp": 1})");
  EXPECT_EQ(first.signature, "c2lnLTc=");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[2]).id, "call_s-2_2");
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
  EXPECT_EQ(answer.usage->TotalOutput(), 21);
}

TEST(GeminiStream, ReportsAnErrorEventWithTheTimeToWait) {
  const auto events = ReadStream(ReadGolden("stream_error.sse"));
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(events.error().upstream_status, 429);
  EXPECT_EQ(events.error().message, "Resource has been exhausted (e.g. check quota).");
  EXPECT_EQ(events.error().retry_after, std::chrono::milliseconds(34'500));
}

TEST(GeminiStream, IsIncompleteWithoutAFinishReason) {
  const auto read = ReadStream(
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Five\"}]},\"index\":0}]}\n\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUpstream);
  EXPECT_THAT(read.error().message, HasSubstr("ended early"));
  EXPECT_FALSE(ReadStream(""));
  EXPECT_FALSE(ReadStream("data: <html>\n\n"));
  EXPECT_FALSE(ReadStream("data: 7\n\n"));
}

TEST(GeminiStream, EndsABlockedPromptProperly) {
  const llm::Answer answer = AnswerOf(
      Read("data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"responseId\":\"x\"}\n\n"));
  EXPECT_EQ(answer.finish, FinishReason::kContentFilter);
  EXPECT_EQ(answer.raw_finish, "SAFETY");
}

TEST(GeminiStream, PlacesCitationsOfTheLastPieceInTheTextSoFar) {
  const llm::Answer answer = AnswerOf(Read(
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Köln, \"}]}}]}\n\n"
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"fünf.\"}]},"
      "\"finishReason\":\"STOP\",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":"
      "{\"uri\":\"https://e.com\",\"title\":\"E\"}}],\"groundingSupports\":[{\"segment\":"
      "{\"startIndex\":7,\"endIndex\":13,\"text\":\"fünf.\"},\"groundingChunkIndices\":[0]}]}}]}\n"
      "\n"));
  const auto& text = std::get<llm::TextPart>(answer.parts.at(0));
  EXPECT_EQ(text.text, "Köln, fünf.");
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].begin, 6);
  EXPECT_EQ(text.citations[0].end, 11);
}

TEST(GeminiStream, WritesWhatItReads) {
  for (const char* name : {"stream.sse", "stream_tools.sse"}) {
    const std::vector<llm::StreamEvent> events = Read(ReadGolden(name));
    const auto writer = GeminiCodec().NewStreamWriter({.id = "ctx", .model = "m"});
    std::string out;
    for (const llm::StreamEvent& event : events) writer->Write(event, out);
    EXPECT_EQ(AnswerOf(Read(out)), AnswerOf(events)) << out;
  }
}

TEST(GeminiStream, TellsTheFinishReasonOnlyAtTheEnd) {
  const auto writer = GeminiCodec().NewStreamWriter({});
  std::string out;
  for (const llm::StreamEvent& event : Read(ReadGolden("stream.sse"))) {
    if (event.kind != Kind::kEnd) writer->Write(event, out);
  }
  EXPECT_THAT(out, Not(HasSubstr("finishReason")));
  writer->WriteError({.code = ErrorCode::kUpstream, .message = "it broke", .detail = "secret"},
                     out);
  const auto read = ReadStream(out);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "it broke");
  EXPECT_EQ(read.error().upstream_status, 500);
}

TEST(GeminiStream, NeverTellsAnotherProvidersSignature) {
  llm::Answer answer;
  answer.parts = {llm::ThinkingPart{
                      .text = "hm", .signature = "anthropics", .origin = llm::Dialect::kAnthropic},
                  llm::TextPart{.text = "a"}};
  answer.finish = FinishReason::kStop;
  const auto writer = GeminiCodec().NewStreamWriter({});
  std::string out;
  for (const llm::StreamEvent& event : llm::EventsOf(answer)) writer->Write(event, out);
  EXPECT_THAT(out, HasSubstr(R"({"text":"hm","thought":true})"));
  EXPECT_THAT(out, Not(HasSubstr("anthropics")));
  EXPECT_THAT(GeminiCodec().WriteAnswer(answer, {}), Not(HasSubstr("anthropics")));
}

}  // namespace
}  // namespace triage::wire::gemini
