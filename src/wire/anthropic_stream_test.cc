#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/anthropic_test_support.h"
#include "wire/sse.h"

namespace triage::wire::anthropic {
namespace {

using llm::Answer;
using llm::FinishReason;
using llm::PartKind;
using llm::StreamEvent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Kind = llm::StreamEvent::Kind;

constexpr std::string_view kStart =
    R"({"type":"message_start","message":{"id":"a","usage":{"input_tokens":3,"output_tokens":1}}})";
constexpr std::string_view kFinish =
    R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}})";
constexpr std::string_view kStop = R"({"type":"message_stop"})";

Result<std::vector<StreamEvent>> ReadStream(std::string_view stream, std::size_t step = 1 << 20) {
  return ReadSse(*NewReader(), stream, step);
}

// The same for events that are written down as data alone.
Result<std::vector<StreamEvent>> ReadEvents(const std::vector<std::string_view>& events) {
  std::string stream;
  for (const std::string_view data : events) {
    stream += "data: ";
    stream += data;
    stream += "\n\n";
  }
  return ReadStream(stream);
}

std::string WriteStream(const std::vector<StreamEvent>& events) {
  const auto writer = NewWriter({.id = "x", .model = "m"});
  std::string out;
  for (const StreamEvent& event : events) writer->Write(event, out);
  return out;
}

std::vector<StreamEvent> Events(const std::vector<std::string_view>& data) {
  Result<std::vector<StreamEvent>> read = ReadEvents(data);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return read.value_or(std::vector<StreamEvent>{});
}

Answer Golden(const std::string& name, std::size_t step = 1 << 20) {
  Result<std::vector<StreamEvent>> read = ReadStream(ReadGolden(name), step);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return AnswerOf(read.value_or(std::vector<StreamEvent>{}));
}

// "name index type-of-delta" of each event that a client gets.
std::vector<std::string> Outline(std::string_view stream) {
  std::vector<std::string> outline;
  SseFramer framer;
  framer.Feed(stream);
  while (const auto event = framer.Next()) {
    JsonTree tree;
    EXPECT_TRUE(tree.Parse(event->data)) << event->data;
    EXPECT_EQ(tree.root()["type"].text(), event->name);
    std::string line(event->name);
    if (tree.root()["index"].present()) line += " " + std::string(tree.root()["index"].raw());
    const JsonValue delta = tree.root()["delta"]["type"];
    if (delta.present()) line += " " + delta.string();
    outline.push_back(std::move(line));
  }
  return outline;
}

// Reading.

TEST(AnthropicStreamReader, ReadsWhatIsMeantHoweverItIsSplit) {
  for (std::size_t step = 1; step < 200; step += 3) {
    const Answer answer = Golden("stream.sse", step);
    ASSERT_EQ(answer.parts.size(), 3U);
    const auto& thinking = std::get<llm::ThinkingPart>(answer.parts[0]);
    EXPECT_EQ(thinking.text, "The user asks for the weather.");
    EXPECT_EQ(thinking.signature, "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds==");
    EXPECT_EQ(llm::TextOf(answer), "Let me look, München first.");
    EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[2]).arguments, R"({"location": "München"})");
    EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
    EXPECT_EQ(answer.service_tier, "standard");
    // Cumulative: the delta replaces output and says nothing about the rest.
    EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 472,
                                        .cache_read = 2000,
                                        .cache_write_5m = 60,
                                        .cache_write_1h = 40,
                                        .output = 89}));
  }
}

TEST(AnthropicStreamReader, CountsCallsByBlockAndTakesTheTruthFromTheLastUsage) {
  const Answer answer = Golden("stream_tools.sse");
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& ship = std::get<llm::ToolCallPart>(answer.parts[1]);
  EXPECT_EQ(ship.id, "toolu_01ship");
  EXPECT_EQ(ship.arguments, R"({"name": "Dagmar"})");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[2]).arguments, "{}") << "none were sent";
  EXPECT_EQ(answer.usage,
            (llm::Usage{.fresh_input = 31, .cache_read = 11, .output = 40, .reasoning = 4}));
}

