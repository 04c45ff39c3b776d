#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/client_request.h"
#include "wire/embeddings.h"
#include "wire/golden_test_support.h"
#include "wire/json.h"
#include "wire/openai_chat_neutral.h"
#include "wire/stream_test_support.h"

namespace triage::wire::openai_chat {
namespace {

using llm::FinishReason;
using llm::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<llm::Answer> ReadStream(std::string_view stream, std::size_t step = 1 << 20) {
  const auto events = ReadSse(*NewReader(), stream, step);
  if (!events) return events.error();
  return AnswerOf(*events);
}

/// A stream of these chunks' choices.
std::string Chunks(const std::vector<std::string>& choices,
                   std::string_view tail = "data: [DONE]\n\n") {
  std::string stream;
  for (const std::string& choice : choices)
    stream += "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[" + choice + "]}\n\n";
  return stream + std::string(tail);
}

llm::Conversation Asked(std::string_view rest, std::string_view content = R"("x")") {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":)" +
                           std::string(content) + "}]" + std::string(rest) + "}";
  const Result<llm::Conversation> read = ReadRequest(body, {});
  EXPECT_TRUE(read) << read.error().message << body;
  return read ? *read : llm::Conversation{};
}

std::string Written(const llm::Conversation& conversation, const llm::Profile& profile = {},
                    std::vector<std::string>* warnings = nullptr) {
  Result<WrittenRequest> written = WriteRequest(conversation, "m", profile);
  EXPECT_TRUE(written);
  if (warnings != nullptr) *warnings = written->warnings;
  return written->body;
}

TEST(ChatRequest, ReadsTheOlderFunctionsAsTools) {
  const llm::Conversation read = Asked(
      R"(,"functions":[{"name":"f","parameters":{"b":1,"a":2}}],"function_call":{"name":"f"})");
  ASSERT_EQ(read.tools.size(), 1U);
  EXPECT_EQ(read.tools[0].parameters, R"({"b":1,"a":2})");
  EXPECT_EQ(read.tool_choice->name, "f");
}

TEST(ChatRequest, GivesEachOlderCallAnIdOfItsOwnAndItsResultTheSame) {
  const std::string call =
      R"({"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},)";
  const Result<llm::Conversation> read =
      ReadRequest(R"({"model":"m","messages":[{"role":"user","content":"x"},)" + call +
                      R"({"role":"function","name":"f","content":"1"},)" + call +
                      R"({"role":"function","name":"f","content":"2"}]})",
                  {});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->messages.size(), 5U);
  const auto id_of = [&](std::size_t message) {
    return std::get<llm::ToolCallPart>(read->messages[message].parts[0]).id;
  };
  EXPECT_NE(id_of(1), id_of(3));
  for (const std::size_t message : {1U, 3U}) {
    const auto& result = std::get<llm::ToolResultPart>(read->messages[message + 1].parts[0]);
    EXPECT_EQ(result.id, id_of(message));
    EXPECT_EQ(result.name, "f");
  }
}

TEST(ChatRequest, PutsAllResultsOfATurnIntoOneMessage) {
  const Result<llm::Conversation> read = ReadRequest(
      R"({"model":"m","messages":[{"role":"user","content":"x"},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":""}},{"id":"2","type":"function","function":{"name":"g","arguments":"{ }"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"a"},{"role":"tool","tool_call_id":"2","content":[{"type":"text","text":"b"}]}]})",
      {});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->messages.size(), 3U);
  EXPECT_EQ(std::get<llm::ToolCallPart>(read->messages[1].parts[0]).arguments, "{}");
  ASSERT_EQ(read->messages[2].parts.size(), 2U);
  EXPECT_EQ(std::get<llm::ToolResultPart>(read->messages[2].parts[1]).name, "g");
}

