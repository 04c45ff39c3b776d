#include "wire/anthropic.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/sse.h"

namespace triage::wire::anthropic {
namespace {

using llm::FinishReason;
using llm::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string Golden(const std::string& name) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/wire/anthropic/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<llm::Answer> ReadStream(std::string_view stream, std::size_t step = 1 << 20) {
  const auto reader = NewReader();
  std::vector<llm::StreamEvent> events;
  net::SseFramer framer;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    framer.Feed(stream.substr(at, step));
    while (const auto event = framer.Next()) {
      if (!event->has_data) continue;
      Result<void> read = reader->OnEvent(event->name, event->data, events);
      if (!read) return std::move(read).error();
    }
  }
  Result<void> ended = reader->OnEnd(events);
  if (!ended) return std::move(ended).error();
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  return builder.answer();
}

std::string Written(const llm::Conversation& conversation, const llm::Profile& profile = {},
                    std::vector<std::string>* warnings = nullptr) {
  Result<WrittenRequest> written = WriteRequest(conversation, "m", profile);
  EXPECT_TRUE(written) << written.error().message;
  if (!written) return {};
  if (warnings != nullptr) *warnings = written->warnings;
  return written->body;
}

llm::Conversation Asked(Role role = Role::kUser, std::string text = "hi") {
  llm::Conversation conversation;
  conversation.messages.push_back({.role = role, .parts = {}});
  conversation.messages.back().parts.emplace_back(llm::TextPart{.text = std::move(text)});
  return conversation;
}

TEST(AnthropicRequest, IsReadInTheCanonicalForm) {
  const Result<llm::Conversation> read = ReadRequest(Golden("request.json"), {}, true);
  ASSERT_TRUE(read) << read.error().message;
  const auto& messages = read->messages;
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  EXPECT_EQ(std::get<llm::TextPart>(messages[0].parts[1]).cache, llm::CacheHint::kOneHour);
  EXPECT_EQ(messages[1].role, Role::kUser);
  EXPECT_EQ(messages[2].role, Role::kAssistant);
  const auto& thinking = std::get<llm::ThinkingPart>(messages[2].parts[0]);
  EXPECT_EQ(thinking.signature, "EqQBCgIYAhIM+/==");
  EXPECT_TRUE(std::get<llm::ThinkingPart>(messages[2].parts[1]).redacted);
  EXPECT_EQ(std::get<llm::ToolCallPart>(messages[2].parts[2]).arguments,
            R"({"z": 1, "a": {"location": "Kiel"}})");
  EXPECT_EQ(messages[3].role, Role::kTool);
  const auto& result = std::get<llm::ToolResultPart>(messages[3].parts[1]);
  EXPECT_TRUE(result.is_error);
  EXPECT_EQ(result.name, "get_time");
  EXPECT_EQ(messages[4].role, Role::kUser);
  EXPECT_EQ(
      read->tools[0].parameters,
      R"({"type": "object", "required": ["location"], "properties": {"location": {"type": "string"}}})");
  EXPECT_FALSE(read->tools[1].is_function());
  EXPECT_EQ(read->parallel_tool_calls, false);
  EXPECT_EQ(read->reasoning.budget_tokens, 2048);
  EXPECT_EQ(read->user, "u-77");
  EXPECT_TRUE(read->stream);
}

TEST(AnthropicRequest, GoesBackToAnthropicWithAllItHas) {
  const Result<llm::Conversation> read = ReadRequest(Golden("request.json"), {}, true);
  ASSERT_TRUE(read);
  std::vector<std::string> warnings;
  const std::string body = Written(*read, {}, &warnings);
  EXPECT_THAT(warnings, ElementsAre());
  EXPECT_THAT(body, HasSubstr(R"("signature":"EqQBCgIYAhIM+/==")"));
  EXPECT_THAT(body, HasSubstr(R"("input":{"z": 1, "a": {"location": "Kiel"}})"));
  EXPECT_THAT(body,
              HasSubstr(R"({"type": "web_search_20250305", "name": "web_search", "max_uses": 3})"));
  const Result<llm::Conversation> again = ReadRequest(body, {}, true);
  ASSERT_TRUE(again);
  llm::Conversation expected = *read;
  expected.model = "m";
  EXPECT_TRUE(*again == expected) << body;
}

TEST(AnthropicRequest, RefusesWhatIsWrongWithPointerAndRemedy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"max_tokens":1,"messages":[{"role":"user","content":"x"}]})", "/model"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}]})", "/max_tokens"},
      {R"({"model":"m","max_tokens":0,"messages":[{"role":"user","content":"x"}]})", "/max_tokens"},
      {R"({"model":"m","max_tokens":"1","messages":[{"role":"user","content":"x"}]})",
       "/max_tokens"},
      {R"({"model":"m","max_tokens":1})", "/messages"},
      {R"({"model":"m","max_tokens":1,"messages":[]})", "/messages"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"robot","content":"x"}]})",
       "/messages/0/role"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":5}]})",
       "/messages/0/content"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "/messages/0/content/0/text"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"x"}}]}]})",
       "/messages/0/content/0/source"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result"}]}]})",
       "/messages/0/content/0/tool_use_id"},
      {R"({"model":"m","max_tokens":1,"temperature":1.5,"messages":[{"role":"user","content":"x"}]})",
       "/temperature"},
      {R"({"model":"m","max_tokens":1,"tools":[{"name":"f"}],"messages":[{"role":"user","content":"x"}]})",
       "/tools/0/input_schema"},
      {R"({"model":"m","max_tokens":1,"tool_choice":{"type":"some"},"messages":[{"role":"user","content":"x"}]})",
       "/tool_choice/type"},
      {R"({"model":"m","model":"n","max_tokens":1,"messages":[{"role":"user","content":"x"}]})",
       "/model"},
  };
  for (const auto& [body, pointer] : cases) {
    const Result<llm::Conversation> read = ReadRequest(body, {}, true);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(read.error().field, pointer) << body;
    EXPECT_THAT(read.error().message, HasSubstr(pointer));
  }
  EXPECT_FALSE(ReadRequest("{\"model\":\"\xFF\"}", {}, true));
  EXPECT_FALSE(ReadRequest(std::string(100, '['), {}, true));
  EXPECT_EQ(ReadRequest(std::string(100, ' '), {.max_body_bytes = 99}, true).error().code,
            ErrorCode::kTooLarge);
}

