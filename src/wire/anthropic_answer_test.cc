#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/anthropic_test_support.h"

namespace triage::wire::anthropic {
namespace {

using llm::Answer;
using llm::FinishReason;
using testing::HasSubstr;
using testing::Not;

Answer Read(std::string_view body) {
  Result<Answer> read = ReadAnswer(body);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return read.value_or(Answer{});
}

Answer Ended(std::string_view reason) {
  return Read(R"({"type":"message","content":[],"stop_reason":")" + std::string(reason) +
              R"(","usage":{}})");
}

llm::Usage UsageOf(std::string_view usage) {
  return Read(R"({"type":"message","content":[],"usage":)" + std::string(usage) + "}")
      .usage.value_or(llm::Usage{});
}

Answer Said(llm::Part part) {
  Answer answer{.finish = FinishReason::kStop};
  answer.parts.push_back(std::move(part));
  return answer;
}

TEST(AnthropicAnswer, IsReadWithSignaturesCitationsAndTokenClasses) {
  const Answer answer = Read(ReadGolden("answer.json"));
  EXPECT_EQ(answer.id, "msg_01harbour");
  EXPECT_EQ(answer.model, "claude-opus-5-5");
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& thinking = std::get<llm::ThinkingPart>(answer.parts[0]);
  EXPECT_EQ(thinking.signature, "EqoBCkgIARAB+//==");
  EXPECT_TRUE(std::get<llm::ThinkingPart>(answer.parts[1]).redacted);
  const auto& text = std::get<llm::TextPart>(answer.parts[2]);
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].document, 0);
  EXPECT_EQ(text.citations[0].title, "Manifest");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(answer.stop_sequence, "END");
  EXPECT_EQ(answer.service_tier, "priority");
  EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 21,
                                      .cache_read = 1800,
                                      .cache_write_5m = 120,
                                      .cache_write_1h = 180,
                                      .output = 24,
                                      .reasoning = 40}));
}

TEST(AnthropicAnswer, ReadsBackTheSameWhenItIsWrittenAgain) {
  for (const char* name : {"answer.json", "answer_tools.json", "answer_refusal.json"}) {
    const Answer answer = Read(ReadGolden(name));
    const std::string written = WriteAnswer(answer, {.id = "x", .model = "m"});
    EXPECT_TRUE(Read(written) == answer) << written;
  }
}

TEST(AnthropicAnswer, KeepsTheInputOfCallsByteForByte) {
  const Answer answer = Read(ReadGolden("answer_tools.json"));
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[1]).arguments,
            R"({"name": "Dagmar",  "at": 1.50})");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[2]).arguments, "{}");
  EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 9, .output = 30}));
}

TEST(AnthropicAnswer, UnwrapsTheForcedToolToText) {
  const std::string_view call =
      R"({"type":"tool_use","id":"t","name":"triage_structured_answer","input":{"z": 1,"a":2}})";
  const std::string head = R"({"type":"message","stop_reason":"tool_use","content":[)";
  const Answer answer = Read(head + std::string(call) + "]}");
  EXPECT_EQ(llm::TextOf(answer), R"({"z": 1,"a":2})");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  const Answer both =
      Read(head + std::string(call) + R"(,{"type":"tool_use","id":"u","name":"f","input":{}}]})");
  EXPECT_EQ(both.finish, FinishReason::kToolCalls) << "a call is still to be made";
}

TEST(AnthropicAnswer, DividesCacheWritesByTheirLife) {
  EXPECT_EQ(UsageOf(R"({"cache_creation_input_tokens":7})").cache_write_5m, 7);
  const llm::Usage divided = UsageOf(
      R"({"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}})");
  EXPECT_EQ(divided.cache_write_5m, 3);
  EXPECT_EQ(divided.cache_write_1h, 4);
  // With server tools the parts may sum to more than the total: then they are the ones to bill.
  const llm::Usage more = UsageOf(
      R"({"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}})");
  EXPECT_EQ(more.cache_write_5m + more.cache_write_1h, 7);
}

TEST(AnthropicAnswer, TakesAbsentCountsForUntoldAndAbsurdOnesToo) {
  EXPECT_EQ(Read(R"({"type":"message","content":[]})").usage, std::nullopt);
  EXPECT_EQ(UsageOf(R"({"input_tokens":-5,"output_tokens":9e30,"cache_read_input_tokens":"x"})"),
            llm::Usage{});
  EXPECT_EQ(UsageOf(R"({"output_tokens":5,"output_tokens_details":{"thinking_tokens":9}})"),
            (llm::Usage{.output = 0, .reasoning = 5}))
      << "a part is no more than the whole";
}

