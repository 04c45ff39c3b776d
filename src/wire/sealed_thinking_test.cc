#include "wire/sealed_thinking.h"

#include <string>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/client_request.h"
#include "wire/codec.h"

namespace triage::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

llm::ThinkingPart Unsealed(std::string_view text) {
  llm::ThinkingPart thinking{.origin = llm::Dialect::kAnthropic};
  Unseal(text, thinking);
  return thinking;
}

TEST(SealedThinking, ComesBackByteForByteWithItsOrigin) {
  for (const std::string_view signature : {"EqQB+/=.x", "", ".", "triage.gemini.a"}) {
    const llm::ThinkingPart back = Unsealed(Sealed(llm::Dialect::kOpenAiResponses, signature));
    EXPECT_EQ(back.signature, signature);
    EXPECT_EQ(back.origin, llm::Dialect::kOpenAiResponses);
  }
}

TEST(SealedThinking, LeavesWhatIsNoSealAsItIs) {
  for (const std::string_view text : {"", "EqQB", "triage.", "triage.gemini", "triage.nobody.x"}) {
    EXPECT_EQ(Unsealed(text).signature, text);
    EXPECT_EQ(Unsealed(text).origin, llm::Dialect::kAnthropic);
  }
}

std::string AnthropicTurns(std::string_view thinking) {
  return fmt::format(
      R"({{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}},)"
      R"({{"role":"assistant","content":[{},{{"type":"tool_use","id":"call_1","name":"f","input":{{}}}}]}},)"
      R"({{"role":"user","content":[{{"type":"tool_result","tool_use_id":"call_1","content":"b"}}]}}]}})",
      thinking);
}

bool Rewritten(llm::Dialect dialect, std::string body) {
  llm::Request request;
  const Result<void> read = ReadClientRequest(dialect, std::move(body), {}, request);
  EXPECT_TRUE(read) << read.error().message;
  return request.rewrite;
}

TEST(SealedThinking, IsNotSentOnToItsClientsDialectAsItCame) {
  const auto anthropic = [](std::string_view thinking) {
    return Rewritten(llm::Dialect::kAnthropic, AnthropicTurns(thinking));
  };
  EXPECT_TRUE(anthropic(R"({"type":"thinking","thinking":"hm","signature":""})"));
  EXPECT_TRUE(anthropic(R"({"type":"thinking","thinking":"hm","signature":"triage.gemini.x"})"));
  EXPECT_TRUE(anthropic(R"({"type":"redacted_thinking","data":"triage.openai_responses.x"})"));
  EXPECT_FALSE(anthropic(R"({"type":"thinking","thinking":"hm","signature":"EqoB"})"));
  EXPECT_FALSE(anthropic(R"({"type":"redacted_thinking","data":"EqoB"})"));

  const auto responses = [](std::string_view encrypted) {
    return Rewritten(
        llm::Dialect::kOpenAiResponses,
        fmt::format(
            R"({{"model":"m","input":[{{"role":"user","content":"a"}},{{"type":"reasoning","summary":[],"encrypted_content":"{}"}}]}})",
            encrypted));
  };
  EXPECT_TRUE(responses("triage.anthropic.x"));
  EXPECT_FALSE(responses("gAAA"));
}

/// What a provider of `provider` is asked when an Anthropic client hands `answer` back, which came
/// from a provider of `from`.
WrittenRequest SecondTurn(llm::Dialect from, std::string_view answer, llm::Dialect provider) {
  const Codec& client = CodecOf(llm::Dialect::kAnthropic);
  const Result<llm::Answer> read = CodecOf(from).ReadAnswer(answer);
  EXPECT_TRUE(read) << read.error().message;
  const std::string shown = client.WriteAnswer(*read, {.id = "x", .model = "m"});
  const std::size_t begin = shown.find("\"content\":[") + std::string_view("\"content\":[").size();
  const std::size_t end = shown.find(R"(,{"type":"tool_use")", begin);
  EXPECT_NE(end, std::string::npos) << shown;
  const Result<llm::Conversation> back =
      client.ReadRequest(AnthropicTurns(shown.substr(begin, end - begin)), {});
  EXPECT_TRUE(back) << back.error().message;
  return CodecOf(provider).WriteRequest(*back, "m", {}).value();
}

TEST(SealedThinking, ReachesItsOwnProviderThroughAnthropicsClients) {
  constexpr std::string_view kAnswer =
      R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[)"
      R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA+/=."},)"
      R"({"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"}]})";
  const WrittenRequest own =
      SecondTurn(llm::Dialect::kOpenAiResponses, kAnswer, llm::Dialect::kOpenAiResponses);
  EXPECT_THAT(own.body, HasSubstr(R"("encrypted_content":"gAAA+/=.")"));
  const WrittenRequest other =
      SecondTurn(llm::Dialect::kOpenAiResponses, kAnswer, llm::Dialect::kAnthropic);
  EXPECT_THAT(other.body, Not(HasSubstr("gAAA")));
  EXPECT_THAT(other.warnings, ::testing::Contains("thinking of another provider"));
}

}  // namespace
}  // namespace triage::wire