TEST(AnthropicRequest, CountsTokensWithoutALimit) {
  EXPECT_TRUE(
      ReadRequest(R"({"model":"m","messages":[{"role":"user","content":"x"}]})", {}, false));
}

TEST(AnthropicRequest, PutsResultsInFrontOfTheUserTurnAndJoinsTurnsOfOneRole) {
  llm::Conversation conversation = Asked();
  llm::Message calls{.role = Role::kAssistant, .parts = {}};
  calls.parts.emplace_back(llm::ToolCallPart{.id = "call:1/x", .name = "f", .arguments = "{}"});
  llm::Message results{.role = Role::kTool, .parts = {}};
  results.parts.emplace_back(llm::ToolResultPart{.id = "call:1/x", .name = "f"});
  conversation.messages.push_back(calls);
  conversation.messages.push_back(results);
  conversation.messages.push_back(Asked(Role::kUser, "and?").messages[0]);
  const std::string body = Written(conversation);
  EXPECT_THAT(
      body,
      HasSubstr(
          R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1_x"},{"type":"text","text":"and?"}]})"));
  EXPECT_THAT(body, HasSubstr(R"("id":"call_1_x")"));
}

TEST(AnthropicRequest, GivesALimitWhereTheClientGaveNone) {
  EXPECT_THAT(Written(Asked(), {.default_max_tokens = 777}), HasSubstr(R"("max_tokens":777)"));
}

