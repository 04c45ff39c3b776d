#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/responses.h"
#include "wire/responses_test_support.h"

namespace triage::wire {
namespace {

using llm::Answer;
using llm::FinishReason;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr llm::Dialect kSelf = llm::Dialect::kOpenAiResponses;
const AnswerContext kContext{.id = "01JEXCHANGE", .model = "served", .created = 1764000009};

Result<Answer> Read(std::string_view body) {
  return OpenAiResponsesCodec().ReadAnswer(body);
}

std::string Write(const Answer& answer, const AnswerContext& context = kContext) {
  return OpenAiResponsesCodec().WriteAnswer(answer, context);
}

Answer Saying(std::string text, FinishReason finish, std::string raw) {
  Answer answer{.finish = finish, .raw_finish = std::move(raw)};
  answer.parts.emplace_back(llm::TextPart{.text = std::move(text)});
  return answer;
}

Error Failure(std::string_view body) {
  const Result<Answer> read = Read(body);
  EXPECT_FALSE(read.has_value());
  return read ? Error{} : read.error();
}

TEST(ResponsesAnswer, IsReadWithTokensInDisjointClasses) {
  const Result<Answer> read = Read(ReadGolden("answer_tools.json"));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->id, "resp_68a1");
  EXPECT_EQ(read->created, 1764000000);
  ASSERT_THAT(read->parts, SizeIs(4));
  const auto& thinking = std::get<llm::ThinkingPart>(read->parts[0]);
  EXPECT_EQ(thinking.text, "Two harbours.\n\nAsk for both.");
  EXPECT_EQ(thinking.signature, "gAAAABxyz+/==");
  EXPECT_EQ(thinking.id, "rs_68a1");
  const auto& call = std::get<llm::ToolCallPart>(read->parts[3]);
  EXPECT_EQ(call.id, "call_2");
  EXPECT_EQ(call.item_id, "fc_68a2");
  EXPECT_EQ(call.arguments, R"({"harbour":"Slite"})");
  EXPECT_EQ(read->finish, FinishReason::kToolCalls);
  EXPECT_EQ(read->raw_finish, "completed");
  EXPECT_EQ(*read->usage, (llm::Usage{.fresh_input = 40,
                                      .cache_read = 64,
                                      .cache_write_5m = 16,
                                      .output = 50,
                                      .reasoning = 40}));
  ASSERT_THAT(read->logprobs, SizeIs(2));
  EXPECT_EQ(read->logprobs[0].top.at(0).token, "Let");
  EXPECT_EQ(read->service_tier, "default");
}

TEST(ResponsesAnswer, ComesBackUnchangedFromItsOwnDialect) {
  for (const char* name : {"answer_tools.json", "answer_incomplete.json"}) {
    const Result<Answer> read = Read(ReadGolden(name));
    ASSERT_TRUE(read.has_value()) << name;
    const Result<Answer> again = Read(Write(*read, {.id = "x", .model = read->model}));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, *read) << name;
  }
}

TEST(ResponsesAnswer, SaysWhyItIsIncomplete) {
  const Result<Answer> read = Read(ReadGolden("answer_incomplete.json"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->finish, FinishReason::kLength);
  EXPECT_EQ(read->created, 1764000001);
  const std::string written = Write(*read);
  EXPECT_THAT(written, HasSubstr(R"("status":"incomplete")"));
  EXPECT_THAT(written, HasSubstr(R"("incomplete_details":{"reason":"max_output_tokens"})"));
  EXPECT_THAT(Write(Saying("x", FinishReason::kContentFilter, "SAFETY")),
              HasSubstr(R"("incomplete_details":{"reason":"content_filter"})"));
}

TEST(ResponsesAnswer, KeepsFinishWordsThatTheApiCannotSay) {
  const std::string paused = Write(Saying("x", FinishReason::kPause, "pause_turn"));
  EXPECT_THAT(paused, HasSubstr(R"("status":"incomplete")"));
  EXPECT_THAT(paused, HasSubstr(R"("native_finish_reason":"pause_turn")"));
  const std::string odd = Write(Saying("x", FinishReason::kUnknown, "sea_monster"));
  EXPECT_THAT(odd, HasSubstr(R"("status":"completed")"));
  EXPECT_EQ(Read(odd)->raw_finish, "sea_monster");
  // What the API can say needs no second word.
  EXPECT_THAT(Write(Saying("x", FinishReason::kStop, "end_turn")), Not(HasSubstr("native")));
  const Result<Answer> unknown = Read(
      R"({"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"steered"},"output":[]})");
  ASSERT_TRUE(unknown.has_value());
  EXPECT_EQ(unknown->finish, FinishReason::kUnknown);
  EXPECT_EQ(unknown->raw_finish, "steered");
}

TEST(ResponsesAnswer, RepeatsTheRequestAndItsDefaults) {
  const std::string request =
      R"({"model":"auto","input":"x","instructions":"Be brief.","temperature":0.25,)"
      R"("tools":[{"type":"function", "name":"f"}],"metadata":{"a":"b"},)"
      R"("previous_response_id":"resp_0","tool_choice":"required"})";
  AnswerContext context = kContext;
  context.request = request;
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(Write(Saying("Hi", FinishReason::kStop, "stop"), context)).has_value());
  const JsonValue root = tree.root();
  EXPECT_EQ(root["id"].text(), "resp_01JEXCHANGE");
  EXPECT_EQ(root["object"].text(), "response");
  EXPECT_EQ(root["model"].text(), "served");
  EXPECT_EQ(root["instructions"].text(), "Be brief.");
  EXPECT_EQ(root["temperature"].raw(), "0.25");
  EXPECT_EQ(root["tools"].raw(), R"([{"type":"function", "name":"f"}])");
  EXPECT_EQ(root["metadata"].raw(), R"({"a":"b"})");
  EXPECT_EQ(root["previous_response_id"].text(), "resp_0");
  EXPECT_EQ(root["tool_choice"].text(), "required");
  EXPECT_EQ(root["top_p"].raw(), "1.0");
  EXPECT_EQ(root["parallel_tool_calls"].raw(), "true");
  EXPECT_EQ(root["truncation"].text(), "disabled");
  EXPECT_EQ(root["usage"].raw(), "null");
  JsonValue message = *root["output"].begin();
  EXPECT_EQ(message["id"].text(), "msg_01JEXCHANGE_0");
  EXPECT_EQ((*message["content"].begin())["annotations"].raw(), "[]");
}

