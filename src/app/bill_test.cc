// A bill: answers as providers send them, with usage objects from their public references, read by
// the codecs that read them in service and priced by the configuration that ships. The totals were
// computed by hand, as the comments show, in micro-dollars (tokens × USD per million).
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "app/snapshot.h"
#include "config/load.h"
#include "observe/metrics.h"
#include "pipeline/snapshot.h"
#include "prices/model_prices.h"
#include "wire/codec.h"

namespace triage::app {
namespace {

constexpr WallTime kNovember = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 24));
constexpr WallTime kSeptember = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 9 / 30));

/// Models with the catalogue's prices, and two whose prices are given here.
constexpr std::string_view kConfig = R"(
providers: {p: {base_url: 'http://127.0.0.1:1/v1', api_key: k}}
models:
  gpt-4o: {provider: p, model: gpt-4o-2024-08-06}
  sol: {provider: p, model: gpt-6-sol}
  luna: {provider: p, model: gpt-6-luna}
  haiku: {provider: p, model: claude-haiku-5-5}
  sonnet: {provider: p, model: claude-sonnet-5-5}
  sonnet45: {provider: p, model: claude-sonnet-4-5-20250929}
  oss: {provider: p, model: openai/gpt-oss-20b}
  gemini:
    provider: p
    model: gemini-2.5-pro
    prices: {input: 1.25, output: 10, cache_read: 0.125, batch: 0.5,
             long_context: {above: 200000, input: 2.50, output: 15, cache_read: 0.25}}
  searcher: {provider: p, model: sonar, prices: {input: 1, output: 1, per_request: 0.005, per_image: 0.001}}
tiers: [{name: t, chain: [gpt-4o]}]
)";

class Bill : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const config::LoadResult loaded =
        config::Parse(kConfig, "bill", [](std::string_view) { return std::nullopt; }, ".");
    ASSERT_TRUE(loaded.ok());
    static observe::Registry registry;
    snapshot_ = BuildSnapshot(loaded.config, registry, nullptr).value();
  }

  static std::optional<NanoDollars> Cost(std::string_view model, llm::Dialect dialect,
                                         const std::string& answer, prices::Terms terms = {},
                                         WallTime time = kNovember) {
    const Result<llm::Answer> read = wire::CodecOf(dialect).ReadAnswer(answer);
    if (!read || !read->usage) return std::nullopt;
    const int index = snapshot_->ModelIndex(model);
    return prices::Cost(snapshot_->models[static_cast<std::size_t>(index)].prices.At(time),
                        *read->usage, terms);
  }

  static std::shared_ptr<const pipeline::Snapshot> snapshot_;
};

std::shared_ptr<const pipeline::Snapshot> Bill::snapshot_;

std::string OpenAiChat(std::string_view usage) {
  return R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
         R"("message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":)" +
         std::string(usage) + "}";
}

std::string Anthropic(std::string_view usage) {
  return R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",)"
         R"("text":"x"}],"stop_reason":"end_turn","stop_sequence":null,"usage":)" +
         std::string(usage) + "}";
}

// OpenAI's guide to prompt caching: the cached tokens are among prompt_tokens, and reasoning is
// among completion_tokens.
constexpr std::string_view kOpenAiCached =
    R"({"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,)"
    R"("prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},)"
    R"("completion_tokens_details":{"reasoning_tokens":128,"audio_tokens":0,)"
    R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})";

TEST_F(Bill, OfOpenAiChatWithCachedAndReasoningTokens) {
  // fresh 2006 − 1920 = 86 × 2.50 =   215
  // cached               1920 × 1.25 = 2,400
  // output and reasoning  300 × 10   = 3,000   together 5,615 µ$
  EXPECT_EQ(Cost("gpt-4o", llm::Dialect::kOpenAiChat, OpenAiChat(kOpenAiCached)),
            NanoDollars(5'615'000));
}

TEST_F(Bill, OfOpenAiResponsesInABatch) {
  // 75 × 2.00 = 150; (162 + 1024 reasoning) 1186 × 10 = 11,860; together 12,010; half of it 6,005
  // µ$.
  const std::string answer =
      R"({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[)"
      R"({"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[)"
      R"({"type":"output_text","text":"x","annotations":[]}]}],"usage":{"input_tokens":75,)"
      R"("input_tokens_details":{"cached_tokens":0},"output_tokens":1186,)"
      R"("output_tokens_details":{"reasoning_tokens":1024},"total_tokens":1261}})";
  EXPECT_EQ(Cost("sol", llm::Dialect::kOpenAiResponses, answer, {.batch = true}),
            NanoDollars(6'005'000));
  EXPECT_EQ(Cost("sol", llm::Dialect::kOpenAiResponses, answer), NanoDollars(12'010'000));
}