TEST(AnthropicRequest, SaysWhatItCannotCarry) {
  llm::Conversation conversation = Asked();
  conversation.temperature = 1.7;
  conversation.seed = 5;
  conversation.frequency_penalty = 1;
  conversation.logprobs = true;
  conversation.metadata = R"({"a":"b"})";
  conversation.extra.push_back({.name = "logit_bias", .json = "{}"});
  llm::Message said{.role = Role::kAssistant, .parts = {}};
  said.parts.emplace_back(
      llm::ThinkingPart{.text = "hm", .signature = "x", .origin = llm::Dialect::kGemini});
  said.parts.emplace_back(llm::TextPart{.text = "so"});
  conversation.messages.push_back(said);
  conversation.messages.push_back(Asked().messages[0]);
  std::vector<std::string> warnings;
  const std::string body = Written(conversation, {}, &warnings);
  EXPECT_THAT(warnings, testing::UnorderedElementsAre(
                            "thinking of another provider", "temperature lowered to 1", "seed",
                            "frequency_penalty", "logprobs", "metadata", "logit_bias"));
  EXPECT_THAT(body, HasSubstr(R"("temperature":1)"));
  EXPECT_THAT(body, Not(HasSubstr("signature")));
}

TEST(AnthropicRequest, KeepsThinkingAndItsLimitsTogether) {
  llm::Conversation conversation = Asked();
  conversation.reasoning.effort = "high";
  conversation.max_output_tokens = 4000;
  conversation.temperature = 0.5;
  std::vector<std::string> warnings;
  const std::string body = Written(conversation, {}, &warnings);
  EXPECT_THAT(body, HasSubstr(R"("thinking":{"type":"enabled","budget_tokens":3999})"));
  EXPECT_THAT(body, Not(HasSubstr("temperature")));
  conversation.max_output_tokens = 500;
  EXPECT_THAT(Written(conversation, {}, &warnings), Not(HasSubstr("budget_tokens")));
  EXPECT_THAT(warnings, testing::Contains("thinking: max_tokens leaves no room for it"));
}

TEST(AnthropicRequest, ForcesAToolForStructuredAnswersWhereThereIsNoOtherWay) {
  llm::Conversation conversation = Asked();
  conversation.response_format = {.kind = llm::ResponseFormat::Kind::kJsonSchema,
                                  .name = "n",
                                  .schema = R"({"type":"object", "b":1,"a":2})"};
  const std::string forced = Written(conversation, {.structured_output = false});
  EXPECT_THAT(forced, HasSubstr(R"("input_schema":{"type":"object", "b":1,"a":2})"));
  EXPECT_THAT(forced,
              HasSubstr(R"("tool_choice":{"type":"tool","name":"triage_structured_answer"})"));
  const std::string native = Written(conversation);
  EXPECT_THAT(
      native,
      HasSubstr(
          R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object", "b":1,"a":2}}})"));
}

TEST(AnthropicAnswer, UnwrapsTheForcedToolToText) {
  const Result<llm::Answer> answer = ReadAnswer(
      R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"tool_use","id":"t","name":"triage_structured_answer","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(llm::TextOf(*answer), R"({"a":1})");
  EXPECT_EQ(answer->finish, FinishReason::kStop);
}

TEST(AnthropicAnswer, KeepsTokenClassesApart) {
  const Result<llm::Answer> answer = ReadAnswer(
      R"({"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":2}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 10,
                                       .cache_read = 5,
                                       .cache_write_5m = 3,
                                       .cache_write_1h = 4,
                                       .output = 2}));
}

TEST(AnthropicAnswer, LetsUnknownStopReasonsSurvive) {
  const Result<llm::Answer> answer =
      ReadAnswer(R"({"type":"message","content":[],"stop_reason":"moon_phase","usage":{}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->finish, FinishReason::kUnknown);
  EXPECT_EQ(answer->raw_finish, "moon_phase");
  EXPECT_THAT(WriteAnswer(*answer, {}), HasSubstr(R"("native_stop_reason":"moon_phase")"));
}

TEST(AnthropicStream, IsReadAsItIsMeantHoweverItIsSplit) {
  const std::string stream = Golden("stream.sse");
  for (std::size_t step = 1; step < 200; step += 3) {
    const Result<llm::Answer> answer = ReadStream(stream, step);
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->parts.size(), 3U);
    const auto& thinking = std::get<llm::ThinkingPart>(answer->parts[0]);
    EXPECT_EQ(thinking.text, "The user asks for the weather.");
    EXPECT_EQ(thinking.signature, "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds==");
    EXPECT_EQ(llm::TextOf(*answer), "Let me look, München first.");
    EXPECT_EQ(std::get<llm::ToolCallPart>(answer->parts[2]).arguments,
              R"({"location": "München"})");
    EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
    // Cumulative: the delta replaces output and says nothing about the rest.
    EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 472,
                                         .cache_read = 2000,
                                         .cache_write_5m = 60,
                                         .cache_write_1h = 40,
                                         .output = 89}));
  }
}

