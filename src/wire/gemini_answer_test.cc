#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/gemini.h"
#include "wire/gemini_test_support.h"
#include "wire/openai_chat.h"

namespace triage::wire::gemini {
namespace {

using llm::FinishReason;
using testing::HasSubstr;

llm::Answer Read(const std::string& body) {
  Result<llm::Answer> read = GeminiCodec().ReadAnswer(body);
  EXPECT_TRUE(read) << read.error().message;
  return read ? *std::move(read) : llm::Answer{};
}

std::string Finished(std::string_view word) {
  return R"({"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":")" +
         std::string(word) + R"("}]})";
}

TEST(GeminiAnswer, ReadsThinkingTextAndUsage) {
  const llm::Answer answer = Read(ReadGolden("answer.json"));
  EXPECT_EQ(answer.id, "q1w2E3r4-5_6");
  EXPECT_EQ(answer.model, "gemini-3.5-flash");
  ASSERT_EQ(answer.parts.size(), 3U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).text, "**Counting** what I see.");
  EXPECT_EQ(llm::TextOf(answer), "Five parcels stand on the ramp.");
  // The signature stands behind the text that it signs.
  EXPECT_EQ(answer.parts[2], llm::Part(llm::ThinkingPart{
                                 .signature = "c2lnLTQ=", .redacted = true, .origin = kSelf}));
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  const llm::Usage usage{.fresh_input = 212, .cache_read = 1000, .output = 9, .reasoning = 50};
  EXPECT_EQ(answer.usage, usage);
}

TEST(GeminiAnswer, SeesCallsBehindAStopAndGivesThemIds) {
  const llm::Answer answer = Read(ReadGolden("answer_tools.json"));
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
  EXPECT_EQ(answer.raw_finish, "STOP");
  ASSERT_EQ(answer.parts.size(), 3U);
  const auto& first = std::get<llm::ToolCallPart>(answer.parts[0]);
  EXPECT_EQ(first.id, "call_r1x_1");
  EXPECT_EQ(first.arguments, R"({"ramp": 1, "unit": "kg"})");
  EXPECT_EQ(first.signature, "c2lnLTU=");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[1]).id, "call_r1x_2");
  const auto& third = std::get<llm::ToolCallPart>(answer.parts[2]);
  EXPECT_EQ(third.id, "fc-9");
  EXPECT_EQ(third.arguments, "{}");
}

TEST(GeminiAnswer, SaysWhyAPromptWasBlocked) {
  const llm::Answer answer = Read(ReadGolden("answer_blocked.json"));
  EXPECT_TRUE(answer.parts.empty());
  EXPECT_EQ(answer.finish, FinishReason::kContentFilter);
  EXPECT_EQ(answer.raw_finish, "PROHIBITED_CONTENT");
  EXPECT_EQ(answer.usage->TotalInput(), 8);
}