TEST(AnthropicStreamReader, KeepsServerToolsWholeAndCitationsAsTheyCame) {
  const Answer answer = Golden("stream_search.sse");
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& use = std::get<llm::OpaquePart>(answer.parts[0]);
  EXPECT_EQ(use.type, "server_tool_use");
  EXPECT_EQ(use.json, R"({"type":"server_tool_use","id":"srvtoolu_01","name":"web_search",)"
                      R"("input":{"query": "tide Slite"}})");
  EXPECT_THAT(std::get<llm::OpaquePart>(answer.parts[1]).json,
              HasSubstr(R"("encrypted_content":"Eo8B")"));
  const auto& text = std::get<llm::TextPart>(answer.parts[2]);
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].url, "https://tides.example/slite");
  EXPECT_EQ(text.citations[0].title, "Tides");
  EXPECT_EQ(text.citations[0].cited_text, "High at 4.");
  EXPECT_EQ(answer.usage->fresh_input, 10'682);
}

TEST(AnthropicStreamReader, ReportsErrorEventsWithTheirStatus) {
  EXPECT_EQ(ReadStream(ReadGolden("stream_overloaded.sse")).error().upstream_status, 529);
  const auto failure = [](std::string_view type) {
    return ReadStream("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"" +
                      std::string(type) + "\",\"message\":\"Overloaded\"}}\n\n")
        .error();
  };
  EXPECT_EQ(failure("overloaded_error").code, ErrorCode::kUpstream);
  EXPECT_EQ(failure("overloaded_error").message, "Overloaded");
  EXPECT_EQ(failure("rate_limit_error").code, ErrorCode::kRateLimited);
  EXPECT_EQ(failure("api_error").upstream_status, 500);
  EXPECT_EQ(failure("new_error").code, ErrorCode::kUpstream);
  // A compatible provider's, without the type.
  EXPECT_EQ(ReadEvents({R"({"error":{"type":"overloaded_error","message":"x"}})"})
                .error()
                .upstream_status,
            529);
}

TEST(AnthropicStreamReader, TakesAWholeInputFromTheStartOfItsBlock) {
  const std::vector<StreamEvent> events = Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}})",
       R"({"type":"content_block_stop","index":0})", kFinish, kStop});
  EXPECT_EQ(GrammarFault(events), "");
  EXPECT_EQ(std::get<llm::ToolCallPart>(AnswerOf(events).parts[0]).arguments, R"({"a":1})");
}

TEST(AnthropicStreamReader, DoesNotCountAnInputTwiceThatComesWholeAndInPieces) {
  const std::vector<StreamEvent> events = Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":":1}"}})",
       R"({"type":"content_block_stop","index":0})", kFinish, kStop});
  EXPECT_EQ(GrammarFault(events), "");
  EXPECT_EQ(std::get<llm::ToolCallPart>(AnswerOf(events).parts[0]).arguments, R"({"a":1})");
}

TEST(AnthropicStreamReader, MakesUpAnIdWhereTheProviderGivesNone) {
  const Answer answer = AnswerOf(Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{}}})",
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"","name":"f","input":{}}})",
       kFinish, kStop}));
  const std::string& first = std::get<llm::ToolCallPart>(answer.parts.at(0)).id;
  const std::string& second = std::get<llm::ToolCallPart>(answer.parts.at(1)).id;
  EXPECT_FALSE(first.empty());
  EXPECT_NE(first, second);
}

TEST(AnthropicStreamReader, LetsCallsInterleaveAndEndsOtherBlocksThatWereLeftOpen) {
  const std::vector<StreamEvent> events = Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Well"}})",
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}})",
       R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"u","name":"g","input":{}}})",
       R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}})",
       R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"b\":2}"}})",
       R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}})",
       kFinish, kStop});
  EXPECT_EQ(GrammarFault(events), "");
  const Answer answer = AnswerOf(events);
  EXPECT_EQ(llm::TextOf(answer), "Well");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts.at(1)).arguments, R"({"a":1})");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts.at(2)).arguments, R"({"b":2})");
}

TEST(AnthropicStreamReader, KeepsToTheGrammarWhenEventsComeTwiceOrTooLate) {
  const std::string_view block =
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}})";
  EXPECT_EQ(GrammarFault(Events({kStart, kStart, block, block, kFinish, kFinish, block, kStop,
                                 kStop, block, kFinish, "[DONE]"})),
            "");
  EXPECT_EQ(GrammarFault(Events({kStart, R"({"type":"content_block_delta","index":7,"delta":{}})",
                                 R"({"type":"content_block_stop","index":7})",
                                 R"({"type":"content_block_start","index":0,"content_block":"x"})",
                                 R"({"type":"vertex_event"})", kFinish, kStop})),
            "");
}

