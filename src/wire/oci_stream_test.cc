#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/json.h"
#include "wire/oci_test_support.h"

namespace triage::wire::oci {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::Answer;
using llm::StreamEvent;

std::vector<StreamEvent> Events(std::string_view stream) {
  Result<std::vector<StreamEvent>> read = ReadStream(stream);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return read.value_or(std::vector<StreamEvent>{});
}

TEST(OciStream, ThinkingAndTextAreOnePartEach) {
  const std::vector<StreamEvent> events = Events(ReadGolden("stream.sse"));
  EXPECT_EQ(GrammarFault(events), "");
  const Answer answer = AnswerOf(events);
  ASSERT_EQ(answer.parts.size(), 2U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).text, "Count them.");
  EXPECT_EQ(TextOf(answer), "There are seventeen 📦.");
  EXPECT_EQ(answer.finish, llm::FinishReason::kStop);
  EXPECT_EQ(answer.usage->fresh_input, 5) << "told behind the finish";
  EXPECT_EQ(answer.usage->cache_read, 16);
  EXPECT_EQ(answer.usage->output, 7);
  EXPECT_EQ(answer.usage->reasoning, 5);
}

TEST(OciStream, CallsMayInterleaveAndGoOnWithoutAnId) {
  const std::vector<StreamEvent> events = Events(ReadGolden("stream_tools.sse"));
  EXPECT_EQ(GrammarFault(events), "");
  const Answer answer = AnswerOf(events);
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& first = std::get<llm::ToolCallPart>(answer.parts[1]);
  EXPECT_EQ(first.id, "call_a");
  EXPECT_EQ(first.arguments, R"({"dock": 1})");
  const auto& second = std::get<llm::ToolCallPart>(answer.parts[2]);
  EXPECT_EQ(second.name, "list_docks");
  EXPECT_EQ(second.arguments, "{}");
  EXPECT_EQ(answer.finish, llm::FinishReason::kToolCalls);
  EXPECT_EQ(answer.usage->output, 11) << "told with the finish";
}

TEST(OciStream, CallsWithoutIdsGetSome) {
  const Answer answer = AnswerOf(Events(
      R"(data: {"message":{"toolCalls":[{"name":"f","arguments":"{}"},{"name":"g","arguments":{"a":1}}]}})"
      "\n\ndata: {\"finishReason\":\"tool_calls\"}\n\n"));
  ASSERT_EQ(answer.parts.size(), 2U);
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[0]).id, "call_1");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[1]).id, "call_2");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[1]).arguments, R"({"a":1})");
}

TEST(OciStream, EventsInTheEnvelopeOfAnAnswerAreReadToo) {
  const std::vector<StreamEvent> events = Events(ReadGolden("stream_enveloped.sse"));
  EXPECT_EQ(GrammarFault(events), "");
  const Answer answer = AnswerOf(events);
  EXPECT_EQ(answer.model, "google.gemini-2.5-flash");
  EXPECT_EQ(TextOf(answer), "Hello there");
  EXPECT_EQ(answer.finish, llm::FinishReason::kLength);
  EXPECT_EQ(answer.raw_finish, "MAX_TOKENS");
}

TEST(OciStream, AnErrorEventIsAnError) {
  Result<std::vector<StreamEvent>> read = ReadStream(ReadGolden("stream_error.sse"));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(read.error().upstream_status, 429);
  EXPECT_EQ(read.error().message, "The model is over its limit.");
  read = ReadStream("data: {\"code\":\"ServiceUnavailable\",\"message\":\"m\"}\n\n");
  EXPECT_EQ(read.error().code, ErrorCode::kUpstream);
  EXPECT_EQ(read.error().upstream_status, 503);
  read = ReadStream("data: {\"error\":{\"code\":500,\"message\":\"m\"}}\n\n");
  EXPECT_EQ(read.error().upstream_status, 500);
}

TEST(OciStream, AStreamWithoutAFinishReasonEndedEarly) {
  const std::string whole = ReadGolden("stream.sse");
  Result<std::vector<StreamEvent>> read =
      ReadStream(whole.substr(0, whole.find("data: {\"index\":0,\"finishReason")));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kUpstream);
  EXPECT_NE(read.error().message.find("ended early"), std::string::npos);
  EXPECT_FALSE(ReadStream("").has_value());
  EXPECT_FALSE(ReadStream("data: [DONE]\n\n").has_value());
}

