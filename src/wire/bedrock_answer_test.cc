#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/bedrock.h"
#include "wire/bedrock_test_support.h"
#include "wire/openai_chat.h"

namespace triage::wire::bedrock {
namespace {

using llm::FinishReason;
using testing::HasSubstr;

llm::Answer Read(const std::string& body) {
  Result<llm::Answer> read = BedrockCodec().ReadAnswer(body);
  EXPECT_TRUE(read) << read.error().message;
  return read ? *std::move(read) : llm::Answer{};
}

TEST(BedrockAnswer, ReadsThinkingTextAndUsageInDisjointClasses) {
  const llm::Answer answer = Read(ReadGolden("answer.json"));
  ASSERT_EQ(answer.parts.size(), 3U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).signature, "c2lnLTI=");
  EXPECT_TRUE(std::get<llm::ThinkingPart>(answer.parts[1]).redacted);
  EXPECT_EQ(llm::TextOf(answer), "Five parcels stand on the ramp.");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(answer.stop_sequence, "END");
  EXPECT_EQ(answer.service_tier, "flex");
  EXPECT_EQ(answer.usage, (llm::Usage{.fresh_input = 200,
                                      .cache_read = 1000,
                                      .cache_write_5m = 300,
                                      .cache_write_1h = 500,
                                      .output = 59}));
}

TEST(BedrockAnswer, WritesWhatItReadWithoutLoss) {
  for (const char* name : {"answer.json", "answer_tools.json", "answer_cited.json"}) {
    const llm::Answer answer = Read(ReadGolden(name));
    EXPECT_EQ(Read(BedrockCodec().WriteAnswer(answer, {})), answer) << name;
  }
}

TEST(BedrockAnswer, ReadsCallsAndCitations) {
  const llm::Answer calls = Read(ReadGolden("answer_tools.json"));
  EXPECT_EQ(calls.finish, FinishReason::kToolCalls);
  const auto& call = std::get<llm::ToolCallPart>(calls.parts.at(1));
  EXPECT_EQ(call.id, "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q");
  EXPECT_EQ(call.arguments, R"({"ramp": 1, "unit": "kg"})");
  const llm::Answer cited = Read(ReadGolden("answer_cited.json"));
  const auto& text = std::get<llm::TextPart>(cited.parts.at(0));
  EXPECT_EQ(text.text, "The note names five parcels.");
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].title, "Delivery note");
  EXPECT_EQ(text.citations[0].cited_text, "five parcels");
  EXPECT_EQ(text.citations[0].document, 0);
}

TEST(BedrockAnswer, ReadsTheForcedToolsArgumentsAsText) {
  const llm::Answer answer = Read(
      R"({"output":{"message":{"content":[{"toolUse":{"toolUseId":"a",
          "name":"triage_structured_answer","input":{"n": 5}}}]}},"stopReason":"tool_use"})");
  EXPECT_EQ(llm::TextOf(answer), R"({"n": 5})");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST(BedrockAnswer, MapsEveryReasonAndKeepsUnknownOnes) {
  const auto finish = [](const std::string& word) {
    return Read(R"({"output":{"message":{"content":[]}},"stopReason":")" + word + "\"}");
  };
  EXPECT_EQ(finish("max_tokens").finish, FinishReason::kLength);
  EXPECT_EQ(finish("guardrail_intervened").finish, FinishReason::kContentFilter);
  EXPECT_EQ(finish("content_filtered").finish, FinishReason::kContentFilter);
  EXPECT_EQ(finish("model_context_window_exceeded").finish, FinishReason::kContextExceeded);
  EXPECT_EQ(finish("malformed_tool_use").finish, FinishReason::kError);
  const llm::Answer unknown = finish("tired");
  EXPECT_EQ(unknown.finish, FinishReason::kUnknown);
  EXPECT_EQ(Read(BedrockCodec().WriteAnswer(unknown, {})).raw_finish, "tired");
  const llm::Answer guarded = finish("guardrail_intervened");
  EXPECT_EQ(Read(BedrockCodec().WriteAnswer(guarded, {})).raw_finish, "guardrail_intervened");
}

TEST(BedrockAnswer, KeepsBlocksThatOnlyBedrockHas) {
  const std::string block = R"({"video":{"format":"mp4","source":{"bytes":"aGk="}}})";
  const llm::Answer answer =
      Read(R"({"output":{"message":{"content":[)" + block + R"(]}},"stopReason":"end_turn"})");
  EXPECT_EQ(std::get<llm::OpaquePart>(answer.parts.at(0)).type, "video");
  EXPECT_THAT(BedrockCodec().WriteAnswer(answer, {}), HasSubstr(block));
}

TEST(BedrockAnswer, TakesNothingElseForAnAnswer) {
  for (const char* body :
       {"", "<html>", "[]", "{}", R"({"output":{}})", R"({"output":{"message":{"content":[{}]}}})",
        R"({"message":"Too many requests","__type":"ThrottlingException"})"}) {
    const auto read = BedrockCodec().ReadAnswer(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kUpstream) << body;
  }
}

TEST(BedrockErrors, AreReadInEverySpellingOfAws) {
  const Error error{.code = ErrorCode::kRateLimited, .message = "slow down", .detail = "secret"};
  EXPECT_EQ(BedrockCodec().WriteError(error, 429, "id"), R"({"message":"slow down"})");
  EXPECT_EQ(ParseErrorBody(429, "application/json", R"({"message":"slow down"})").message,
            "slow down");
  EXPECT_EQ(ParseErrorBody(403, "application/json", R"({"Message":"not yours"})").message,
            "not yours");
}

}  // namespace
}  // namespace triage::wire::bedrock