TEST_F(Bill, OfOpenAiAboveTheLongContextThreshold) {
  // 300,000 > 272,000: fresh 20,000 × 0.20 = 4,000; cached 280,000 × 0.02 = 5,600;
  // output 1,001 × 0.75 = 750.75; together 10,350.75 µ$.
  EXPECT_EQ(
      Cost("luna", llm::Dialect::kOpenAiChat,
           OpenAiChat(R"({"prompt_tokens":300000,"completion_tokens":1001,"total_tokens":301001,)"
                      R"("prompt_tokens_details":{"cached_tokens":280000}})")),
      NanoDollars(10'350'750));
}

// Anthropic's guide to prompt caching: input_tokens is what was neither read nor written, and the
// writes are divided by how long they are kept.
constexpr std::string_view kAnthropicCached =
    R"({"input_tokens":2048,"cache_read_input_tokens":1800,"cache_creation_input_tokens":248,)"
    R"("cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},)"
    R"("output_tokens":503,"service_tier":"standard"})";

TEST_F(Bill, OfAnthropicWithCacheReadsAndBothKindsOfWrites) {
  // 2048 × 2 = 4,096; 1800 × 0.10 = 180; 148 × 2.50 = 370; 100 × 4 = 400; 503 × 10 = 5,030;
  // together 10,076 µ$.
  EXPECT_EQ(Cost("sonnet", llm::Dialect::kAnthropic, Anthropic(kAnthropicCached)),
            NanoDollars(10'076'000));
}

TEST_F(Bill, OfTheSameTokensBeforeAPriceChangeIsThatOfItsTime) {
  // Reads cost 0.20 until 2026-10-07: 1800 × 0.20 = 360 in place of 180: 10,256 µ$.
  EXPECT_EQ(Cost("sonnet", llm::Dialect::kAnthropic, Anthropic(kAnthropicCached), {}, kSeptember),
            NanoDollars(10'256'000));
}

TEST_F(Bill, OfAnthropicsBatchIsHalfOfEverything) {
  EXPECT_EQ(Cost("sonnet", llm::Dialect::kAnthropic, Anthropic(kAnthropicCached), {.batch = true}),
            NanoDollars(5'038'000));
}

TEST_F(Bill, OfAnthropicsLongPromptsCountsWhatTheCacheGaveAndTook) {
  // 10,000 + 80,000 read + 20,000 written = 110,000 > 100,000, so that all is charged as long:
  // 10,000 × 0.50 = 5,000; 80,000 × 0.05 = 4,000; 20,000 × 0.625 = 12,500; output of which thinking
  // 1,000 × 2.50 = 2,500; together 24,000 µ$.
  EXPECT_EQ(Cost("haiku", llm::Dialect::kAnthropic,
                 Anthropic(R"({"input_tokens":10000,"cache_read_input_tokens":80000,)"
                           R"("cache_creation_input_tokens":20000,"output_tokens":1000,)"
                           R"("output_tokens_details":{"thinking_tokens":600}})")),
            NanoDollars(24'000'000));
}