TEST(AnthropicAnswer, KnowsTheStopReasonsAndLetsUnknownOnesSurvive) {
  const std::pair<const char*, FinishReason> reasons[] = {
      {"end_turn", FinishReason::kStop},
      {"stop_sequence", FinishReason::kStop},
      {"max_tokens", FinishReason::kLength},
      {"tool_use", FinishReason::kToolCalls},
      {"pause_turn", FinishReason::kPause},
      {"refusal", FinishReason::kRefusal},
      {"model_context_window_exceeded", FinishReason::kContextExceeded}};
  for (const auto& [word, finish] : reasons) {
    EXPECT_EQ(Ended(word).finish, finish) << word;
    if (std::string_view(word) == "stop_sequence") continue;  // needs the sequence
    EXPECT_THAT(WriteAnswer(Ended(word), {}),
                HasSubstr(R"("stop_reason":")" + std::string(word) + "\""));
  }
  const Answer unknown = Ended("moon_phase");
  EXPECT_EQ(unknown.finish, FinishReason::kUnknown);
  EXPECT_EQ(unknown.raw_finish, "moon_phase");
  EXPECT_THAT(WriteAnswer(unknown, {}), HasSubstr(R"("native_stop_reason":"moon_phase")"));
  Answer filtered = Said(llm::TextPart{.text = "x"});
  filtered.finish = FinishReason::kContentFilter;
  filtered.raw_finish = "content_filter";
  EXPECT_THAT(WriteAnswer(filtered, {}), HasSubstr(R"("stop_reason":"refusal")"));
  EXPECT_THAT(WriteAnswer(filtered, {}), HasSubstr(R"("native_stop_reason":"content_filter")"));
}

TEST(AnthropicAnswer, SaysThatToolsAreToBeRunWhenTheProviderForgotTo) {
  const Answer answer = Said(llm::ToolCallPart{.id = "call.1", .name = "f", .arguments = "{"});
  const std::string written = WriteAnswer(answer, {});
  EXPECT_THAT(written, HasSubstr(R"("stop_reason":"tool_use")"));
  EXPECT_THAT(written, HasSubstr(R"("id":"call_1","name":"f","input":{})")) << "cut off: no JSON";
}

TEST(AnthropicAnswer, SealsAnotherProvidersThinking) {
  using llm::Dialect;
  using llm::ThinkingPart;
  EXPECT_THAT(
      WriteAnswer(
          Said(ThinkingPart{.text = "hm", .signature = "s3cret", .origin = Dialect::kGemini}), {}),
      HasSubstr(R"({"type":"thinking","thinking":"hm","signature":"triage.gemini.s3cret"})"));
  EXPECT_THAT(WriteAnswer(Said(ThinkingPart{.text = "hm", .origin = Dialect::kOpenAiChat}), {}),
              HasSubstr(R"({"type":"thinking","thinking":"hm","signature":"triage.openai."})"));
  EXPECT_THAT(WriteAnswer(Said(ThinkingPart{.origin = Dialect::kOpenAiChat}), {}),
              HasSubstr(R"("content":[])"));
  for (const bool redacted : {true, false}) {
    EXPECT_THAT(
        WriteAnswer(
            Said(ThinkingPart{
                .signature = "s3cret", .redacted = redacted, .origin = Dialect::kOpenAiResponses}),
            {}),
        HasSubstr(R"({"type":"redacted_thinking","data":"triage.openai_responses.s3cret"})"));
  }
  EXPECT_THAT(
      WriteAnswer(Said(ThinkingPart{.text = "hm", .signature = "Eq", .origin = Dialect::kBedrock}),
                  {}),
      HasSubstr(R"("signature":"Eq")"))
      << "Claude's, on another platform";
}