TEST(ChatRequest, TellsImagesByUrlFromImagesInIt) {
  const llm::Conversation read = Asked(
      "",
      R"([{"type":"image_url","image_url":{"url":"https://e.com/a.png","detail":"low"}},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/"}}])");
  const auto& url = std::get<llm::ImagePart>(read.messages[0].parts[0]);
  EXPECT_EQ(url.url, "https://e.com/a.png");
  EXPECT_EQ(url.detail, "low");
  const auto& data = std::get<llm::ImagePart>(read.messages[0].parts[1]);
  EXPECT_EQ(data.media_type, "image/jpeg");
  EXPECT_EQ(data.data, "/9j/");
  EXPECT_TRUE(llm::NeedsOf(read).image_urls);
}

TEST(ChatRequest, RefusesWhatIsWrongWithPointerAndRemedy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"messages":[{"role":"user","content":"x"}]})", "/model"},
      {R"({"model":"m","messages":[]})", "/messages"},
      {R"({"model":"m","messages":[{"role":"robot","content":"x"}]})", "/messages/0/role"},
      {R"({"model":"m","messages":[{"role":"user"}]})", "/messages/0/content"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
       "/messages/0/content/0/image_url"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:nope"}}]}]})",
       "/messages/0/content/0/image_url/url"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"[1]"}}]}]})",
       "/messages/0/tool_calls/0/function/arguments"},
      {R"({"model":"m","messages":[{"role":"tool","content":"x"}]})", "/messages/0/tool_call_id"},
      {R"({"model":"m","n":0,"messages":[{"role":"user","content":"x"}]})", "/n"},
      {R"({"model":"m","temperature":3,"messages":[{"role":"user","content":"x"}]})",
       "/temperature"},
      {R"({"model":"m","tools":[{"type":"function","function":{}}],"messages":[{"role":"user","content":"x"}]})",
       "/tools/0/function/name"},
      {R"({"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":[]}}],"messages":[{"role":"user","content":"x"}]})",
       "/tools/0/function/parameters"},
      {R"({"model":"m","response_format":{"type":"json_schema","json_schema":{}},"messages":[{"role":"user","content":"x"}]})",
       "/response_format/json_schema/schema"},
      {R"({"model":"m","messages":[{"role":"user","content":"x","role":"user"}]})",
       "/messages/0/role"},
  };
  for (const auto& [body, pointer] : cases) {
    const Result<llm::Conversation> read = ReadRequest(body, {});
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().field, pointer) << body;
    EXPECT_THAT(read.error().message, HasSubstr(pointer));
  }
}

TEST(ChatRequest, UsesTheFieldThatTheEndpointKnowsForTheLimit) {
  const llm::Conversation asked = Asked(R"(,"max_tokens":7)");
  EXPECT_THAT(Written(asked), HasSubstr(R"("max_completion_tokens":7)"));
  EXPECT_THAT(Written(asked, {.max_tokens_field = "max_tokens"}), HasSubstr(R"("max_tokens":7)"));
}

TEST(ChatRequest, LeavesOutWhatTheEndpointRefusesAndSaysSo) {
  const llm::Conversation asked =
      Asked(R"(,"seed":1,"logit_bias":{"5":1},"temperature":1.9,"x_new":1)");
  std::vector<std::string> warnings;
  const std::string body =
      Written(asked, {.refuses = {"seed", "logit_bias"}, .max_temperature = 1.5}, &warnings);
  EXPECT_THAT(warnings,
              testing::UnorderedElementsAre("seed", "logit_bias", "temperature lowered to 1.5"));
  EXPECT_THAT(body, HasSubstr(R"("x_new":1)"));
}

TEST(ChatRequest, CallsDevelopersSystemWhereTheEndpointKnowsNone) {
  const Result<llm::Conversation> read = ReadRequest(
      R"({"model":"m","messages":[{"role":"developer","content":"d"},{"role":"user","content":"x"}]})",
      {});
  EXPECT_THAT(Written(*read), HasSubstr(R"("role":"developer")"));
  EXPECT_THAT(Written(*read, {.developer_role = false}), HasSubstr(R"("role":"system")"));
}

TEST(ChatRequest, SendsThinkingBackOnlyWhereAFieldIsKnownForIt) {
  const Result<llm::Conversation> read = ReadRequest(
      R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y","reasoning_content":"hm"},{"role":"user","content":"z"}]})",
      {});
  ASSERT_TRUE(read);
  std::vector<std::string> warnings;
  EXPECT_THAT(Written(*read, {}, &warnings), Not(HasSubstr("hm")));
  EXPECT_THAT(warnings, ElementsAre("thinking of earlier turns"));
  EXPECT_THAT(Written(*read, {.reasoning_field = "reasoning_content"}),
              HasSubstr(R"("reasoning_content":"hm")"));
}

TEST(ChatAnswer, ReadsThinkingApartFromTextAndReasoningApartFromOutput) {
  const Result<llm::Answer> answer = ReadAnswer(GoldenBytes("openai_chat/answer_reasoning.json"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer->parts[0]).text, "3 + 4 …");
  EXPECT_EQ(llm::TextOf(*answer), "Seven.");
  EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 18, .output = 5, .reasoning = 35}));
}

