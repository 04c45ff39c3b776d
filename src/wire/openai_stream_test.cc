#include "wire/openai_stream.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::wire {
namespace {

using Verdict = ChatStreamScanner::Verdict;

constexpr std::string_view kFirst =
    R"({"id":"c","object":"chat.completion.chunk","model":"llama-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})";
constexpr std::string_view kText =
    R"({"id":"c","choices":[{"index":0,"delta":{"content":" say \"usage\":1 \"error\":2"},"finish_reason":null}],"usage":null})";
constexpr std::string_view kStop =
    R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
constexpr std::string_view kUsage =
    R"({"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}})";

TEST(ChatStreamScanner, FollowsAnOrdinaryStream) {
  ChatStreamScanner scanner(true);
  EXPECT_FALSE(scanner.begun());
  for (std::string_view data : {kFirst, kText, kStop, kUsage, std::string_view("[DONE]")}) {
    EXPECT_EQ(scanner.OnData(data), Verdict::kRelay);
  }
  EXPECT_TRUE(scanner.begun());
  EXPECT_EQ(scanner.summary().served_model, "llama-1");
  EXPECT_EQ(scanner.summary().finish, llm::FinishReason::kStop);
  EXPECT_TRUE(scanner.summary().complete);
  ASSERT_TRUE(scanner.summary().usage);
  EXPECT_EQ(scanner.summary().usage->fresh_input, 9);
  EXPECT_EQ(scanner.summary().usage->output, 4);
}

TEST(ChatStreamScanner, DropsOnlyTheUsageChunkNobodyAskedFor) {
  ChatStreamScanner scanner(false);
  EXPECT_EQ(scanner.OnData(kFirst), Verdict::kRelay);
  EXPECT_EQ(scanner.OnData(kStop), Verdict::kRelay);
  EXPECT_EQ(scanner.OnData(kUsage), Verdict::kDrop);
  EXPECT_EQ(scanner.OnData(R"({"usage":{"prompt_tokens":9,"completion_tokens":5}})"),
            Verdict::kDrop);
  EXPECT_EQ(scanner.OnData("[DONE]"), Verdict::kRelay);
  EXPECT_EQ(scanner.summary().usage->output, 5);
}

TEST(ChatStreamScanner, RelaysUsageThatComesWithChoices) {
  ChatStreamScanner scanner(false);
  scanner.OnData(kFirst);
  EXPECT_EQ(
      scanner.OnData(
          R"({"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})"),
      Verdict::kRelay);
  EXPECT_EQ(scanner.summary().usage->output, 2);
  EXPECT_EQ(scanner.summary().finish, llm::FinishReason::kLength);
}

TEST(ChatStreamScanner, KeepsTheLastUsageFieldByField) {
  ChatStreamScanner scanner(false);
  scanner.OnData(
      R"({"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":10,"completion_tokens":1}})");
  scanner.OnData(
      R"({"choices":[{"delta":{"content":"b"}}],"usage": {"prompt_tokens":null,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}})");
  scanner.OnData(R"({"choices":[{"delta":{"content":"c"}}],"usage" : {"completion_tokens":3}})");
  scanner.OnData(R"({"choices":[],"usage":null})");
  const llm::Usage expected{.fresh_input = 6, .cache_read = 4, .output = 3};
  EXPECT_EQ(scanner.summary().usage, expected);
}

TEST(ChatStreamScanner, FindsUsageAfterTheFinish) {
  ChatStreamScanner scanner(true);
  scanner.OnData(kFirst);
  scanner.OnData(kStop);
  EXPECT_TRUE(scanner.summary().complete);
  scanner.OnData("[DONE]");
  EXPECT_EQ(scanner.OnData(kUsage), Verdict::kRelay);
  EXPECT_TRUE(scanner.summary().usage.has_value());
}

TEST(ChatStreamScanner, FailsOnErrorEventsInEveryForm) {
  for (
      std::string_view data :
      {std::string_view(R"({"error":{"message":"overloaded","type":"x"}})"),
       std::string_view(R"({"error" : "overloaded"})"),
       std::string_view(
           R"({"id":"c","choices":[{"delta":{},"finish_reason":"error"}],"error":{"message":"overloaded"}})")}) {
    ChatStreamScanner scanner(false);
    scanner.OnData(kFirst);
    EXPECT_EQ(scanner.OnData(data), Verdict::kFail) << data;
    EXPECT_EQ(scanner.error().message, "overloaded");
    EXPECT_EQ(scanner.error().code, ErrorCode::kUpstream);
    EXPECT_FALSE(scanner.summary().complete);
  }
  ChatStreamScanner scanner(false);
  scanner.OnData(kFirst);
  EXPECT_EQ(
      scanner.OnData(
          R"({"choices":[{"delta":{},"finish_reason":"stop","native_finish_reason":"error"}]})"),
      Verdict::kFail);
}

TEST(ChatStreamScanner, FailsOnGarbage) {
  for (std::string_view data :
       {std::string_view("<html>"), std::string_view(""), std::string_view("{\"a\":"),
        std::string_view("[1]"), std::string_view("hello")}) {
    ChatStreamScanner first(false);
    EXPECT_EQ(first.OnData(data), Verdict::kFail) << data;
    ChatStreamScanner later(false);
    later.OnData(kFirst);
    EXPECT_EQ(later.OnData(data), Verdict::kFail) << data;
  }
}

TEST(ChatStreamScanner, KeepsUnknownFinishReasonsHarmless) {
  ChatStreamScanner scanner(false);
  scanner.OnData(kFirst);
  EXPECT_EQ(scanner.OnData(R"({"choices":[{"delta":{},"finish_reason":"pause_turn"}]})"),
            Verdict::kRelay);
  EXPECT_EQ(scanner.summary().finish, llm::FinishReason::kUnknown);
  EXPECT_TRUE(scanner.summary().complete);
}

TEST(ChatStreamScanner, FindsTheKeysAtEveryOffset) {
  for (std::size_t pad = 0; pad < 40; ++pad) {
    ChatStreamScanner scanner(false);
    scanner.OnData(kFirst);
    const std::string data =
        "{\"p\":\"" + std::string(pad, 'x') +
        "\",\"choices\":[],\"usage\":{\"prompt_tokens\":" + std::to_string(pad) + "}}";
    EXPECT_EQ(scanner.OnData(data), Verdict::kDrop) << pad;
    EXPECT_EQ(scanner.summary().usage->fresh_input, static_cast<std::int64_t>(pad));
  }
}

TEST(ChatStreamScanner, IsNotCompleteBeforeAFinish) {
  ChatStreamScanner scanner(false);
  scanner.OnData(kFirst);
  scanner.OnData(kText);
  EXPECT_FALSE(scanner.summary().complete);
  EXPECT_FALSE(scanner.summary().usage.has_value());
}

TEST(ChatStreamScanner, KnowsWhetherAnUnterminatedEventIsWhole) {
  EXPECT_TRUE(ChatStreamScanner::IsWhole("[DONE]"));
  EXPECT_TRUE(ChatStreamScanner::IsWhole(kStop));
  EXPECT_FALSE(ChatStreamScanner::IsWhole("[DON"));
  EXPECT_FALSE(ChatStreamScanner::IsWhole(kStop.substr(0, kStop.size() - 1)));
}

}  // namespace
}  // namespace triage::wire