TEST(AnthropicAnswer, TellsOtherProvidersWebSourcesAndNeverTakesThemForItsOwn) {
  llm::TextPart part{.text = "High at four."};
  llm::Citation page;
  page.title = "Tides";
  page.url = "https://tides.example";
  page.origin = llm::Dialect::kGemini;
  llm::Citation pageless = page;
  pageless.url.clear();
  part.citations = {page, pageless};
  const std::string written = WriteAnswer(Said(part), {});
  EXPECT_THAT(
      written,
      HasSubstr(
          R"("citations":[{"type":"web_search_result_location","url":"https://tides.example","title":"Tides","encrypted_index":"","cited_text":""}])"));
  const Answer again = Read(written);
  const llm::Citation& read = std::get<llm::TextPart>(again.parts.at(0)).citations.at(0);
  EXPECT_NE(read.origin, kSelf);
  EXPECT_EQ(read.url, "https://tides.example");
}

TEST(AnthropicAnswer, LeavesOutWhatOnlyOtherDialectsHave) {
  EXPECT_THAT(WriteAnswer(Said(llm::OpaquePart{.origin = llm::Dialect::kGemini,
                                               .type = "executableCode",
                                               .json = R"({"executableCode":{}})"}),
                          {}),
              Not(HasSubstr("executableCode")));
  EXPECT_THAT(WriteAnswer(Said(llm::RefusalPart{.text = "No."}), {}),
              HasSubstr(R"({"type":"text","text":"No.","citations":null})"));
}

TEST(AnthropicAnswer, SaysWhatServedItAndGivesItAnId) {
  const std::string written =
      WriteAnswer(Said(llm::TextPart{.text = "x"}), {.id = "ex", .model = "groq/llama"});
  EXPECT_THAT(written, HasSubstr(R"({"id":"msg_ex","type":"message","role":"assistant",)"
                                 R"("model":"groq/llama",)"));
  EXPECT_THAT(written, HasSubstr(R"("usage":{"input_tokens":0,)")) << "clients need one";
}

TEST(AnthropicAnswer, KnowsOnlyAnthropicsServiceTiers) {
  Answer answer = Said(llm::TextPart{.text = "x"});
  answer.service_tier = "default";
  EXPECT_THAT(WriteAnswer(answer, {}), HasSubstr(R"("service_tier":"standard")"));
  answer.service_tier = "flex";
  EXPECT_THAT(WriteAnswer(answer, {}), Not(HasSubstr("service_tier")));
}

TEST(AnthropicAnswer, IsAFailureWhenItIsNoAnswer) {
  for (const char* body : {"<html>", "[]", "{}", R"({"content":5})", ""}) {
    const Result<Answer> read = ReadAnswer(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kUpstream);
  }
  const Result<Answer> error = ReadAnswer(
      R"({"type":"error","error":{"type":"rate_limit_error","message":"Slow\u0007 down"}})");
  EXPECT_EQ(error.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(error.error().message, "Slow  down");
  EXPECT_EQ(Read(R"({"content":[7,{"type":"hologram","x":1}]})").parts.size(), 1U)
      << "unknown blocks are kept, what is none is not";
}

TEST(AnthropicErrors, HaveAnthropicsTypesAndNeverTheDetail) {
  const Error error{.code = ErrorCode::kRateLimited, .message = "slow down", .detail = "secret"};
  EXPECT_EQ(
      ErrorBody(error, 429, "req_1"),
      R"({"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_1"})");
  const std::pair<int, const char*> types[] = {{400, "invalid_request_error"},
                                               {401, "authentication_error"},
                                               {402, "billing_error"},
                                               {403, "permission_error"},
                                               {404, "not_found_error"},
                                               {405, "invalid_request_error"},
                                               {409, "conflict_error"},
                                               {413, "request_too_large"},
                                               {422, "invalid_request_error"},
                                               {500, "api_error"},
                                               {502, "api_error"},
                                               {503, "overloaded_error"},
                                               {504, "timeout_error"},
                                               {529, "overloaded_error"}};
  for (const auto& [status, type] : types)
    EXPECT_THAT(ErrorBody(error, status, ""), HasSubstr("\"" + std::string(type) + "\"")) << status;
}

TEST(AnthropicErrors, SayThatAPromptIsTooLongInAnthropicsWords) {
  Error error{.code = ErrorCode::kContextLength, .message = "about 9 tokens do not fit"};
  EXPECT_EQ(
      ErrorBody(error, 400, ""),
      R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: about 9 tokens do not fit"}})");
  error.message = "prompt is too long: 9 tokens > 8 maximum";
  EXPECT_THAT(ErrorBody(error, 400, ""), HasSubstr("\"prompt is too long: 9 tokens > 8 maximum\""));
}

TEST(AnthropicModels, AreListedOnOnePage) {
  const ListedModel models[] = {{.id = "auto", .owned_by = ""},
                                {.id = "tier:fast", .owned_by = "", .created = 1'764'000'001}};
  const std::string body = AnthropicModelsBody(models);
  EXPECT_EQ(
      body,
      R"({"data":[{"type":"model","id":"auto","display_name":"auto","created_at":"1970-01-01T00:00:00Z"},)"
      R"({"type":"model","id":"tier:fast","display_name":"tier:fast","created_at":"2025-11-24T16:00:01Z"}],)"
      R"("has_more":false,"first_id":"auto","last_id":"tier:fast"})");
  EXPECT_EQ(AnthropicModelsBody({}),
            R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
  EXPECT_THAT(AnthropicModelBody(models[0]), HasSubstr(R"("id":"auto")"));
}

TEST(AnthropicTokenCount, IsWrittenAndRead) {
  EXPECT_EQ(TokenCountBody(14), R"({"input_tokens":14})");
  EXPECT_EQ(ReadTokenCount(TokenCountBody(14)), 14);
  for (const char* body : {"{}", "14", R"({"input_tokens":-1})", R"({"input_tokens":"1"})", "x"})
    EXPECT_EQ(ReadTokenCount(body).error().code, ErrorCode::kUpstream) << body;
}

TEST(AnthropicKeepAlive, IsAPingEvent) {
  EXPECT_EQ(AnthropicCodec().KeepAlive(), "event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

}  // namespace
}  // namespace triage::wire::anthropic
