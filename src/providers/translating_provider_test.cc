#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/http_provider_test_support.h"

namespace triage::providers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kMessage =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-1","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":2}})";
const std::string kMessageStart =
    "event: message_start\ndata: "
    R"({"type":"message_start","message":{"id":"msg_1","model":"claude-1","usage":{"input_tokens":5,"output_tokens":1}}})"
    "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n";
const std::string kBlock =
    "event: content_block_start\ndata: "
    R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
    "\n\nevent: content_block_delta\ndata: "
    R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}})"
    "\n\nevent: content_block_stop\ndata: "
    R"({"type":"content_block_stop","index":0})"
    "\n\n";
const std::string kMessageEnd =
    "event: message_delta\ndata: "
    R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}})"
    "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const std::string kOverloaded =
    "event: error\ndata: "
    R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"
    "\n\n";

class AnthropicEndpoint : public HttpProviderTest {
 protected:
  AnthropicEndpoint() {
    options_.dialect = llm::Dialect::kAnthropic;
    options_.paths.generate = "/messages";
  }
};

TEST_F(AnthropicEndpoint, AnswersAChatClientInItsOwnShape) {
  upstream_.script.pieces = {kMessage};
  const Outcome out = Ask(R"(,"max_tokens":9,"seed":1)");
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_EQ(upstream_.target, "/v1/messages");
  EXPECT_THAT(upstream_.body, HasSubstr(R"({"model":"llama-3","max_tokens":9,"messages":[)"));
  EXPECT_THAT(out.body, HasSubstr(R"("object":"chat.completion")"));
  EXPECT_THAT(out.body, HasSubstr(R"("prompt_tokens":8,"completion_tokens":2)"));
  EXPECT_THAT(out.warnings, ::testing::ElementsAre("seed"));
  EXPECT_EQ(out.summary.served_model, "claude-1");
  EXPECT_EQ(out.summary.usage->cache_read, 3);
  EXPECT_TRUE(out.summary.complete);
}

TEST_F(AnthropicEndpoint, StreamsToAChatClientInItsOwnShape) {
  ScriptStream({kMessageStart, kBlock.substr(0, 50), kBlock.substr(50), kMessageEnd});
  const Outcome out = AskStream();
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_FALSE(out.next_error);
  EXPECT_THAT(out.body, HasSubstr(R"("delta":{"content":"hi"})"));
  EXPECT_THAT(out.body, HasSubstr(R"("finish_reason":"stop")"));
  EXPECT_THAT(out.body, Not(HasSubstr("usage")));
  EXPECT_THAT(out.body, Not(HasSubstr("message_start")));
  EXPECT_TRUE(out.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(out.summary.usage->output, 2);
  EXPECT_TRUE(out.summary.complete);
}

TEST_F(AnthropicEndpoint, RelaysItsOwnClientsStreamByteForByte) {
  client_dialect_ = llm::Dialect::kAnthropic;
  ScriptStream({kMessageStart, kBlock, kMessageEnd});
  const Outcome out = Ask(R"(,"max_tokens":9,"stream":true)");
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_EQ(out.body, kMessageStart + kBlock + kMessageEnd);
  EXPECT_EQ(out.summary.usage->fresh_input, 5);
}

TEST_F(AnthropicEndpoint, CanStillFallBackWhenTheErrorComesBehindTheMessageStart) {
  for (const llm::Dialect client : {llm::Dialect::kOpenAiChat, llm::Dialect::kAnthropic}) {
    client_dialect_ = client;
    ScriptStream({kMessageStart, kOverloaded});
    const Outcome out = Ask(R"(,"max_tokens":9,"stream":true)");
    ASSERT_TRUE(out.start_error);
    EXPECT_EQ(out.start_error->code, ErrorCode::kUpstream);
    EXPECT_EQ(out.start_error->upstream_status, 529);
    EXPECT_EQ(out.start_error->message, "Overloaded");
    EXPECT_EQ(out.body, "");
  }
}

TEST_F(AnthropicEndpoint, ReportsAnErrorBehindContentAndSaysNoEnd) {
  ScriptStream({kMessageStart + kBlock, kOverloaded + kMessageEnd});
  const Outcome out = AskStream();
  ASSERT_FALSE(out.start_error);
  ASSERT_TRUE(out.next_error);
  EXPECT_EQ(out.next_error->upstream_status, 529);
  EXPECT_THAT(out.body, HasSubstr(R"("content":"hi")"));
  EXPECT_THAT(out.body, Not(HasSubstr("[DONE]")));
  EXPECT_FALSE(out.summary.complete);
}

TEST_F(AnthropicEndpoint, IsReadWhenItsStreamIsCompressed) {
  options_.accept_encoding = "gzip";
  const std::string packed = Gzip(kMessageStart + kBlock + kMessageEnd);
  ScriptStream({packed.substr(0, 20), packed.substr(20)});
  upstream_.script.headers = {{"Content-Encoding", "gzip"}};
  const Outcome out = AskStream();
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_FALSE(out.next_error);
  EXPECT_EQ(upstream_.Header("Accept-Encoding"), "gzip");
  EXPECT_TRUE(out.body.ends_with("data: [DONE]\n\n"));
}

}  // namespace
}  // namespace triage::providers