TEST(AnthropicStreamReader, UnwrapsTheForcedToolToTextAndItsStopReasonToStop) {
  const std::string_view open =
      R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"triage_structured_answer","input":{}}})";
  const std::string_view finish =
      R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}})";
  const std::vector<StreamEvent> events = Events(
      {kStart, open,
       R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"sum\":"}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":" 4}"}})",
       finish, kStop});
  EXPECT_EQ(GrammarFault(events), "");
  EXPECT_EQ(llm::TextOf(AnswerOf(events)), R"({"sum": 4})");
  EXPECT_EQ(AnswerOf(events).finish, FinishReason::kStop);
  EXPECT_EQ(std::ranges::count(events, Kind::kText, &StreamEvent::kind), 2) << "as it comes";

  EXPECT_EQ(llm::TextOf(AnswerOf(Events({kStart, open, finish, kStop}))), "{}");

  // A call of the client's beside it is still to be made.
  const Answer both = AnswerOf(Events(
      {kStart, open,
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"u","name":"f","input":{}}})",
       finish, kStop}));
  EXPECT_EQ(both.finish, FinishReason::kToolCalls);
}

TEST(AnthropicStreamReader, TakesAStopReasonForAnEndAndNothingLess) {
  EXPECT_TRUE(ReadEvents({kStart, kFinish}));
  const auto cut = ReadEvents({kStart, R"({"type":"ping"})"});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kUpstream);
  EXPECT_THAT(cut.error().message, HasSubstr("ended early"));
  EXPECT_FALSE(ReadEvents({}));
  EXPECT_FALSE(ReadEvents({kStart, "[DONE]"})) << "another dialect's sign";
  EXPECT_FALSE(ReadEvents({kStart, "<html>"}));
  EXPECT_FALSE(ReadEvents({kStop})) << "without a beginning";
}

TEST(AnthropicStreamReader, KeepsACompactionWhole) {
  const Answer answer = AnswerOf(Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"So far: \"ships\""}})",
       R"({"type":"content_block_stop","index":0})", kFinish, kStop}));
  EXPECT_EQ(std::get<llm::OpaquePart>(answer.parts.at(0)).json,
            R"({"type":"compaction","content":"So far: \"ships\""})");
}

TEST(AnthropicStreamReader, TakesNothingFromADeltaThatHasNothing) {
  const Answer answer = AnswerOf(Events(
      {kStart,
       R"({"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta"}})", kFinish,
       kStop}));
  EXPECT_EQ(std::get<llm::OpaquePart>(answer.parts.at(0)).json,
            R"({"type":"compaction","content":null})");
}

// Writing.

TEST(AnthropicStreamWriter, KeepsBlocksOnOneLineThatCameOnSeveral) {
  const Result<std::vector<StreamEvent>> read = ReadStream(
      "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
      "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\r\n"
      "data: \"type\":\"hologram\",\r\ndata: \"depth\":3}}\n\n"
      "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n");
  ASSERT_TRUE(read);
  const std::string written = WriteStream(*read);
  const Result<std::vector<StreamEvent>> again = ReadStream(written);
  ASSERT_TRUE(again) << written;
  EXPECT_EQ(std::get<llm::OpaquePart>(AnswerOf(*again).parts.at(0)).type, "hologram");
}

TEST(AnthropicStreamWriter, WritesOneBlockAfterTheOtherWhenCallsInterleave) {
  const std::string out = WriteStream({{.kind = Kind::kStart},
                                       {.kind = Kind::kPartStart,
                                        .part = 0,
                                        .part_kind = PartKind::kToolCall,
                                        .id = "call:a",
                                        .name = "f"},
                                       {.kind = Kind::kPartStart,
                                        .part = 1,
                                        .part_kind = PartKind::kToolCall,
                                        .id = "b",
                                        .name = "g"},
                                       {.kind = Kind::kArguments, .part = 1, .text = "{\"b\":"},
                                       {.kind = Kind::kArguments, .part = 0, .text = "{}"},
                                       {.kind = Kind::kArguments, .part = 1, .text = "1}"},
                                       {.kind = Kind::kPartEnd, .part = 0},
                                       {.kind = Kind::kPartEnd, .part = 1},
                                       {.kind = Kind::kFinish, .finish = FinishReason::kToolCalls},
                                       {.kind = Kind::kEnd}});
  EXPECT_THAT(Outline(out),
              ElementsAre("message_start", "content_block_start 0",
                          "content_block_delta 0 input_json_delta", "content_block_stop 0",
                          "content_block_start 1", "content_block_delta 1 input_json_delta",
                          "content_block_delta 1 input_json_delta", "content_block_stop 1",
                          "message_delta", "message_stop"));
  EXPECT_THAT(out, HasSubstr(R"("id":"call_a")")) << "the API takes no other characters";
}