TEST(GeminiAnswer, PlacesCitationsInCharacters) {
  const llm::Answer answer = Read(ReadGolden("answer_grounded.json"));
  const auto& text = std::get<llm::TextPart>(answer.parts.at(0));
  ASSERT_EQ(text.citations.size(), 3U);
  // "ö" and "ü" are two bytes each.
  EXPECT_EQ(text.citations[0].url, "https://example.com/koeln");
  EXPECT_EQ(text.citations[0].begin, 0);
  EXPECT_EQ(text.citations[0].end, 24);
  EXPECT_EQ(text.citations[1].title, "Rampen");
  EXPECT_EQ(text.citations[1].begin, 25);
  EXPECT_EQ(text.citations[1].end, 44);
  EXPECT_EQ(text.citations[2].cited_text, "fünf Rampen, zwei Tore");
  // And gives them back in bytes.
  llm::Answer foreign = answer;
  auto& cited = std::get<llm::TextPart>(foreign.parts[0]).citations;
  cited.erase(cited.begin());
  EXPECT_THAT(GeminiCodec().WriteAnswer(foreign, {}),
              HasSubstr(R"("citationMetadata":{"citationSources":[{"startIndex":26,"endIndex":46,)"
                        R"("uri":"https://example.com/rampen","title":"Rampen"})"));
}

TEST(GeminiAnswer, MapsEveryReasonAndKeepsUnknownOnes) {
  EXPECT_EQ(Read(Finished("MAX_TOKENS")).finish, FinishReason::kLength);
  EXPECT_EQ(Read(Finished("SAFETY")).finish, FinishReason::kContentFilter);
  EXPECT_EQ(Read(Finished("RECITATION")).finish, FinishReason::kContentFilter);
  EXPECT_EQ(Read(Finished("MALFORMED_FUNCTION_CALL")).finish, FinishReason::kError);
  const llm::Answer unknown = Read(Finished("TIRED"));
  EXPECT_EQ(unknown.finish, FinishReason::kUnknown);
  EXPECT_EQ(unknown.raw_finish, "TIRED");
  EXPECT_EQ(Read(GeminiCodec().WriteAnswer(unknown, {})).raw_finish, "TIRED");
}

TEST(GeminiAnswer, ReadsLogprobs) {
  const llm::Answer answer = Read(
      R"({"candidates":[{"content":{"parts":[{"text":"ab"}]},"finishReason":"STOP",
          "logprobsResult":{"topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5},
          {"token":"x","logProbability":-2}]},{}],
          "chosenCandidates":[{"token":"a","tokenId":5,"logProbability":-0.5},
          {"token":"b","logProbability":-0.25}]}}]})");
  ASSERT_EQ(answer.logprobs.size(), 2U);
  EXPECT_EQ(answer.logprobs[0].top.size(), 2U);
  EXPECT_EQ(answer.logprobs[0].top[1].token, "x");
  EXPECT_EQ(answer.logprobs[1].logprob, -0.25);
  EXPECT_EQ(Read(GeminiCodec().WriteAnswer(answer, {})).logprobs, answer.logprobs);
}

TEST(GeminiAnswer, KeepsPartsThatOnlyGeminiHas) {
  const std::string part = R"({"inlineData":{"mimeType":"image/png","data":"aGk="}})";
  const llm::Answer answer =
      Read(R"({"candidates":[{"content":{"parts":[)" + part + R"(]},"finishReason":"STOP"}]})");
  const auto& opaque = std::get<llm::OpaquePart>(answer.parts.at(0));
  EXPECT_EQ(opaque.type, "inlineData");
  EXPECT_EQ(opaque.json, part);
  EXPECT_THAT(GeminiCodec().WriteAnswer(answer, {}), HasSubstr(part));
}

TEST(GeminiAnswer, TakesNothingElseForAnAnswer) {
  for (const char* body :
       {"", "<html>", "[]", "{}", "7", R"({"candidates":[]})",
        R"({"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}})",
        R"([{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}])"}) {
    const auto read = GeminiCodec().ReadAnswer(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kUpstream) << body;
  }
  const auto overloaded = GeminiCodec().ReadAnswer(
      R"({"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}})");
  EXPECT_EQ(overloaded.error().upstream_status, 503);
  EXPECT_EQ(overloaded.error().message, "The model is overloaded.");
}

TEST(GeminiAnswer, IsCompleteWithoutContentWhenThinkingUsedUpTheTokens) {
  const llm::Answer answer = Read(
      R"({"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS","index":0}],
          "usageMetadata":{"promptTokenCount":5,"thoughtsTokenCount":90,"totalTokenCount":95}})");
  EXPECT_TRUE(answer.parts.empty());
  EXPECT_EQ(answer.finish, FinishReason::kLength);
  EXPECT_EQ(answer.usage->reasoning, 90);
}

TEST(GeminiErrors, HaveGooglesShape) {
  const Error error{
      .code = ErrorCode::kRateLimited, .message = "slow \"down\"", .detail = "secret"};
  EXPECT_EQ(GeminiCodec().WriteError(error, 429, "id"),
            R"({"error":{"code":429,"message":"slow \"down\"","status":"RESOURCE_EXHAUSTED"}})");
  EXPECT_THAT(GeminiCodec().WriteError(error, 413, ""), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(GeminiCodec().WriteError(error, 529, ""), HasSubstr("INTERNAL"));
  const Error back =
      ParseErrorBody(429, "application/json", GeminiCodec().WriteError(error, 429, ""));
  EXPECT_EQ(back.code, ErrorCode::kRateLimited);
  EXPECT_EQ(back.message, "slow \"down\"");
}

}  // namespace
}  // namespace triage::wire::gemini
