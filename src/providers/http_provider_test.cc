#include "providers/http_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "net/server.h"
#include "wire/client_request.h"
#include "wire/openai_chat.h"

namespace triage::providers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

// What the fake provider answers, in pieces, and what it saw.
struct Script {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<net::Header> headers = {};
  std::vector<std::string> pieces = {};
  bool chunked = false;
  bool cut = false;   ///< the connection breaks after the pieces
  bool hang = false;  ///< nothing follows the pieces until the caller leaves
};

class FakeUpstream : public net::Handler {
 public:
  explicit FakeUpstream(net::Loop& loop) : loop_(loop) {}

  Task<void> Handle(const net::HttpRequest& request, net::ResponseWriter& writer) override {
    ++requests;
    body = std::string(request.body);
    target = std::string(request.target);
    headers.clear();
    for (const net::Header& header : request.headers) {
      headers.emplace_back(std::string(header.name), std::string(header.value));
    }
    std::vector<net::Header> fields = script.headers;
    if (!script.content_type.empty()) fields.push_back({"Content-Type", script.content_type});
    if (!script.chunked) {
      std::string whole;
      for (const std::string& piece : script.pieces) whole += piece;
      const Result<void> sent = co_await writer.Send(script.status, fields, whole);
      gone = !sent;
      co_return;
    }
    const Result<void> begun = co_await writer.Begin(script.status, fields);
    gone = !begun;
    for (const std::string& piece : script.pieces) {
      const Result<void> written = co_await writer.Write(piece);
      gone = gone || !written;
      if (gone) co_return;
      co_await loop_.Sleep(1ms, nullptr);
    }
    if (script.hang) {
      co_await loop_.Sleep(5s, &writer.client_gone());
      gone = writer.client_gone().cancelled();
      co_return;
    }
    if (script.cut) {
      writer.Cut();
      co_return;
    }
    const Result<void> ended = co_await writer.End();
    gone = gone || !ended;
  }

  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }

  Script script;
  int requests = 0;
  std::string body;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  bool gone = false;

 private:
  net::Loop& loop_;
};

struct Outcome {
  std::optional<Error> start_error;
  std::optional<Error> next_error;
  std::string body;
  std::string content_type;
  std::optional<std::uint64_t> length;
  llm::ReplySummary summary;
  std::vector<std::string> warnings;
  llm::CallTiming timing;
  bool done = false;
};

std::string Gzip(std::string_view text) {
  z_stream stream{};
  TRIAGE_CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
               Z_OK);
  std::string in(text);
  std::string out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  TRIAGE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Says in a field what it was given to sign.
class EchoSigner : public Signer {
 public:
  Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                WallTime) const override {
    std::size_t bytes = 0;
    for (const std::string_view piece : request.body) bytes += piece.size();
    return std::vector<std::pair<std::string, std::string>>{
        {"X-Proof", std::string(request.method) + " " + std::string(request.target) + " " +
                        std::to_string(bytes)}};
  }
};

class HttpProviderTest : public ::testing::Test {
 protected:
  HttpProviderTest() : upstream_(loop_), client_(loop_, {}) {
    server_ = std::make_unique<net::Server>(loop_, net::ServerOptions{}, upstream_);
    const Result<std::uint16_t> port = server_->Listen();
    TRIAGE_CHECK(port.has_value());
    options_.origin = *net::Origin::Parse("http://127.0.0.1:" + std::to_string(*port) + "/v1/");
    options_.headers = {{"Authorization", "Bearer sk-test"}, {"X-Extra", "1"}};
  }

  ~HttpProviderTest() override {
    server_->CloseAll();
    loop_.After(1ms, [this] { closed_ = true; });
    loop_.RunUntil([this] { return closed_; });
  }

  Task<void> Run(HttpProvider& provider, const llm::Request& request, Outcome& out) {
    const llm::Call call{
        .request = &request, .model = model_, .limits = limits_, .cancel = &cancel_};
    Result<std::unique_ptr<llm::Reply>> started = co_await provider.Start(call, out.timing);
    if (!started) {
      out.start_error = std::move(started).error();
      out.done = true;
      co_return;
    }
    std::unique_ptr<llm::Reply> reply = std::move(*started);
    out.content_type = reply->content_type();
    out.length = reply->content_length();
    out.warnings.assign(reply->warnings().begin(), reply->warnings().end());
    while (true) {
      const Result<std::string_view> bytes = co_await reply->Next();
      if (!bytes) out.next_error = bytes.error();
      if (!bytes || bytes->empty()) break;
      out.body += *bytes;
      if (leave_after_first_bytes_) break;
    }
    out.summary = reply->summary();
    out.done = true;
  }

  Outcome Ask(std::string extra = "") {
    llm::Request request;
    request.id = "r-1";
    const auto parsed = wire::ReadClientRequest(
        client_dialect_,
        R"({"model":"auto","messages":[{"role":"user","content":"x"}])" + extra + "}", {}, request);
    TRIAGE_CHECK(parsed.has_value());
    HttpProvider provider(client_, options_);
    Outcome out;
    TaskGroup group;
    group.Spawn(Run(provider, request, out));
    loop_.RunUntil([&out] { return out.done; });
    return out;
  }

  Outcome AskStream() { return Ask(R"(,"stream":true)"); }

  void ScriptStream(std::vector<std::string> pieces) {
    upstream_.script = {
        .content_type = "text/event-stream", .pieces = std::move(pieces), .chunked = true};
  }

  net::Loop loop_;
  FakeUpstream upstream_;
  std::unique_ptr<net::Server> server_;
  net::Client client_;
  HttpProviderOptions options_;
  llm::AttemptLimits limits_;
  std::string model_ = "llama-3";
  llm::Dialect client_dialect_ = llm::Dialect::kOpenAiChat;
  CancelScope cancel_;
  bool leave_after_first_bytes_ = false;
  bool closed_ = false;
};

const std::string kAnswer =
    R"({"model":"llama-3-0","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}})";
const std::string kFirst =
    "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
const std::string kStop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

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