TEST(AnthropicStreamWriter, WritesAStreamThatReadsBackTheSame) {
  for (const char* name : {"stream.sse", "stream_tools.sse", "stream_search.sse"}) {
    const Result<std::vector<StreamEvent>> read = ReadStream(ReadGolden(name));
    ASSERT_TRUE(read);
    const std::string written = WriteStream(*read);
    const Result<std::vector<StreamEvent>> again = ReadStream(written, 11);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(AnswerOf(*again) == AnswerOf(*read)) << written;
  }
}

TEST(AnthropicStreamWriter, GivesEveryEventTheFieldsThatClientsNeed) {
  const std::string out = WriteStream({{.kind = Kind::kStart},
                                       {.kind = Kind::kPartStart, .part = 0},
                                       {.kind = Kind::kText, .part = 0, .text = "Hi"},
                                       {.kind = Kind::kPartEnd, .part = 0},
                                       {.kind = Kind::kFinish, .finish = FinishReason::kStop},
                                       {.kind = Kind::kEnd}});
  EXPECT_EQ(
      out,
      "event: message_start\n"
      R"(data: {"type":"message_start","message":{"id":"msg_x","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":0}}})"
      "\n\nevent: content_block_start\n"
      R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
      "\n\nevent: content_block_delta\n"
      R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"
      "\n\nevent: content_block_stop\n"
      R"(data: {"type":"content_block_stop","index":0})"
      "\n\nevent: message_delta\n"
      R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":0}})"
      "\n\nevent: message_stop\n"
      R"(data: {"type":"message_stop"})"
      "\n\n");
}

TEST(AnthropicStreamWriter, EndsNothingBeforeTheEndCame) {
  const std::string out = WriteStream({{.kind = Kind::kStart},
                                       {.kind = Kind::kPartStart, .part = 0},
                                       {.kind = Kind::kPartEnd, .part = 0},
                                       {.kind = Kind::kFinish, .finish = FinishReason::kStop}});
  EXPECT_THAT(out, Not(HasSubstr("message_delta")));
  EXPECT_THAT(out, Not(HasSubstr("message_stop")));
}

TEST(AnthropicStreamWriter, JoinsCharactersThatArgumentsWereCutIn) {
  const std::string out = WriteStream(
      {{.kind = Kind::kStart},
       {.kind = Kind::kPartStart, .part = 0, .part_kind = PartKind::kToolCall, .id = "a"},
       {.kind = Kind::kArguments, .part = 0, .text = "{\"a\":\"\xF0\x9F"},
       {.kind = Kind::kArguments, .part = 0, .text = "\x93\xA6\"}"},
       {.kind = Kind::kPartEnd, .part = 0},
       {.kind = Kind::kFinish, .finish = FinishReason::kToolCalls},
       {.kind = Kind::kEnd}});
  const Result<std::vector<StreamEvent>> read = ReadStream(out);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<llm::ToolCallPart>(AnswerOf(*read).parts[0]).arguments, "{\"a\":\"📦\"}");
}

TEST(AnthropicStreamWriter, SendsASignatureInOnePieceBehindItsThinking) {
  const std::vector<StreamEvent> events = {
      {.kind = Kind::kStart},
      {.kind = Kind::kPartStart, .part = 0, .part_kind = PartKind::kThinking, .origin = kSelf},
      {.kind = Kind::kSignature, .part = 0, .text = "Eq", .origin = kSelf},
      {.kind = Kind::kText, .part = 0, .text = "Hm."},
      {.kind = Kind::kSignature, .part = 0, .text = "oB", .origin = kSelf},
      {.kind = Kind::kPartEnd, .part = 0},
      {.kind = Kind::kFinish, .finish = FinishReason::kStop},
      {.kind = Kind::kEnd}};
  const std::string out = WriteStream(events);
  EXPECT_THAT(Outline(out), ElementsAre("message_start", "content_block_start 0",
                                        "content_block_delta 0 thinking_delta",
                                        "content_block_delta 0 signature_delta",
                                        "content_block_stop 0", "message_delta", "message_stop"));
  EXPECT_THAT(out, HasSubstr(R"("signature":"EqoB")"));
}

