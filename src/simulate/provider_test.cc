#include "simulate/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace triage::simulate {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

/// Keeps what a handler sends.
class RecordingWriter : public net::ResponseWriter {
 public:
  Task<Result<void>> Send(int status, std::span<const net::Header> headers,
                          std::string_view body) override {
    Keep(status, headers);
    body_ = body;
    ended_ = true;
    co_return Result<void>{};
  }

  Task<Result<void>> Begin(int status, std::span<const net::Header> headers) override {
    Keep(status, headers);
    co_return Result<void>{};
  }

  Task<Result<void>> Write(std::string_view bytes) override {
    body_ += bytes;
    ++writes_;
    if (cancel_after_ > 0 && writes_ == cancel_after_) gone_.Cancel();
    co_return Result<void>{};
  }

  void KeepAlive(std::chrono::milliseconds, std::string_view) override {}

  Task<Result<void>> End() override {
    ended_ = true;
    co_return Result<void>{};
  }

  void Cut() override { cut_ = true; }

  CancelScope& client_gone() override { return gone_; }

  bool begun() const override { return status_ != 0; }

  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers_) {
      if (key == name) return value;
    }
    return "";
  }

  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  int writes_ = 0;
  int cancel_after_ = 0;
  bool ended_ = false;
  bool cut_ = false;
  CancelScope gone_;

 private:
  void Keep(int status, std::span<const net::Header> headers) {
    status_ = status;
    for (const net::Header& header : headers) headers_.emplace_back(header.name, header.value);
  }
};

const std::string kText =
    "Grüße aus der Schweiz: vier Wörter, mit 😀 und \"Zitat\".\nZweite Zeile.";

class SimulatedProviders : public testing::Test {
 protected:
  void Make(std::vector<std::string> faults = {}) {
    std::vector<FaultRule> rules;
    for (const std::string& text : faults) rules.push_back(*ParseFaultRule(text));
    ProviderOptions options;
    options.models = {ModelSpec{.name = "m"}, ModelSpec{.name = "other"}};
    options.speed = 1000;
    options.api_key = key_;
    options.faults = std::make_shared<FaultSchedule>(std::move(rules), 1);
    options.answers = std::make_shared<RecordedAnswers>(
        std::vector<RecordedQuestion>{{.id = "1",
                                       .dataset = "d",
                                       .subject = "",
                                       .prompt = "known",
                                       .scores = {},
                                       .answers = {{"m", kText}}}});
    provider_ = std::make_unique<SimulatedProvider>(loop_, std::move(options), SystemClock());
  }

  void Ask(std::string_view method, std::string_view target, std::string_view body,
           std::vector<net::Header> headers = {}) {
    writer_ = std::make_unique<RecordingWriter>();
    writer_->cancel_after_ = cancel_after_;
    if (gone_at_once_) writer_->gone_.Cancel();
    net::HttpRequest request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = std::move(headers);
    TaskGroup group;
    group.Spawn(provider_->Handle(request, *writer_));
    loop_.RunUntil([&] { return group.active() == 0; });
  }

  void Chat(std::string_view question, bool stream, const std::string& more = "") {
    const json content = question;
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":)" +
                             content.dump() + "}],\"stream\":" + (stream ? "true" : "false") +
                             more + "}";
    Ask("POST", "/v1/chat/completions", body);
  }

  /// The parsed `data:` objects of the streamed body.
  std::vector<json> Events() const {
    std::vector<json> events;
    std::string_view left = writer_->body_;
    while (!left.empty()) {
      const auto end = left.find("\n\n");
      if (end == std::string_view::npos) break;
      const std::string_view event = left.substr(0, end);
      EXPECT_THAT(std::string(event), StartsWith("data: "));
      if (event != "data: [DONE]") events.push_back(json::parse(event.substr(6)));
      left.remove_prefix(end + 2);
    }
    return events;
  }

  std::string StreamedText() const {
    std::string text;
    for (const json& event : Events()) {
      for (const json& choice : event.value("choices", json::array())) {
        text += choice["delta"].value("content", "");
      }
    }
    return text;
  }

