#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/golden_test_support.h"
#include "wire/openai_chat_neutral.h"
#include "wire/stream_test_support.h"

namespace triage::wire::openai_chat {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::FinishReason;
using llm::PartKind;
using testing::HasSubstr;
using testing::Not;

Result<llm::Answer> ReadStream(std::string_view stream, std::size_t step = 1 << 20) {
  const auto events = ReadSse(*NewReader(), stream, step);
  if (!events) return events.error();
  EXPECT_EQ(GrammarFault(*events), "");
  return AnswerOf(*events);
}

/// The answer of a stream whose chunks have these choices.
llm::Answer ReadChoices(const std::vector<std::string>& choices) {
  std::string stream;
  for (const std::string& choice : choices)
    stream += "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[" + choice + "]}\n\n";
  const Result<llm::Answer> answer = ReadStream(stream + "data: [DONE]\n\n");
  EXPECT_TRUE(answer) << answer.error().message << stream;
  return answer ? *answer : llm::Answer{};
}

/// A chunk with one delta of a call.
std::string CallDelta(std::string_view call) {
  return R"({"delta":{"tool_calls":[)" + std::string(call) + "]}}";
}

const std::string kStop = R"({"delta":{},"finish_reason":"stop"})";

std::vector<llm::ToolCallPart> CallsOf(const llm::Answer& answer) {
  std::vector<llm::ToolCallPart> calls;
  for (const llm::Part& part : answer.parts) {
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) calls.push_back(*call);
  }
  return calls;
}

TEST(ChatStreamReader, KeepsGeminisCallsApartThoughAllHaveIndexZero) {
  const std::string stream = GoldenBytes("openai_chat/stream_gemini_calls.sse");
  ASSERT_FALSE(stream.empty());
  for (std::size_t step = 1; step < stream.size(); ++step) {
    const Result<llm::Answer> answer = ReadStream(stream, step);
    ASSERT_TRUE(answer) << answer.error().message;
    const std::vector<llm::ToolCallPart> calls = CallsOf(*answer);
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].id, "function-call-11");
    EXPECT_EQ(calls[0].arguments, R"({"ramp":1})");
    EXPECT_EQ(calls[0].signature, "c2lnLTE=");
    EXPECT_EQ(calls[1].id, "function-call-12");
    EXPECT_EQ(calls[1].arguments, R"({"ramp":2})");
    EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
    EXPECT_EQ(answer->usage->TotalInput(), 70);
  }
}

TEST(ChatStreamReader, TakesARepeatedIdForTheSameCall) {
  for (const std::string_view index : {"", R"("index":0,)"}) {
    const std::string head = "{" + std::string(index) + R"("id":"a","function":)";
    const llm::Answer answer =
        ReadChoices({CallDelta(head + R"({"name":"f","arguments":"{\"x\":"}})"),
                     CallDelta(head + R"({"name":"f","arguments":"1}"}})"), kStop});
    const std::vector<llm::ToolCallPart> calls = CallsOf(answer);
    ASSERT_EQ(calls.size(), 1U) << index;
    EXPECT_EQ(calls[0].arguments, R"({"x":1})");
  }
}

TEST(ChatStreamReader, GoesOnWithTheLastCallWhereNeitherIdNorIndexComes) {
  const llm::Answer answer =
      ReadChoices({CallDelta(R"({"id":"a","function":{"name":"f","arguments":"{"}})"),
                   CallDelta(R"({"function":{"arguments":"}"}})"),
                   CallDelta(R"({"id":"b","function":{"name":"g","arguments":"{\"y\":"}})"),
                   CallDelta(R"({"function":{"arguments":"2}"}})"), kStop});
  const std::vector<llm::ToolCallPart> calls = CallsOf(answer);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].arguments, "{}");
  EXPECT_EQ(calls[1].id, "b");
  EXPECT_EQ(calls[1].arguments, R"({"y":2})");
}

TEST(ChatStreamReader, TakesAnIdThatComesLateForTheCallOfItsIndex) {
  const llm::Answer answer =
      ReadChoices({CallDelta(R"({"index":0,"function":{"name":"f","arguments":""}})"),
                   CallDelta(R"({"index":0,"id":"late","function":{"arguments":"{}"}})"), kStop});
  ASSERT_EQ(CallsOf(answer).size(), 1U);
  EXPECT_EQ(CallsOf(answer)[0].arguments, "{}");
}

TEST(ChatStreamReader, KeepsAMultiByteCharacterThatTwoDeltasOfACallShare) {
  const llm::Answer answer = ReadChoices(
      {CallDelta(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{\"s\":\"\\u00"}})"),
       CallDelta(R"({"index":0,"function":{"arguments":"fc\"}"}})"), kStop});
  EXPECT_EQ(CallsOf(answer)[0].arguments, R"({"s":"\u00fc"})");
}

TEST(ChatStreamReader, LosesNothingBehindAFinishReasonThatComesWithEveryChunk) {
  const llm::Answer answer = ReadChoices({R"({"delta":{"content":"a"},"finish_reason":"stop"})",
                                          R"({"delta":{"content":"b"},"finish_reason":"stop"})",
                                          CallDelta(R"({"id":"a","function":{"name":"f"}})"),
                                          R"({"delta":{},"finish_reason":"length"})"});
  EXPECT_EQ(llm::TextOf(answer), "ab");
  EXPECT_EQ(CallsOf(answer).size(), 1U);
  EXPECT_EQ(answer.finish, FinishReason::kLength);
}