TEST(AnthropicStream, TakesTheInputFromTheDeltaWhereTheStartHadNone) {
  const Result<llm::Answer> answer = ReadStream(
      "data: "
      "{\"type\":\"message_start\",\"message\":{\"id\":\"a\",\"usage\":{\"input_tokens\":0,"
      "\"output_tokens\":0}}}\n\n"
      "data: "
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_"
      "tokens\":31,\"output_tokens\":9}}\n\n"
      "data: {\"type\":\"message_stop\"}\n\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->usage->fresh_input, 31);
  EXPECT_EQ(answer->usage->output, 9);
}

TEST(AnthropicStream, TakesAWholeInputFromTheStartOfItsBlock) {
  const Result<llm::Answer> answer = ReadStream(
      "data: {\"type\":\"message_start\",\"message\":{\"id\":\"a\"}}\n\n"
      "data: "
      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
      "\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":1}}}\n\n"
      "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
      "data: "
      "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
      "\"id\":\"u\",\"name\":\"g\",\"input\":{}}}\n\n"
      "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
      "data: "
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_"
      "tokens\":9}}\n\n");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer->parts[0]).arguments, "{\"a\":1}");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer->parts[1]).arguments, "{}");
}

TEST(AnthropicStream, ReportsErrorEventsWithTheirStatus) {
  const auto read = [](std::string_view type) {
    return ReadStream("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"" +
                      std::string(type) + "\",\"message\":\"Overloaded\"}}\n\n")
        .error();
  };
  EXPECT_EQ(read("overloaded_error").upstream_status, 529);
  EXPECT_EQ(read("overloaded_error").code, ErrorCode::kUpstream);
  EXPECT_EQ(read("rate_limit_error").code, ErrorCode::kRateLimited);
  EXPECT_EQ(read("overloaded_error").message, "Overloaded");
}

TEST(AnthropicStream, WritesOneBlockAfterTheOtherWhenCallsInterleave) {
  using Kind = llm::StreamEvent::Kind;
  using llm::PartKind;
  const auto writer = NewWriter({.id = "x", .model = "m"});
  std::string out;
  const std::vector<llm::StreamEvent> events = {
      {.kind = Kind::kStart},
      {.kind = Kind::kPartStart,
       .part = 0,
       .part_kind = PartKind::kToolCall,
       .id = "a",
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
      {.kind = Kind::kEnd}};
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  std::vector<std::string> order;
  net::SseFramer framer;
  framer.Feed(out);
  while (const auto event = framer.Next()) {
    JsonTree tree;
    ASSERT_TRUE(tree.Parse(event->data));
    order.push_back(std::string(event->name) + std::string(tree.root()["index"].raw()));
  }
  EXPECT_THAT(order, ElementsAre("message_start", "content_block_start0", "content_block_delta0",
                                 "content_block_stop0", "content_block_start1",
                                 "content_block_delta1", "content_block_delta1",
                                 "content_block_stop1", "message_delta", "message_stop"));
}

TEST(AnthropicErrors, HaveAnthropicsTypesAndNeverTheDetail) {
  const Error error{.code = ErrorCode::kRateLimited, .message = "slow down", .detail = "secret"};
  EXPECT_EQ(
      ErrorBody(error, 429, "req_1"),
      R"({"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_1"})");
  EXPECT_THAT(ErrorBody(error, 400, ""), HasSubstr("invalid_request_error"));
  EXPECT_THAT(ErrorBody(error, 401, ""), HasSubstr("authentication_error"));
  EXPECT_THAT(ErrorBody(error, 404, ""), HasSubstr("not_found_error"));
  EXPECT_THAT(ErrorBody(error, 413, ""), HasSubstr("request_too_large"));
  EXPECT_THAT(ErrorBody(error, 503, ""), HasSubstr("overloaded_error"));
  EXPECT_THAT(ErrorBody(error, 502, ""), HasSubstr("api_error"));
}

}  // namespace
}  // namespace triage::wire::anthropic