  net::Loop loop_;
  std::string key_;
  int cancel_after_ = 0;
  bool gone_at_once_ = false;
  std::unique_ptr<SimulatedProvider> provider_;
  std::unique_ptr<RecordingWriter> writer_;
};

TEST_F(SimulatedProviders, AnswerAKnownQuestionWithTheRecordedText) {
  Make();
  Chat("known", false);
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  const json body = json::parse(writer_->body_);
  EXPECT_EQ(body["choices"][0]["message"]["content"], kText);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(body["usage"]["completion_tokens"], CountTokens(kText));
  EXPECT_THAT(body["id"].get<std::string>(), testing::MatchesRegex("chatcmpl-[0-9A-Za-z]{29}"));
}

TEST_F(SimulatedProviders, StreamTheRecordedTextInChunksThatAddUpToIt) {
  Make();
  Chat("known", true);
  EXPECT_EQ(writer_->Header("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(StreamedText(), kText);
  const auto events = Events();
  EXPECT_GT(events.size(), 5U);
  EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
  for (const json& event : events) EXPECT_FALSE(event.contains("usage"));
  EXPECT_TRUE(writer_->body_.ends_with("data: [DONE]\n\n"));
  EXPECT_TRUE(writer_->ended_);
}

TEST_F(SimulatedProviders, SendUsageLastWhenTheClientAsksForIt) {
  Make();
  Chat("known", true, R"(,"stream_options":{"include_usage":true})");
  const auto events = Events();
  for (std::size_t i = 0; i + 1 < events.size(); ++i) EXPECT_TRUE(events[i].at("usage").is_null());
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], CountTokens(kText));
  EXPECT_EQ(events.back()["usage"]["total_tokens"], CountTokens(kText) + 2);
}

TEST_F(SimulatedProviders, SayThatTheyAreSimulatedWhenTheQuestionIsUnknown) {
  Make();
  Chat("what is this?", false);
  const std::string first = json::parse(writer_->body_)["choices"][0]["message"]["content"];
  EXPECT_THAT(first, StartsWith("Simulated answer of m "));
  Chat("what is this?", false);
  EXPECT_EQ(json::parse(writer_->body_)["choices"][0]["message"]["content"], first);
}

TEST_F(SimulatedProviders, StopAtTheTokenLimit) {
  Make();
  Chat("known", false, R"(,"max_tokens":2)");
  const json body = json::parse(writer_->body_);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "Grüße au");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 2);
}

TEST_F(SimulatedProviders, ListTheirModels) {
  Make();
  Ask("GET", "/v1/models", "");
  const json body = json::parse(writer_->body_);
  EXPECT_EQ(body["object"], "list");
  EXPECT_EQ(body["data"][1]["id"], "other");
  Ask("GET", "/v1/models/m", "");
  EXPECT_EQ(json::parse(writer_->body_)["id"], "m");
  Ask("GET", "/v1/models/nope", "");
  EXPECT_EQ(writer_->status_, 404);
}