TEST(ChatAnswer, TakesCallsForWhatTheyAreEvenWhenTheReasonSaysStop) {
  const Result<llm::Answer> answer = ReadAnswer(
      R"({"model":"m","choices":[{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"stop"}]})");
  ASSERT_TRUE(answer);
  const auto& call = std::get<llm::ToolCallPart>(answer->parts[0]);
  EXPECT_EQ(call.arguments, R"({"a":1})");
  EXPECT_FALSE(call.id.empty());
  EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
}

TEST(ChatAnswer, KeepsAReasonThatOpenAiHasNoWordFor) {
  llm::Answer answer;
  answer.parts.emplace_back(llm::TextPart{.text = "x"});
  answer.finish = FinishReason::kPause;
  answer.raw_finish = "pause_turn";
  EXPECT_THAT(WriteAnswer(answer, {}),
              HasSubstr(R"("finish_reason":"stop","native_finish_reason":"pause_turn")"));
}

TEST(ChatStream, ReadsCallsThatAreToldInTurnsHoweverTheBytesAreSplit) {
  const std::string stream = GoldenBytes("openai_chat/stream_tools.sse");
  for (std::size_t step = 1; step < 300; step += 7) {
    const Result<llm::Answer> answer = ReadStream(stream, step);
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->parts.size(), 2U);
    const auto& weather = std::get<llm::ToolCallPart>(answer->parts[0]);
    EXPECT_EQ(weather.id, "call_a");
    EXPECT_EQ(weather.arguments, R"({"city": "Kiel"})");
    EXPECT_EQ(std::get<llm::ToolCallPart>(answer->parts[1]).arguments, "{}");
    EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
    EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 17, .cache_read = 64, .output = 36}));
  }
}

TEST(ChatStream, TakesUsageFromAnyChunkAndTheLastOneCounts) {
  const std::string usage =
      R"(data: {"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}})";
  const std::string chunk = R"({"index":0,"delta":{"content":"a"}})";
  const std::string stop = R"({"index":0,"delta":{},"finish_reason":"stop"})";
  const std::vector<std::string> streams = {
      Chunks({chunk, stop}, usage + "\n\ndata: [DONE]\n\n"),
      usage + "\n\n" + Chunks({chunk, stop}),
      Chunks(
          {chunk},
          R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4}})"
          "\n\n"),
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}})"
      "\n\n" +
          Chunks({stop}, usage + "\n\n"),
  };
  for (const std::string& stream : streams) {
    const Result<llm::Answer> answer = ReadStream(stream);
    ASSERT_TRUE(answer) << answer.error().message << stream;
    EXPECT_EQ(llm::TextOf(*answer), "a");
    ASSERT_TRUE(answer->usage) << stream;
    EXPECT_EQ(answer->usage->fresh_input, 9);
    EXPECT_EQ(answer->usage->output, 4);
  }
}

TEST(ChatStream, UnderstandsCallsWithoutIdOrIndex) {
  const Result<llm::Answer> answer = ReadStream(
      Chunks({R"({"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}})",
              R"({"delta":{},"finish_reason":"stop"})"}));
  ASSERT_TRUE(answer);
  const auto& call = std::get<llm::ToolCallPart>(answer->parts[0]);
  EXPECT_EQ(call.name, "f");
  EXPECT_FALSE(call.id.empty());
  EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
}

TEST(ChatStream, ReportsErrorsInAllTheirShapes) {
  const auto error = [](std::string_view data) {
    return ReadStream("data: " + std::string(data) + "\n\n").error();
  };
  EXPECT_EQ(error(R"({"error":{"message":"busy","code":429}})").code, ErrorCode::kRateLimited);
  EXPECT_EQ(error(R"({"error":{"message":"busy","type":"server_error"}})").message, "busy");
  EXPECT_EQ(error(R"({"choices":[{"delta":{},"finish_reason":"error"}]})").code,
            ErrorCode::kUpstream);
  EXPECT_EQ(
      error(R"({"choices":[{"delta":{},"finish_reason":null,"native_finish_reason":"error"}]})")
          .code,
      ErrorCode::kUpstream);
  EXPECT_EQ(error("<html>").code, ErrorCode::kUpstream);
}