std::vector<StreamEvent> Thinking(llm::Dialect origin, bool redacted, std::string text) {
  std::vector<StreamEvent> events = {{.kind = Kind::kStart},
                                     {.kind = Kind::kPartStart,
                                      .part = 0,
                                      .part_kind = PartKind::kThinking,
                                      .redacted = redacted,
                                      .origin = origin}};
  if (!text.empty()) events.push_back({.kind = Kind::kText, .part = 0, .text = std::move(text)});
  events.push_back({.kind = Kind::kSignature, .part = 0, .text = "s3cret", .origin = origin});
  events.push_back({.kind = Kind::kPartEnd, .part = 0});
  events.push_back({.kind = Kind::kPartStart, .part = 1});
  events.push_back({.kind = Kind::kText, .part = 1, .text = "So."});
  events.push_back({.kind = Kind::kPartEnd, .part = 1});
  events.push_back({.kind = Kind::kFinish, .finish = FinishReason::kStop});
  events.push_back({.kind = Kind::kEnd});
  return events;
}

TEST(AnthropicStreamWriter, SealsAnotherProvidersThinking) {
  const std::string shown = WriteStream(Thinking(llm::Dialect::kGemini, false, "Hm."));
  EXPECT_THAT(shown, HasSubstr(R"("thinking":"Hm.")"));
  EXPECT_THAT(shown, HasSubstr(R"("signature":"triage.gemini.s3cret")"));
  for (const auto& events : {Thinking(llm::Dialect::kOpenAiResponses, true, ""),
                             Thinking(llm::Dialect::kOpenAiResponses, false, "")}) {
    const std::string out = WriteStream(events);
    EXPECT_THAT(
        out,
        HasSubstr(
            R"("content_block":{"type":"redacted_thinking","data":"triage.openai_responses.s3cret"})"));
    EXPECT_THAT(Outline(out),
                ElementsAre("message_start", "content_block_start 0", "content_block_stop 0",
                            "content_block_start 1", "content_block_delta 1 text_delta",
                            "content_block_stop 1", "message_delta", "message_stop"));
  }
  EXPECT_THAT(WriteStream(Thinking(kSelf, true, "")),
              HasSubstr(R"("content_block":{"type":"redacted_thinking","data":"s3cret"})"));
  EXPECT_THAT(WriteStream(Thinking(llm::Dialect::kBedrock, false, "Hm.")),
              HasSubstr(R"("signature":"s3cret")"))
      << "Claude's, on another platform";
}

TEST(AnthropicStreamWriter, SaysThatToolsAreToBeRunWhenTheProviderForgotTo) {
  const std::string out = WriteStream(
      {{.kind = Kind::kStart},
       {.kind = Kind::kPartStart, .part = 0, .part_kind = PartKind::kToolCall, .id = "a"},
       {.kind = Kind::kPartEnd, .part = 0},
       {.kind = Kind::kFinish, .finish = FinishReason::kStop},
       {.kind = Kind::kEnd}});
  EXPECT_THAT(out, HasSubstr(R"("stop_reason":"tool_use")"));
}

TEST(AnthropicStreamWriter, EndsABrokenStreamWithAnErrorEventAndNoMore) {
  const auto written = [](ErrorCode code, int upstream_status = 0) {
    const Error error{.code = code,
                      .message = "The provider broke off.",
                      .detail = "secret",
                      .upstream_status = upstream_status};
    std::string out;
    NewWriter({.id = "x", .model = "m"})->WriteError(error, out);
    return out;
  };
  EXPECT_EQ(
      written(ErrorCode::kUpstream),
      "event: error\n"
      R"(data: {"type":"error","error":{"type":"api_error","message":"The provider broke off."},"request_id":"x"})"
      "\n\n");
  EXPECT_THAT(written(ErrorCode::kUpstream, 529), HasSubstr("overloaded_error"));
  EXPECT_THAT(written(ErrorCode::kRateLimited), HasSubstr("rate_limit_error"));
  EXPECT_THAT(written(ErrorCode::kTimeout), HasSubstr("timeout_error"));
  EXPECT_THAT(written(ErrorCode::kUnavailable), HasSubstr("overloaded_error"));
}

}  // namespace
}  // namespace triage::wire::anthropic
