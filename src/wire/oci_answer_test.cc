#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/oci_test_support.h"

namespace triage::wire::oci {
namespace {

using llm::Answer;
using nlohmann::json;

Answer Read(std::string_view body) {
  Result<Answer> read = OciCodec().ReadAnswer(body);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message + read.error().detail);
  return read.value_or(Answer{});
}

std::string Finishing(std::string_view word) {
  return R"({"modelId":"m","chatResponse":{"choices":[{"finishReason":")" + std::string(word) +
         R"("}]}})";
}

TEST(OciAnswer, EveryFieldIsReadIntoItsPlace) {
  const Answer answer = Read(ReadGolden("answer.json"));
  EXPECT_EQ(answer.model, "meta.llama-3.3-70b-instruct");
  EXPECT_EQ(answer.created, 1772600767);  // date -d 2026-03-04T05:06:07Z +%s
  EXPECT_EQ(TextOf(answer), "There are seventeen parcels.");
  EXPECT_EQ(answer.finish, llm::FinishReason::kStop);
  EXPECT_EQ(answer.raw_finish, "stop");
  ASSERT_TRUE(answer.usage);
  EXPECT_EQ(answer.usage->fresh_input, 14);
  EXPECT_EQ(answer.usage->cache_read, 16);
  EXPECT_EQ(answer.usage->output, 5);
  EXPECT_EQ(answer.usage->reasoning, 4);
  EXPECT_EQ(answer.service_tier, "default");
  ASSERT_EQ(answer.logprobs.size(), 2U);
  EXPECT_EQ(answer.logprobs[0].token, "There");
  EXPECT_EQ(answer.logprobs[1].logprob, -1.5);
  ASSERT_EQ(answer.logprobs[0].top.size(), 2U);
  EXPECT_EQ(answer.logprobs[0].top[0].token, "There") << "most probable first";
  EXPECT_EQ(answer.logprobs[0].top[1].logprob, -2.5);
}

TEST(OciAnswer, ThinkingCallsAndCitationsAreParts) {
  const Answer answer = Read(ReadGolden("answer_tools.json"));
  ASSERT_EQ(answer.parts.size(), 4U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(answer.parts[0]).text, "The tools know.");
  const auto& text = std::get<llm::TextPart>(answer.parts[1]);
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].title, "Manual");
  EXPECT_EQ(text.citations[0].url, "https://docs.example/m");
  EXPECT_EQ(text.citations[0].begin, 4);
  EXPECT_EQ(text.citations[0].end, 14);
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[2]).arguments, R"({"dock":2})");
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer.parts[3]).arguments, "{}") << "never empty";
  EXPECT_EQ(answer.finish, llm::FinishReason::kToolCalls);
  EXPECT_EQ(answer.usage->TotalInput(), 12) << "told at the choice";
}

TEST(OciAnswer, AModelThatOnlyThoughtGivesAnEmptyAnswer) {
  const Answer answer = Read(ReadGolden("answer_nothing_said.json"));
  EXPECT_TRUE(answer.parts.empty());
  EXPECT_EQ(answer.finish, llm::FinishReason::kLength);
  EXPECT_EQ(answer.usage->output, 0);
  EXPECT_EQ(answer.usage->reasoning, 64);
}

TEST(OciAnswer, AbsentUsageIsNotZero) {
  EXPECT_FALSE(Read(Finishing("stop")).usage);
}

TEST(OciAnswer, FinishWordsOfAllModelsAreKnownAndOthersSurvive) {
  using llm::FinishReason;
  for (const auto& [word, reason] : std::vector<std::pair<std::string, FinishReason>>{
           {"stop", FinishReason::kStop},
           {"COMPLETE", FinishReason::kStop},
           {"length", FinishReason::kLength},
           {"MAX_TOKENS", FinishReason::kLength},
           {"tool_calls", FinishReason::kToolCalls},
           {"TOOL_CALL", FinishReason::kToolCalls},
           {"content_filter", FinishReason::kContentFilter},
           {"ERROR", FinishReason::kError},
           {"tired", FinishReason::kUnknown}}) {
    const Answer answer = Read(Finishing(word));
    EXPECT_EQ(answer.finish, reason) << word;
    EXPECT_EQ(answer.raw_finish, word);
    EXPECT_EQ(Read(OciCodec().WriteAnswer(answer, {})).raw_finish, word);
  }
}