TEST(ChatStream, IsCompleteWithAFinishReasonAndNoDoneAndBrokenWithout) {
  const std::string chunk = R"({"delta":{"content":"a"}})";
  EXPECT_TRUE(ReadStream(Chunks({chunk, R"({"delta":{},"finish_reason":"weird"})"}, "")));
  EXPECT_FALSE(ReadStream(Chunks({chunk}, "")));
  EXPECT_FALSE(ReadStream(""));
}

TEST(ChatStream, WritesWhatTheSdkWantsOfAStreamWithUsage) {
  using Kind = llm::StreamEvent::Kind;
  const auto write = [](bool include_usage) {
    const auto writer =
        NewWriter({.id = "x", .model = "m", .created = 5, .include_usage = include_usage});
    std::string out;
    for (const llm::StreamEvent& event : std::vector<llm::StreamEvent>{
             {.kind = Kind::kStart, .usage = llm::Usage{.fresh_input = 3}},
             {.kind = Kind::kPartStart, .part = 0},
             {.kind = Kind::kText, .part = 0, .text = "a"},
             {.kind = Kind::kPartEnd, .part = 0},
             {.kind = Kind::kFinish, .finish = FinishReason::kStop},
             {.kind = Kind::kUsage, .usage = llm::Usage{.fresh_input = 3, .output = 1}},
             {.kind = Kind::kEnd}}) {
      writer->Write(event, out);
    }
    return out;
  };
  const std::string with = write(true);
  EXPECT_THAT(
      with,
      HasSubstr(
          R"("choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4)"));
  EXPECT_THAT(with, HasSubstr(R"("usage":null)"));
  EXPECT_TRUE(with.ends_with("data: [DONE]\n\n"));
  EXPECT_THAT(write(false), Not(HasSubstr("usage")));
}

TEST(Embeddings, ReadsEveryFormOfInput) {
  const auto read = [](std::string_view input) {
    llm::Request request;
    const Result<void> done = ReadEmbeddingsRequest(
        R"({"input":)" + std::string(input) + R"(,"model":"e","encoding_format":null})", {},
        request);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_TRUE(request.needs.embeddings);
    EXPECT_THAT(request.body, HasSubstr(R"("encoding_format":"float")"));
    EXPECT_EQ(request.body.substr(request.model_value.begin, 3), "\"e\"");
    return request.text.size();
  };
  EXPECT_EQ(read(R"("hello")"), 5U);
  EXPECT_EQ(read(R"(["a","bc"])"), 4U);
  EXPECT_EQ(read("[1,2,3]"), 12U);
  EXPECT_EQ(read("[[1,2],[3]]"), 13U);
}

TEST(Embeddings, RefusesWhatIsWrongWithPointerAndRemedy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"input":"x"})", "/model"},
      {R"({"model":"e"})", "/input"},
      {R"({"model":"e","input":""})", "/input"},
      {R"({"model":"e","input":[]})", "/input"},
      {R"({"model":"e","input":["a",1]})", "/input/1"},
      {R"({"model":"e","input":"x","dimensions":0})", "/dimensions"},
      {R"({"model":"e","input":"x","encoding_format":"int8"})", "/encoding_format"},
  };
  for (const auto& [body, pointer] : cases) {
    llm::Request request;
    const Result<void> read = ReadEmbeddingsRequest(body, {}, request);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().field, pointer);
  }
}

TEST(FindMember, FindsValuesOfTheTopLevelOnly) {
  const std::string text =
      R"({ "a" : {"model":1}, "s":"\"model\":5", "model" : "x" , "z":[1,{"q":2}]})";
  const auto at = [&](std::string_view key) {
    const llm::ByteRange range = FindMember(text, key);
    return text.substr(range.begin, range.end - range.begin);
  };
  EXPECT_EQ(at("model"), R"("x")");
  EXPECT_EQ(at("a"), R"({"model":1})");
  EXPECT_EQ(at("z"), R"([1,{"q":2}])");
  EXPECT_EQ(at("q"), "");
}

TEST(FindKeys, FindsKeysOfTheTopLevelOnly) {
  EXPECT_THAT(FindKeys(R"( {"a":{"b":[{"c":1}]} , "d\"": ",\"e\":" ,"f":[]})"),
              ElementsAre(2U, 24U, 42U));
  EXPECT_THAT(FindKeys(" { } "), testing::IsEmpty());
}

}  // namespace
}  // namespace triage::wire::openai_chat
