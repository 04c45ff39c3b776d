#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/http_provider_test_support.h"

namespace triage::providers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(HttpProviderTest, SendsTheClientsBytesWithTheProvidersModelAndHead) {
  upstream_.script.pieces = {kAnswer};
  const Outcome out = Ask(R"(, "temperature":0.70)");
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_EQ(upstream_.target, "/v1/chat/completions");
  EXPECT_EQ(
      upstream_.body,
      R"({"model":"llama-3","messages":[{"role":"user","content":"x"}], "temperature":0.70})");
  EXPECT_EQ(upstream_.Header("Authorization"), "Bearer sk-test");
  EXPECT_EQ(upstream_.Header("Content-Type"), "application/json");
  EXPECT_EQ(upstream_.Header("Accept"), "application/json");
  EXPECT_EQ(upstream_.Header("Accept-Encoding"), "identity");
  EXPECT_EQ(upstream_.Header("X-Extra"), "1");
}

TEST_F(HttpProviderTest, GivesAWholeAnswerWithItsSummary) {
  upstream_.script.pieces = {kAnswer};
  const Outcome out = Ask();
  EXPECT_EQ(out.body, kAnswer);
  EXPECT_EQ(out.content_type, "application/json");
  EXPECT_EQ(out.length, kAnswer.size());
  EXPECT_FALSE(out.next_error);
  EXPECT_TRUE(out.summary.complete);
  EXPECT_EQ(out.summary.served_model, "llama-3-0");
  EXPECT_EQ(out.summary.usage->output, 2);
  EXPECT_GT(out.timing.first_byte.count(), 0);
}

TEST_F(HttpProviderTest, RelaysAStreamAndTakesOutItsUsage) {
  ScriptStream({": hello\n\n" + kFirst.substr(0, 9), kFirst.substr(9) + kStop, kUsage + kDone});
  const Outcome out = AskStream();
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_FALSE(out.next_error);
  EXPECT_EQ(out.body, kFirst + kStop + kDone);
  EXPECT_EQ(out.summary.usage->fresh_input, 5);
  EXPECT_TRUE(out.summary.complete);
  EXPECT_EQ(out.length, std::nullopt);
  EXPECT_THAT(upstream_.body, HasSubstr(R"("stream_options":{"include_usage":true})"));
  EXPECT_EQ(upstream_.Header("Accept"), "text/event-stream");
}

TEST_F(HttpProviderTest, FailsBeforeTheFirstByteWhenAStreamStartsBadly) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"data: {\"error\":{\"message\":\"overloaded\"}}\n\n", "overloaded"},
      {": ping\n\n", "ended before its first event"},
      {"data: [DONE]\n\n", "ended before its first event"},
      {"data: <html>\n\n", "not JSON"},
      {"garbage without end", "ended before its first event"},
  };
  for (const auto& [stream, message] : cases) {
    ScriptStream({stream});
    const Outcome out = AskStream();
    ASSERT_TRUE(out.start_error) << stream;
    EXPECT_EQ(out.start_error->code, ErrorCode::kUpstream);
    EXPECT_EQ(out.start_error->upstream_status, 200);
    EXPECT_THAT(out.start_error->message, HasSubstr(message));
  }
}

TEST_F(HttpProviderTest, ReportsAStreamThatEndsEarly) {
  for (const bool cut : {false, true}) {
    ScriptStream({kFirst, kFirst});
    upstream_.script.cut = cut;
    const Outcome out = AskStream();
    ASSERT_FALSE(out.start_error);
    EXPECT_EQ(out.body, kFirst + kFirst);
    ASSERT_TRUE(out.next_error) << cut;
    EXPECT_EQ(out.next_error->code, ErrorCode::kUpstream);
    EXPECT_THAT(out.next_error->message, HasSubstr("ended early"));
    EXPECT_FALSE(out.summary.complete);
  }
}

TEST_F(HttpProviderTest, ReportsAnErrorEventInTheMiddle) {
  ScriptStream({kFirst, "data: {\"error\":{\"message\":\"boom\"}}\n\n" + kDone});
  const Outcome out = AskStream();
  EXPECT_EQ(out.body, kFirst);
  ASSERT_TRUE(out.next_error);
  EXPECT_EQ(out.next_error->message, "boom");
}

TEST_F(HttpProviderTest, TakesAFinishWithoutDoneAsTheEndEvenWhenTheConnectionBreaks) {
  ScriptStream({kFirst, kStop});
  upstream_.script.cut = true;
  const Outcome out = AskStream();
  EXPECT_EQ(out.body, kFirst + kStop);
  EXPECT_FALSE(out.next_error);
  EXPECT_TRUE(out.summary.complete);
}

