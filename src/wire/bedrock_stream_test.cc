#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/bedrock.h"
#include "wire/bedrock_test_support.h"

namespace triage::wire::bedrock {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::FinishReason;
using testing::HasSubstr;
using testing::Not;

std::vector<llm::StreamEvent> Read(const std::string& lines) {
  Result<std::vector<llm::StreamEvent>> events = ReadStream(AwsEventsOf(lines));
  EXPECT_TRUE(events) << events.error().message;
  return events ? *std::move(events) : std::vector<llm::StreamEvent>{};
}

TEST(BedrockStream, ReadsThinkingTextCitationsAndTheUsageBehindTheStop) {
  const std::vector<llm::StreamEvent> events = Read(ReadGolden("stream.events"));
  EXPECT_EQ(events.front().kind, Kind::kStart);
  EXPECT_EQ(events.back().kind, Kind::kEnd);
  const llm::Answer answer = AnswerOf(events);
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& thinking = std::get<llm::ThinkingPart>(answer.parts[0]);
  EXPECT_EQ(thinking.text, "Counting them.");
  EXPECT_EQ(thinking.signature, "c2lnLTM=");
  const auto& hidden = std::get<llm::ThinkingPart>(answer.parts[1]);
  EXPECT_TRUE(hidden.redacted);
  EXPECT_EQ(hidden.signature, "aGlkZGVu");
  const auto& text = std::get<llm::TextPart>(answer.parts[2]);
  EXPECT_EQ(text.text, "Five parcels.");
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].title, "Delivery note");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 12, .cache_read = 1000, .output = 20}));
}

TEST(BedrockStream, KeepsOverlappingCallsApart) {
  const llm::Answer answer = AnswerOf(Read(ReadGolden("stream_tools.events")));
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& first = std::get<llm::ToolCallPart>(answer.parts[1]);
  EXPECT_EQ(first.id, "tooluse_1");
  EXPECT_EQ(first.arguments, R"({"ramp": 1, "note": "schön"})");
  const auto& second = std::get<llm::ToolCallPart>(answer.parts[2]);
  EXPECT_EQ(second.name, "look");
  EXPECT_EQ(second.arguments, "{}");
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
}

TEST(BedrockStream, ReportsExceptions) {
  const auto throttled = ReadStream(AwsEventsOf(ReadGolden("stream_throttled.events")));
  ASSERT_FALSE(throttled);
  EXPECT_EQ(throttled.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(throttled.error().upstream_status, 429);
  EXPECT_EQ(throttled.error().message, "Too many tokens, please wait before trying again.");

  const auto of = [](const std::string& line) { return ReadStream(AwsEventsOf(line)).error(); };
  const Error model =
      of(R"(modelStreamErrorException {"message":"it broke","originalStatusCode":503})");
  EXPECT_EQ(model.code, ErrorCode::kUpstream);
  EXPECT_EQ(model.upstream_status, 503);
  EXPECT_EQ(of(R"(serviceUnavailableException {"message":"later"})").upstream_status, 503);
  EXPECT_EQ(of(R"(validationException {"message":"bad"})").code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(of(R"(internalServerException {})").upstream_status, 500);
  EXPECT_EQ(of(R"(InternalFailure {"message":"x"})").code, ErrorCode::kUpstream);
}

TEST(BedrockStream, PassesOverUnknownEvents) {
  const llm::Answer answer =
      AnswerOf(Read("messageStart {\"role\":\"assistant\"}\n"
                    "weather {\"sunny\":true}\n"
                    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"video\":{}}}\n"
                    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n"
                    "messageStop {\"stopReason\":\"end_turn\"}\n"));
  EXPECT_EQ(llm::TextOf(answer), "a");
}

TEST(BedrockStream, IsWholeWithItsStopAndNotWithout) {
  const std::string start =
      "messageStart {\"role\":\"assistant\"}\n"
      "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n";
  EXPECT_FALSE(ReadStream(AwsEventsOf(start)));
  EXPECT_FALSE(ReadStream(""));
  const auto whole =
      ReadStream(AwsEventsOf(start + "messageStop {\"stopReason\":\"max_tokens\"}\n"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->back().kind, Kind::kEnd);
  EXPECT_EQ(AnswerOf(*whole).finish, FinishReason::kLength);
  EXPECT_FALSE(ReadStream(AwsEventsOf("messageStart <html>\n")));
}

TEST(BedrockStream, TellsApartBlocksThatShareAnIndex) {
  const llm::Answer answer =
      AnswerOf(Read("contentBlockDelta "
                    "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}\n"
                    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n"
                    "messageStop {\"stopReason\":\"end_turn\"}\n"));
  ASSERT_EQ(answer.parts.size(), 2U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).text, "hm");
  EXPECT_EQ(llm::TextOf(answer), "a");
}

TEST(BedrockStream, ReadsTheForcedToolsArgumentsAsText) {
  const llm::Answer answer = AnswerOf(Read(
      "contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"a\","
      "\"name\":\"triage_structured_answer\"}}}\n"
      "contentBlockDelta "
      "{\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{\\\"n\\\":\"}}}\n"
      "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"5}\"}}}\n"
      "contentBlockStop {\"contentBlockIndex\":0}\n"
      "messageStop {\"stopReason\":\"tool_use\"}\n"));
  EXPECT_EQ(llm::TextOf(answer), "{\"n\":5}");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST(BedrockStream, WritesWhatItReads) {
  for (const char* name : {"stream.events", "stream_tools.events"}) {
    const std::vector<llm::StreamEvent> events = Read(ReadGolden(name));
    const auto writer = BedrockCodec().NewStreamWriter({});
    std::string out;
    for (const llm::StreamEvent& event : events) writer->Write(event, out);
    const auto again = ReadStream(out);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(AnswerOf(*again), AnswerOf(events)) << name;
  }
}

TEST(BedrockStream, SplitsArgumentsBetweenCharacters) {
  const auto writer = BedrockCodec().NewStreamWriter({});
  std::string out;
  writer->Write({.kind = Kind::kStart}, out);
  writer->Write({.kind = Kind::kPartStart,
                 .part = 0,
                 .part_kind = llm::PartKind::kToolCall,
                 .id = "a",
                 .name = "f"},
                out);
  for (const char c : std::string("{\"a\":\"📦\"}")) {
    writer->Write({.kind = Kind::kArguments, .part = 0, .text = std::string(1, c)}, out);
  }
  writer->Write({.kind = Kind::kPartEnd, .part = 0}, out);
  writer->Write({.kind = Kind::kFinish, .finish = FinishReason::kToolCalls}, out);
  writer->Write({.kind = Kind::kEnd}, out);
  const auto read = ReadStream(out);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<llm::ToolCallPart>(AnswerOf(*read).parts.at(0)).arguments, "{\"a\":\"📦\"}");
}

TEST(BedrockStream, TellsTheStopReasonOnlyAtTheEnd) {
  const auto writer = BedrockCodec().NewStreamWriter({});
  std::string out;
  for (const llm::StreamEvent& event : Read(ReadGolden("stream.events"))) {
    if (event.kind != Kind::kEnd) writer->Write(event, out);
  }
  EXPECT_THAT(out, Not(HasSubstr("stopReason")));
  writer->WriteError({.code = ErrorCode::kRateLimited, .message = "slow down", .detail = "secret"},
                     out);
  const auto read = ReadStream(out);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(read.error().message, "slow down");
  EXPECT_THAT(out, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace triage::wire::bedrock