TEST_F(Bill, OfGroqWithItsOwnTimesAndCachedTokens) {
  // Groq's guide to prompt caching. 4641 − 4608 = 33 × 0.075 = 2.475; 4608 × 0.0375 = 172.8;
  // 1817 × 0.30 = 545.1; together 720.375 µ$. In a batch 360.1875 µ$, rounded half-up 360,188 n$.
  const std::string answer = OpenAiChat(
      R"({"queue_time":0.026,"prompt_tokens":4641,"prompt_time":0.009,"completion_tokens":1817,)"
      R"("completion_time":5.57,"total_tokens":6458,"total_time":5.58,)"
      R"("prompt_tokens_details":{"cached_tokens":4608},)"
      R"("completion_tokens_details":{"reasoning_tokens":1310}})");
  EXPECT_EQ(Cost("oss", llm::Dialect::kOpenAiChat, answer), NanoDollars(720'375));
  EXPECT_EQ(Cost("oss", llm::Dialect::kOpenAiChat, answer, {.batch = true}), NanoDollars(360'188));
}

TEST_F(Bill, OfGeminiWithACachedContextAndThoughts) {
  // Google's guide to context caching: the prompt includes the cached content, thoughts are beside
  // the candidates. 696,219 > 200,000: 29 × 2.50 = 72.5; 696,190 × 0.25 = 174,047.5;
  // (214 + 1,200) × 15 = 21,210; together 195,330 µ$.
  const std::string answer =
      R"({"candidates":[{"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"STOP",)"
      R"("index":0}],"usageMetadata":{"promptTokenCount":696219,"cachedContentTokenCount":696190,)"
      R"("candidatesTokenCount":214,"thoughtsTokenCount":1200,"totalTokenCount":697633},)"
      R"("modelVersion":"m","responseId":"r"})";
  EXPECT_EQ(Cost("gemini", llm::Dialect::kGemini, answer), NanoDollars(195'330'000));
  EXPECT_EQ(Cost("gemini", llm::Dialect::kGemini, answer, {.batch = true}),
            NanoDollars(97'665'000));
}

TEST_F(Bill, OfBedrockWithCacheDetails) {
  // inputTokens is without what the cache read and wrote; cacheDetails divides the writes.
  // 4 × 3 = 12; 1,400 × 0.30 = 420; 30 × 3.75 = 112.5; 300 × 6 = 1,800; 392 × 15 = 5,880;
  // together 8,224.5 µ$.
  const std::string answer =
      R"({"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn",)"
      R"("usage":{"inputTokens":4,"outputTokens":392,"totalTokens":2126,"cacheReadInputTokens":1400,)"
      R"("cacheWriteInputTokens":330,"cacheDetails":[{"ttl":"1h","inputTokens":300},)"
      R"({"ttl":"5m","inputTokens":30}]},"metrics":{"latencyMs":1}})";
  EXPECT_EQ(Cost("sonnet45", llm::Dialect::kBedrock, answer), NanoDollars(8'224'500));
}

TEST_F(Bill, OfAModelThatChargesRequestsAndImages) {
  // 5,000 for the request, 2 × 1,000 for the images, (10 + 5) × 1; together 7,015 µ$.
  EXPECT_EQ(Cost("searcher", llm::Dialect::kOpenAiChat,
                 OpenAiChat(R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15})"),
                 {.images = 2}),
            NanoDollars(7'015'000));
}

TEST_F(Bill, OfAnAnswerWithoutUsageIsUnknownAndNotZero) {
  EXPECT_EQ(Cost("sol", llm::Dialect::kOpenAiChat, OpenAiChat("null")), std::nullopt);
}

TEST_F(Bill, OfABatchIsUnknownWhereNoShareIs) {
  EXPECT_EQ(Cost("searcher", llm::Dialect::kOpenAiChat,
                 OpenAiChat(R"({"prompt_tokens":10,"completion_tokens":5})"), {.batch = true}),
            std::nullopt);
}

TEST_F(Bill, OfAStreamIsThatOfItsLastUsage) {
  // message_start counts the prompt and a first token of output; message_delta's output is the
  // whole. 472 × 2 = 944; 4096 × 0.10 = 409.6; 89 × 10 = 890; together 2,243.6 µ$.
  const auto reader = wire::CodecOf(llm::Dialect::kAnthropic).NewStreamReader();
  llm::AnswerBuilder builder;
  const auto take = [&](std::string_view name, std::string_view data) {
    std::vector<llm::StreamEvent> events;
    ASSERT_TRUE(reader->OnEvent(name, data, events).has_value()) << data;
    for (const llm::StreamEvent& event : events) builder.Add(event);
  };
  take(
      "message_start",
      R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",)"
      R"("content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":472,)"
      R"("cache_read_input_tokens":4096,"cache_creation_input_tokens":0,"output_tokens":2}}})");
  take("message_delta",
       R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},)"
       R"("usage":{"output_tokens":89}})");
  take("message_stop", R"({"type":"message_stop"})");
  ASSERT_TRUE(builder.answer().usage);
  const int index = snapshot_->ModelIndex("sonnet");
  EXPECT_EQ(prices::Cost(snapshot_->models[static_cast<std::size_t>(index)].prices.At(kNovember),
                         *builder.answer().usage),
            NanoDollars(2'243'600));
}

}  // namespace
}  // namespace triage::app