TEST_F(HttpProviderTest, MapsStatusesToErrors) {
  const std::vector<std::pair<int, ErrorCode>> cases = {
      {400, ErrorCode::kInvalidRequest}, {401, ErrorCode::kUpstream},
      {403, ErrorCode::kUpstream},       {404, ErrorCode::kInvalidRequest},
      {429, ErrorCode::kRateLimited},    {500, ErrorCode::kUpstream},
      {503, ErrorCode::kUpstream},       {302, ErrorCode::kUpstream}};
  for (const auto& [status, code] : cases) {
    upstream_.script = {.status = status, .pieces = {R"({"error":{"message":"why"}})"}};
    const Outcome out = Ask();
    ASSERT_TRUE(out.start_error) << status;
    EXPECT_EQ(out.start_error->code, code) << status;
    EXPECT_EQ(out.start_error->upstream_status, status);
    EXPECT_EQ(out.start_error->message, "why");
  }
}

TEST_F(HttpProviderTest, HandsOnRetryAfter) {
  upstream_.script = {.status = 429, .headers = {{"Retry-After", "7"}}, .pieces = {"slow down"}};
  const Outcome out = AskStream();
  ASSERT_TRUE(out.start_error);
  EXPECT_EQ(out.start_error->retry_after, 7s);
  EXPECT_EQ(out.start_error->message, "slow down");
}

TEST_F(HttpProviderTest, NeverReadsAPageAsAnAnswer) {
  upstream_.script = {.status = 502, .content_type = "text/html", .pieces = {"<html>nginx</html>"}};
  EXPECT_EQ(Ask().start_error->message, "The provider answered with status 502.");
  upstream_.script.status = 200;
  EXPECT_EQ(Ask().start_error->code, ErrorCode::kUpstream);
}

TEST_F(HttpProviderTest, RefusesAnswersThatAreNone) {
  const std::vector<Script> scripts = {
      {.pieces = {""}},
      {.pieces = {"{\"choices\":"}},
      {.pieces = {R"({"error":{"message":"in a 200"}})"}},
      {.content_type = "text/plain", .pieces = {kAnswer}},
      {.headers = {{"Content-Encoding", "gzip"}}, .pieces = {kAnswer}},
      {.headers = {{"Content-Encoding", "br"}}, .pieces = {kAnswer}},
      {.pieces = {kAnswer.substr(0, 20)}, .chunked = true, .cut = true},
      {.status = 204, .content_type = ""},
  };
  for (const Script& script : scripts) {
    upstream_.script = script;
    const Outcome out = Ask();
    ASSERT_TRUE(out.start_error) << script.content_type;
    EXPECT_EQ(out.start_error->code, ErrorCode::kUpstream) << out.start_error->message;
    EXPECT_EQ(out.start_error->upstream_status, script.status);
  }
}

TEST_F(HttpProviderTest, RefusesAWholeAnswerWhereAStreamWasAskedFor) {
  upstream_.script.pieces = {kAnswer};
  const Outcome out = AskStream();
  ASSERT_TRUE(out.start_error);
  EXPECT_THAT(out.start_error->message, HasSubstr("did not stream"));
  upstream_.script.pieces = {R"({"error":{"message":"quota"}})"};
  EXPECT_EQ(AskStream().start_error->message, "quota");
}

TEST_F(HttpProviderTest, BoundsTheAnswer) {
  options_.max_reply_bytes = 50;
  upstream_.script.pieces = {kAnswer};
  const Outcome out = Ask();
  ASSERT_TRUE(out.start_error);
  EXPECT_EQ(out.start_error->code, ErrorCode::kUpstream);
}

TEST_F(HttpProviderTest, TimesOutInFrontOfTheFirstEventAndBetweenEvents) {
  limits_.between_bytes = 50ms;
  ScriptStream({": only a comment\n\n"});
  upstream_.script.hang = true;
  const Outcome silent = AskStream();
  ASSERT_TRUE(silent.start_error);
  EXPECT_EQ(silent.start_error->code, ErrorCode::kTimeout);
  ScriptStream({kFirst});
  upstream_.script.hang = true;
  const Outcome stalled = AskStream();
  EXPECT_EQ(stalled.body, kFirst);
  ASSERT_TRUE(stalled.next_error);
  EXPECT_EQ(stalled.next_error->code, ErrorCode::kTimeout);
}

TEST_F(HttpProviderTest, TimesOutWhenOnlyCommentsComeWhereTheFirstTokenShould) {
  limits_.between_bytes = 10s;
  limits_.first_token = 60ms;
  ScriptStream(std::vector<std::string>(2000, ": still thinking\n\n"));
  const Outcome out = AskStream();
  ASSERT_TRUE(out.start_error);
  EXPECT_EQ(out.start_error->code, ErrorCode::kTimeout);
}