TEST(OciAnswer, ReasonsThatItHasNoWordForBecomeTheNearest) {
  Answer answer;
  answer.finish = llm::FinishReason::kRefusal;
  answer.raw_finish = "refusal";
  EXPECT_EQ(Read(OciCodec().WriteAnswer(answer, {})).raw_finish, "content_filter");
  answer.finish = llm::FinishReason::kPause;
  answer.raw_finish = "pause_turn";
  EXPECT_EQ(Read(OciCodec().WriteAnswer(answer, {})).raw_finish, "stop");
}

TEST(OciAnswer, GarbageIsTheProvidersFault) {
  for (const std::string body :
       {"", "<html>", "[]", "{}", R"({"chatResponse":{}})", R"({"chatResponse":{"choices":[]}})",
        R"({"chatResponse":{"choices":[{"message":{"content":"text"}}]}})",
        R"({"chatResponse":{"choices":[{"message":{"toolCalls":[{}]}}]}})"}) {
    Result<Answer> read = OciCodec().ReadAnswer(body);
    ASSERT_FALSE(read.has_value()) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kUpstream) << body;
  }
  Result<Answer> error = OciCodec().ReadAnswer(R"({"code":"X","message":"No capacity"})");
  EXPECT_EQ(error.error().message, "No capacity");
}

TEST(OciAnswer, AWrittenAnswerIsWhatTheReferenceShows) {
  const json wanted = json::parse(ReadGolden("answer.json"));
  const json written = json::parse(
      OciCodec().WriteAnswer(Read(ReadGolden("answer.json")), {.id = "", .model = "other"}));
  EXPECT_EQ(written["modelId"], wanted["modelId"]);
  const json& choice = written["chatResponse"]["choices"][0];
  EXPECT_EQ(choice["message"]["content"],
            wanted["chatResponse"]["choices"][0]["message"]["content"]);
  EXPECT_EQ(choice["finishReason"], "stop");
  EXPECT_EQ(written["chatResponse"]["apiFormat"], "GENERIC");
  EXPECT_EQ(written["chatResponse"]["timeCreated"], "2026-03-04T05:06:07.000Z");
  EXPECT_EQ(written["chatResponse"]["usage"]["totalTokens"], 39);
  const json nameless = json::parse(
      OciCodec().WriteAnswer({}, {.id = "", .model = "xai.grok-4", .created = 1772600767}));
  EXPECT_EQ(nameless["modelId"], "xai.grok-4");
  EXPECT_EQ(nameless["chatResponse"]["timeCreated"], "2026-03-04T05:06:07.000Z");
}

TEST(OciAnswer, WhatTheDialectCanExpressComesBackAsItWas) {
  Invention some(7);
  for (int round = 0; round < 500; ++round) {
    Answer answer;
    answer.model = some.Word();
    answer.created = 1'700'000'000 + static_cast<std::int64_t>(some.Below(100'000'000));
    answer.parts = some.Said();
    answer.finish = some.Sometimes() ? llm::FinishReason::kStop : llm::FinishReason::kLength;
    answer.raw_finish = answer.finish == llm::FinishReason::kStop ? "stop" : "length";
    if (some.Sometimes()) answer.usage = some.Usage();
    if (some.Sometimes()) answer.service_tier = "auto";
    for (std::size_t i = some.Below(3); i > 0; --i) {
      llm::TokenLogprob token{.token = some.Text(), .logprob = -0.125 * static_cast<double>(i)};
      token.top = {{.token = "a" + some.Word(), .logprob = -0.1},
                   {.token = "b" + some.Text(), .logprob = -2.7}};
      answer.logprobs.push_back(std::move(token));
    }
    const std::string written = OciCodec().WriteAnswer(answer, {});
    ASSERT_EQ(Read(written), answer) << written;
  }
}

TEST(OciAnswer, ErrorsHaveOcisShapeAndWords) {
  Error error{.code = ErrorCode::kRateLimited, .message = "Slow \"down\".", .detail = "secret"};
  EXPECT_EQ(OciCodec().WriteError(error, 429, "id"),
            R"({"code":"TooManyRequests","message":"Slow \"down\"."})");
  EXPECT_EQ(json::parse(OciCodec().WriteError(error, 401, ""))["code"], "NotAuthenticated");
  EXPECT_EQ(json::parse(OciCodec().WriteError(error, 404, ""))["code"], "NotAuthorizedOrNotFound");
  EXPECT_EQ(json::parse(OciCodec().WriteError(error, 422, ""))["code"], "InvalidParameter");
  EXPECT_EQ(json::parse(OciCodec().WriteError(error, 502, ""))["code"], "InternalServerError");
}

}  // namespace
}  // namespace triage::wire::oci