TEST_F(SimulatedProviders, RefuseBadRequestsWithTheRightStatus) {
  Make();
  Ask("POST", "/v1/chat/completions", "{");
  EXPECT_EQ(writer_->status_, 400);
  Ask("POST", "/v1/chat/completions",
      R"({"model":"nope","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(writer_->status_, 404);
  EXPECT_EQ(json::parse(writer_->body_)["error"]["code"], "model_not_found");
  Ask("GET", "/v1/chat/completions", "");
  EXPECT_EQ(writer_->status_, 405);
  Ask("POST", "/v2/else", "");
  EXPECT_EQ(writer_->status_, 404);
  EXPECT_EQ(provider_->requests(), 0U);
}

TEST_F(SimulatedProviders, DemandTheirKey) {
  key_ = "secret";
  Make();
  Ask("GET", "/v1/models", "");
  EXPECT_EQ(writer_->status_, 401);
  EXPECT_EQ(json::parse(writer_->body_)["error"]["code"], "invalid_api_key");
  Ask("GET", "/v1/models", "", {{"Authorization", "Bearer wrong"}});
  EXPECT_EQ(writer_->status_, 401);
  Ask("GET", "/v1/models", "", {{"authorization", "Bearer secret"}});
  EXPECT_EQ(writer_->status_, 200);
}

TEST_F(SimulatedProviders, FailWithAStatusAndRetryAfter) {
  Make({"m:status=429,retry_after=7,times=1", "m:status=529,times=1", "m:status=502,html"});
  Chat("known", true);
  EXPECT_EQ(writer_->status_, 429);
  EXPECT_EQ(writer_->Header("Retry-After"), "7");
  EXPECT_EQ(json::parse(writer_->body_)["error"]["code"], "rate_limit_exceeded");
  Chat("known", true);
  EXPECT_EQ(writer_->status_, 529);
  EXPECT_EQ(writer_->Header("Retry-After"), "");
  Chat("known", true);
  EXPECT_EQ(writer_->status_, 502);
  EXPECT_EQ(writer_->Header("Content-Type"), "text/html");
  EXPECT_THAT(writer_->body_, StartsWith("<html>"));
  EXPECT_EQ(provider_->faults(), 3U);
}

TEST_F(SimulatedProviders, CloseOrHangWithoutAnAnswer) {
  Make({"m:close,times=1", "m:hang"});
  Chat("known", false);
  EXPECT_TRUE(writer_->cut_);
  EXPECT_EQ(writer_->status_, 0);
  gone_at_once_ = true;
  Chat("known", false);
  EXPECT_EQ(writer_->status_, 0);
}

TEST_F(SimulatedProviders, CutInTheMiddle) {
  Make({"m:cut=2"});
  Chat("known", true);
  EXPECT_TRUE(writer_->cut_);
  EXPECT_FALSE(writer_->ended_);
  EXPECT_EQ(StreamedText(), kText.substr(0, PrefixBytes(kText, 32)));
  EXPECT_THAT(writer_->body_, testing::Not(HasSubstr("[DONE]")));
  Chat("known", false);
  EXPECT_TRUE(writer_->cut_);
  EXPECT_FALSE(json::accept(writer_->body_));
}

TEST_F(SimulatedProviders, SendAnErrorEventAfterStatus200) {
  Make({"m:error_event=0,times=1", "m:error_event=1"});
  Chat("known", true);
  EXPECT_EQ(writer_->status_, 200);
  ASSERT_EQ(Events().size(), 1U);
  EXPECT_EQ(Events()[0]["error"]["type"], "server_error");
  Chat("known", true);
  ASSERT_EQ(Events().size(), 3U);  // role, text, error
  EXPECT_TRUE(Events()[2].contains("error"));
  EXPECT_THAT(writer_->body_, testing::Not(HasSubstr("[DONE]")));
}

TEST_F(SimulatedProviders, SendGarbageWrongTypesAndEmptyAnswers) {
  Make({"m:garbage,times=1", "m:content_type=text/html,times=1", "m:empty"});
  Chat("known", false);
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_FALSE(json::accept(writer_->body_));
  Chat("known", false);
  EXPECT_EQ(writer_->Header("Content-Type"), "text/html");
  EXPECT_TRUE(json::accept(writer_->body_));
  Chat("known", true);
  EXPECT_EQ(StreamedText(), "");
  EXPECT_THAT(writer_->body_, HasSubstr("[DONE]"));
}

TEST_F(SimulatedProviders, AreSlowerWhenTheScheduleSaysSo) {
  Make({"m:slow_headers=60s,times=1"});  // 60 ms at 1000 times the speed
  const auto start = SystemClock().Now();
  Chat("known", false);
  EXPECT_GE(SystemClock().Now() - start, std::chrono::milliseconds(60));
  EXPECT_EQ(writer_->status_, 200);
  Make({"m:slow_tokens=500"});  // 18 tokens at 100 a second: 0.18 s, 90 ms on this scale
  const auto again = SystemClock().Now();
  Chat("known", true);
  EXPECT_GE(SystemClock().Now() - again, std::chrono::milliseconds(50));
  EXPECT_EQ(StreamedText(), kText);
}

TEST_F(SimulatedProviders, StopWritingWhenTheClientHasGone) {
  cancel_after_ = 2;
  Make();
  Chat("known", true);
  EXPECT_EQ(writer_->writes_, 2);
  EXPECT_FALSE(writer_->ended_);
}

}  // namespace
}  // namespace triage::simulate