TEST_F(HttpProviderTest, LetsWhatFollowsTheFirstTokenTakeLonger) {
  limits_.between_bytes = 10s;
  limits_.first_token = 300ms;
  std::vector<std::string> slow = {kFirst};
  slow.insert(slow.end(), 1200, ": still thinking\n\n");
  slow.push_back(kStop + kDone);
  ScriptStream(slow);
  EXPECT_TRUE(AskStream().summary.complete);
}

TEST_F(HttpProviderTest, EndsTheWholeCallAtItsTotalHoweverManyBytesCome) {
  limits_.total = 700ms;
  std::vector<std::string> pieces = {kFirst};
  pieces.insert(pieces.end(), 2000, ": still there\n\n");
  ScriptStream(pieces);
  const Outcome out = AskStream();
  EXPECT_FALSE(out.start_error);
  ASSERT_TRUE(out.next_error);
  EXPECT_EQ(out.next_error->code, ErrorCode::kTimeout);
}

TEST_F(HttpProviderTest, IsUnavailableWhenNobodyListens) {
  server_->Drain();
  options_.origin.port = 1;
  const Outcome out = Ask();
  ASSERT_TRUE(out.start_error);
  EXPECT_EQ(out.start_error->code, ErrorCode::kUnavailable);
}

TEST_F(HttpProviderTest, EndsTheCallWhenItsScopeIsCancelled) {
  ScriptStream({kFirst});
  upstream_.script.hang = true;
  loop_.After(30ms, [this] { cancel_.Cancel(); });
  const Outcome out = AskStream();
  EXPECT_EQ(out.body, kFirst);
  ASSERT_TRUE(out.next_error);
  EXPECT_EQ(out.next_error->code, ErrorCode::kCancelled);
  loop_.RunUntil([this] { return upstream_.gone; });
}

TEST_F(HttpProviderTest, ClosesTheConnectionOfAReplyThatIsLeft) {
  ScriptStream({kFirst});
  upstream_.script.hang = true;
  leave_after_first_bytes_ = true;
  const Outcome out = AskStream();
  EXPECT_EQ(out.body, kFirst);
  loop_.RunUntil([this] { return upstream_.gone; });
}

TEST_F(HttpProviderTest, ReusesTheConnectionAfterAStreamReadToItsEnd) {
  ScriptStream({kFirst, kStop, kDone});
  AskStream();
  EXPECT_EQ(client_.idle_connections(), 1U);
  const Outcome again = AskStream();
  EXPECT_EQ(again.timing.connect.count(), 0);
  EXPECT_EQ(again.body, kFirst + kStop + kDone);
}

// A provider of another dialect than the client's.

TEST_F(HttpProviderTest, ReportsTheProvidersLimitsBesideItsRefusal) {
  upstream_.script = {.status = 429,
                      .headers = {{"anthropic-ratelimit-tokens-remaining", "0"},
                                  {"x-ratelimit-limit-requests", "5"},
                                  {"x-request-id", "r"}},
                      .pieces = {"{}"}};
  const Outcome out = Ask();
  ASSERT_TRUE(out.start_error);
  EXPECT_THAT(out.start_error->headers,
              ::testing::UnorderedElementsAre(
                  std::pair<std::string, std::string>("anthropic-ratelimit-tokens-remaining", "0"),
                  std::pair<std::string, std::string>("x-ratelimit-limit-requests", "5")));
}

TEST_F(HttpProviderTest, LeavesOutWhatTheEndpointRefusesAndSaysSo) {
  options_.profile.refuses = {"seed"};
  upstream_.script.pieces = {kAnswer};
  const Outcome out = Ask(R"(,"seed":1,"top_p":0.5)");
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_THAT(upstream_.body, Not(HasSubstr("seed")));
  EXPECT_THAT(upstream_.body, HasSubstr(R"("top_p":0.5)"));
  EXPECT_THAT(out.warnings, ::testing::ElementsAre("seed"));
}

TEST_F(HttpProviderTest, PutsTheModelIntoThePathAsOneSegmentAndHasItSigned) {
  options_.paths.generate = "/model/{model}/invoke?v=1";
  options_.signer = std::make_shared<EchoSigner>();
  model_ = "arn:x/y z%";
  upstream_.script.pieces = {kAnswer};
  const Outcome out = Ask();
  ASSERT_FALSE(out.start_error) << out.start_error->message;
  EXPECT_EQ(upstream_.target, "/v1/model/arn%3Ax%2Fy%20z%25/invoke?v=1");
  EXPECT_EQ(upstream_.Header("X-Proof"),
            "POST " + upstream_.target + " " + std::to_string(upstream_.body.size()));
}

TEST_F(HttpProviderTest, AsksStreamsAtTheirOwnPath) {
  options_.paths.stream = "/stream";
  ScriptStream({kFirst, kStop, kDone});
  AskStream();
  EXPECT_EQ(upstream_.target, "/v1/stream");
}

}  // namespace
}  // namespace triage::providers