TEST(ResponsesAnswer, CarriesAnotherProvidersReasoningSealed) {
  Answer answer = Saying("Hi", FinishReason::kStop, "end_turn");
  answer.parts.insert(
      answer.parts.begin(),
      llm::ThinkingPart{.text = "hm", .signature = "Eq+/=", .origin = llm::Dialect::kAnthropic});
  const std::string written = Write(answer);
  EXPECT_THAT(written, HasSubstr(R"("encrypted_content":"triage.anthropic.Eq+/=")"));
  const Result<Answer> read = Read(written);
  ASSERT_TRUE(read.has_value());
  const auto& thinking = std::get<llm::ThinkingPart>(read->parts.at(0));
  EXPECT_EQ(thinking.origin, llm::Dialect::kAnthropic);
  EXPECT_EQ(thinking.signature, "Eq+/=");
}

TEST(ResponsesAnswer, LeavesOutWhatOnlyAnotherDialectHas) {
  Answer answer = Saying("Hi", FinishReason::kStop, "end_turn");
  answer.parts.emplace_back(llm::OpaquePart{
      .origin = llm::Dialect::kAnthropic, .type = "server_tool_use", .json = R"({"secret":1})"});
  EXPECT_THAT(Write(answer), Not(HasSubstr("secret")));
}

TEST(ResponsesAnswer, WritesCitationsOfOtherDialectsAsAnnotations) {
  Answer answer = Saying("Visby ä.", FinishReason::kStop, "end_turn");
  auto& text = std::get<llm::TextPart>(answer.parts[0]);
  llm::Citation page{.title = "Pilot", .url = "https://pilot.example", .cited_text = {}, .raw = {}};
  page.origin = llm::Dialect::kGemini;
  text.citations.push_back(page);
  page.url.clear();
  text.citations.push_back(page);
  const std::string written = Write(answer);
  EXPECT_THAT(written, HasSubstr(R"({"type":"url_citation","url":"https://pilot.example",)"
                                 R"("title":"Pilot","start_index":0,"end_index":8})"));
  EXPECT_THAT(written, HasSubstr(R"({"type":"file_citation","file_id":"","filename":"Pilot",)"
                                 R"("index":8})"));
}

TEST(ResponsesAnswer, ReportsFailuresByTheirKind) {
  Error error = Failure(ReadGolden("answer_failed.json"));
  EXPECT_EQ(error.code, ErrorCode::kRateLimited);
  EXPECT_EQ(error.upstream_status, 429);
  EXPECT_THAT(error.message, HasSubstr("Rate limit reached"));
  error = Failure(R"({"error":{"message":"bad image","type":"x","code":"invalid_image"}})");
  EXPECT_EQ(error.code, ErrorCode::kInvalidRequest);
  error = Failure(R"({"id":"r","status":"failed","error":{"code":"server_is_overloaded"}})");
  EXPECT_EQ(error.code, ErrorCode::kUpstream);
  EXPECT_EQ(error.upstream_status, 503);
  EXPECT_EQ(Failure(R"({"id":"r","status":"cancelled","output":[]})").code, ErrorCode::kUpstream);
  for (const char* body : {"", "<html>", "[]", "7", R"({"choices":[]})", R"({"output":{}})",
                           R"({"output":[7]})", R"({"output":[{"type":"function_call"}]})",
                           R"({"output":[{"type":"message","content":[{}]}]})"}) {
    const Error broken = Failure(body);
    EXPECT_EQ(broken.code, ErrorCode::kUpstream) << body;
    EXPECT_EQ(broken.message, "The provider's answer is not a response object.") << body;
  }
}

TEST(ResponsesAnswer, KeepsArgumentsThatWereCutOff) {
  const Result<Answer> read = Read(
      R"({"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},)"
      R"("output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":"}]})");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<llm::ToolCallPart>(read->parts.at(0)).arguments, R"({"a":)");
}

TEST(ResponsesAnswer, CountsNothingWhereNothingWasCounted) {
  EXPECT_FALSE(Read(R"({"id":"r","status":"completed","output":[],"usage":null})")->usage);
  EXPECT_FALSE(Read(R"({"id":"r","status":"completed","output":[],"usage":{}})")->usage);
}

TEST(ResponsesErrors, AreInTheClientsShape) {
  const Codec& codec = OpenAiResponsesCodec();
  EXPECT_EQ(codec.WriteError(NoSuchPreviousResponse("resp_9"), 400, "id"),
            R"({"error":{"message":"Previous response with id 'resp_9' not found.",)"
            R"("type":"invalid_request_error","param":"previous_response_id",)"
            R"("code":"previous_response_not_found"}})");
  const std::string plain = codec.WriteError(
      {.code = ErrorCode::kInvalidRequest, .message = "no", .detail = "secret", .field = "/input"},
      400, "id");
  EXPECT_THAT(plain, HasSubstr(R"("param":"/input")"));
  EXPECT_THAT(plain, Not(HasSubstr("secret")));
  EXPECT_EQ(codec.dialect(), kSelf);
}

}  // namespace
}  // namespace triage::wire