TEST(OciStream, GarbageIsTheProvidersFault) {
  for (const std::string data : {"{", "[]", "text", R"({"message":[]})", R"({"index":0} x)"}) {
    Result<std::vector<StreamEvent>> read = ReadStream("data: " + data + "\n\n");
    ASSERT_FALSE(read.has_value()) << data;
    EXPECT_EQ(read.error().code, ErrorCode::kUpstream) << data;
  }
}

TEST(OciStream, OtherChoicesAndWhatFollowsTheFinishAreNotTheAnswer) {
  const Answer answer = AnswerOf(Events(
      "data: {\"index\":1,\"message\":{\"content\":[{\"type\":\"TEXT\",\"text\":\"b\"}]}}\n\n"
      "data: {\"index\":0,\"message\":{\"content\":[{\"type\":\"TEXT\",\"text\":\"a\"}]}}\n\n"
      "data: {\"index\":0,\"finishReason\":\"stop\"}\n\n"
      "data: {\"index\":0,\"message\":{\"content\":[{\"type\":\"TEXT\",\"text\":\"c\"}]}}\n\n"));
  EXPECT_EQ(TextOf(answer), "a");
}

std::string Written(const std::vector<StreamEvent>& events) {
  const auto writer = OciCodec().NewStreamWriter({});
  std::string out;
  for (const StreamEvent& event : events) writer->Write(event, out);
  return out;
}

TEST(OciStream, EveryWrittenEventIsJsonOfTheStreamsShape) {
  const std::string out = Written(Events(ReadGolden("stream_tools.sse")));
  const std::vector<std::string> data = DataOf(out);
  ASSERT_GE(data.size(), 7U);
  for (const std::string& each : data) EXPECT_FALSE(FindJsonProblem(each, 64)) << each;
  const auto last = nlohmann::json::parse(data.back());
  EXPECT_EQ(last["usage"]["totalTokens"], 51);
  EXPECT_EQ(out.find("[DONE]"), std::string::npos) << "the dialect has no terminal event";
}

TEST(OciStream, NothingTerminalIsWrittenBeforeTheEnd) {
  std::vector<StreamEvent> events = Events(ReadGolden("stream.sse"));
  events.resize(events.size() - 3);  // usage, finish and end are missing
  const std::string out = Written(events);
  EXPECT_EQ(out.find("finishReason"), std::string::npos);
  EXPECT_EQ(out.find("usage"), std::string::npos);
}

TEST(OciStream, ACharacterCutInTwoIsWrittenWhole) {
  std::vector<StreamEvent> events = {{.kind = Kind::kStart},
                                     {.kind = Kind::kPartStart,
                                      .part = 0,
                                      .part_kind = llm::PartKind::kToolCall,
                                      .id = "1",
                                      .name = "f"}};
  const std::string arguments = R"({"a":"📦箱ü"})";
  for (const char c : arguments) {
    events.push_back({.kind = Kind::kArguments, .part = 0, .text = std::string(1, c)});
  }
  events.push_back({.kind = Kind::kPartEnd, .part = 0});
  events.push_back({.kind = Kind::kFinish, .finish = llm::FinishReason::kToolCalls});
  events.push_back({.kind = Kind::kEnd});
  const Answer answer = AnswerOf(Events(Written(events)));
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts.at(0)).arguments, arguments);
}

TEST(OciStream, AFailedStreamEndsWithOcisError) {
  const auto writer = OciCodec().NewStreamWriter({});
  std::string out;
  writer->WriteError({.code = ErrorCode::kTimeout, .message = "Too late.", .detail = "secret"},
                     out);
  EXPECT_EQ(out, "data: {\"code\":\"GatewayTimeout\",\"message\":\"Too late.\"}\n\n");
  EXPECT_FALSE(ReadStream(out).has_value());
}

TEST(OciStream, WhatTheDialectCanExpressComesBackAsItWas) {
  Invention some(99);
  for (int round = 0; round < 500; ++round) {
    Answer answer;
    answer.parts = some.Said();
    answer.finish = llm::FinishReason::kStop;
    answer.raw_finish = "stop";
    if (some.Sometimes()) answer.usage = some.Usage();
    const std::string out = Written(EventsOf(answer));
    const std::vector<StreamEvent> events = Events(out);
    EXPECT_EQ(GrammarFault(events), "");
    ASSERT_EQ(AnswerOf(events), answer) << out;
  }
}

}  // namespace
}  // namespace triage::wire::oci