TEST(ChatStreamReader, SetsUsageFieldByField) {
  const Result<llm::Answer> answer = ReadStream(
      "data: "
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":"
      "4}}}\n\n"
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
      "data: {\"choices\":[],\"usage\":{\"completion_tokens\":5,\"prompt_tokens\":null}}\n\n");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 5, .cache_read = 4, .output = 5}));
}

TEST(ChatStreamReader, BelievesNoCountThatCannotBe) {
  const Result<llm::Answer> answer = ReadStream(
      "data: "
      "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
      "\"completion_tokens\":9223372036854775807,\"total_tokens\":-1,\"completion_tokens_details\":"
      "{"
      "\"reasoning_tokens\":\"7\"}}}\n\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->usage, (llm::Usage{.fresh_input = 3}));
}

TEST(ChatStreamReader, ReadsRefusalsCitationsAndLogprobs) {
  const llm::Answer answer = ReadChoices(
      {R"({"delta":{"role":"assistant","content":""}})",
       R"({"delta":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[]}]}})",
       R"({"delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"https://e.com","title":"t","start_index":0,"end_index":1}}]}})",
       R"({"delta":{"refusal":"no"}})", kStop});
  ASSERT_EQ(answer.parts.size(), 2U);
  const auto& text = std::get<llm::TextPart>(answer.parts[0]);
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].url, "https://e.com");
  EXPECT_EQ(std::get<llm::RefusalPart>(answer.parts[1]).text, "no");
  ASSERT_EQ(answer.logprobs.size(), 1U);
  EXPECT_EQ(answer.logprobs[0].logprob, -0.5);
}

TEST(ChatStreamReader, LetsAnUnknownReasonSurvive) {
  const llm::Answer answer =
      ReadChoices({R"({"delta":{"content":"a"},"finish_reason":"moon_phase"})"});
  EXPECT_EQ(answer.finish, FinishReason::kUnknown);
  EXPECT_EQ(answer.raw_finish, "moon_phase");
}

std::string Write(const std::vector<llm::StreamEvent>& events) {
  const auto writer = NewWriter({.id = "x", .model = "m", .created = 5});
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  return out;
}

TEST(ChatStreamWriter, NumbersCallsByThemselvesAndSaysTheirEmptyArguments) {
  const std::string out =
      Write({{.kind = Kind::kStart},
             {.kind = Kind::kPartStart, .part = 0, .part_kind = PartKind::kThinking},
             {.kind = Kind::kText, .part = 0, .text = "hm"},
             {.kind = Kind::kSignature, .part = 0, .text = "sig"},
             {.kind = Kind::kPartEnd, .part = 0},
             {.kind = Kind::kPartStart,
              .part = 1,
              .part_kind = PartKind::kToolCall,
              .id = "a",
              .name = "f"},
             {.kind = Kind::kPartStart,
              .part = 2,
              .part_kind = PartKind::kToolCall,
              .id = "b",
              .name = "g"},
             {.kind = Kind::kArguments, .part = 2, .text = R"({"x":1})"},
             {.kind = Kind::kPartEnd, .part = 1},
             {.kind = Kind::kPartEnd, .part = 2},
             {.kind = Kind::kFinish, .finish = FinishReason::kToolCalls, .raw_finish = "tool_use"},
             {.kind = Kind::kEnd}});
  EXPECT_THAT(out, HasSubstr(R"("reasoning_content":"hm")"));
  EXPECT_THAT(out, Not(HasSubstr("sig")));
  EXPECT_THAT(out, HasSubstr(R"("tool_calls":[{"index":0,"id":"a","type":"function")"));
  EXPECT_THAT(out, HasSubstr(R"("tool_calls":[{"index":0,"function":{"arguments":"{}"}}])"));
  EXPECT_THAT(out, HasSubstr(R"("tool_calls":[{"index":1,"function":{"arguments":"{\"x\":1}"}}])"));
  EXPECT_THAT(out, HasSubstr(R"("finish_reason":"tool_calls","native_finish_reason":"tool_use")"));
  const Result<llm::Answer> read = ReadStream(out);
  ASSERT_TRUE(read);
  EXPECT_EQ(CallsOf(*read).size(), 2U);
}

TEST(ChatStreamWriter, EndsABrokenStreamWithAnErrorAndNothingBehindIt) {
  const auto writer = NewWriter({.id = "x", .model = "m"});
  std::string out;
  writer->Write({.kind = Kind::kStart}, out);
  writer->WriteError({.code = ErrorCode::kUpstream, .message = "it broke off", .detail = "secret"},
                     out);
  EXPECT_THAT(out, HasSubstr(R"("message":"it broke off")"));
  EXPECT_THAT(out, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(out, Not(HasSubstr("secret")));
  EXPECT_THAT(out, Not(HasSubstr(R"("finish_reason":"")")));
}

}  // namespace
}  // namespace triage::wire::openai_chat
