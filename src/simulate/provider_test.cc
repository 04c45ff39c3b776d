#include "simulate/provider.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulate/recording_writer.h"
#include "testing/temp_dir.h"

namespace triage::simulate {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

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
    options.dialects = {llm::Dialect::kOpenAiChat, llm::Dialect::kAnthropic, llm::Dialect::kGemini};
    options.models[1].requests_per_minute = 1;
    options.compression = compression_;
    options.refused = refused_;
    options.recorder = recorder_;
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
  Compression compression_ = Compression::kNone;
  std::vector<std::string> refused_;
  std::shared_ptr<Recorder> recorder_;
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

TEST_F(SimulatedProviders, GiveAPlaceholderWhenTheyAreDegraded) {
  Make({"m:degraded"});
  Chat("known", false);
  EXPECT_EQ(writer_->status_, 200);
  const json body = json::parse(writer_->body_);
  EXPECT_THAT(body["choices"][0]["message"]["content"].get<std::string>(),
              HasSubstr("try again later"));
}

TEST_F(SimulatedProviders, TellTheirLimitsAndKeepThem) {
  Make();
  const std::string body = R"({"model":"other","messages":[{"role":"user","content":"x"}]})";
  Ask("POST", "/v1/chat/completions", body);
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_EQ(writer_->Header("x-ratelimit-limit-requests"), "1");
  EXPECT_EQ(writer_->Header("x-ratelimit-remaining-requests"), "0");
  Ask("POST", "/v1/chat/completions", body);
  EXPECT_EQ(writer_->status_, 429);
  EXPECT_NE(writer_->Header("Retry-After"), "");
}

TEST_F(SimulatedProviders, CompressWhateverTheyAnswer) {
  compression_ = Compression::kZstd;
  Make();
  Chat("known", true);
  EXPECT_EQ(writer_->Header("Content-Encoding"), "zstd");
  EXPECT_THAT(writer_->body_, StartsWith("\x28\xB5\x2F\xFD"));
  EXPECT_TRUE(writer_->ended_);
  Chat("known", false);
  EXPECT_THAT(writer_->body_, StartsWith("\x28\xB5\x2F\xFD"));
}

TEST_F(SimulatedProviders, RefuseTheFieldsTheyWereToldTo) {
  refused_ = {"logprobs"};
  Make();
  Chat("known", false, R"(,"logprobs":true)");
  EXPECT_EQ(writer_->status_, 400);
  EXPECT_THAT(writer_->body_, HasSubstr("`logprobs` is not supported"));
  Chat("known", false, R"(,"logprobs":null)");
  EXPECT_EQ(writer_->status_, 200);
}

TEST_F(SimulatedProviders, WriteEachRequestDownWithWhatBecameOfIt) {
  const TempDir folder;
  const std::string path = folder.File("record.jsonl");
  recorder_ = *Recorder::Open(path);
  Make({"m:close,times=1"});
  Chat("known", false);
  Chat("known", true);
  Ask("GET", "/v1/models", "");
  cancel_after_ = 2;
  Chat("known", true);
  std::ifstream file(path);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["status"], 0);
  EXPECT_EQ(lines[1]["status"], 200);
  EXPECT_EQ(lines[1]["model"], "m");
  EXPECT_EQ(lines[1]["body"]["stream"], true);
  EXPECT_GT(lines[1]["events"], 5);
  EXPECT_EQ(lines[1]["client_gone"], false);
  EXPECT_EQ(lines[2]["method"], "GET");
  EXPECT_EQ(lines[3]["client_gone"], true);
  EXPECT_LT(lines[3]["events"], lines[1]["events"]);
}

TEST_F(SimulatedProviders, EmbedTexts) {
  Make({"other:status=503"});
  Ask("POST", "/v1/embeddings", R"({"model":"m","input":"x","dimensions":4})");
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_EQ(json::parse(writer_->body_)["data"][0]["embedding"].size(), 4U);
  Ask("POST", "/v1/embeddings", R"({"model":"other","input":"x"})");
  EXPECT_EQ(writer_->status_, 503);
  Ask("POST", "/v1/embeddings", R"({"model":"m"})");
  EXPECT_EQ(writer_->status_, 400);
  Ask("POST", "/v1/embeddings", R"({"model":"nope","input":"x"})");
  EXPECT_EQ(writer_->status_, 404);
}

TEST_F(SimulatedProviders, CountTokensWithoutALimitBeingGiven) {
  Make();
  const std::vector<net::Header> version = {{"anthropic-version", "2023-06-01"}};
  Ask("POST", "/v1/messages/count_tokens",
      R"({"model":"m","messages":[{"role":"user","content":"12345678"}]})", version);
  EXPECT_EQ(writer_->status_, 200) << writer_->body_;
  EXPECT_EQ(json::parse(writer_->body_)["input_tokens"], 2);
  Ask("POST", "/v1/messages", R"({"model":"m","messages":[{"role":"user","content":"1"}]})",
      version);
  EXPECT_EQ(writer_->status_, 400);
  EXPECT_THAT(writer_->body_, HasSubstr("max_tokens"));
}

TEST_F(SimulatedProviders, DemandAnthropicsVersionAndListModelsItsWay) {
  Make();
  Ask("POST", "/v1/messages", "{}");
  EXPECT_EQ(writer_->status_, 400);
  EXPECT_THAT(writer_->body_, HasSubstr("anthropic-version"));
  Ask("GET", "/v1/models", "", {{"anthropic-version", "2023-06-01"}});
  EXPECT_EQ(json::parse(writer_->body_)["last_id"], "other");
}

TEST_F(SimulatedProviders, StreamGeminisDefaultAsOneArray) {
  Make();
  Ask("POST", "/v1beta/models/m:streamGenerateContent",
      R"({"contents":[{"role":"user","parts":[{"text":"known"}]}]})");
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  const json body = json::parse(writer_->body_);
  ASSERT_TRUE(body.is_array());
  std::string text;
  for (const json& piece : body) {
    for (const json& candidate : piece.value("candidates", json::array())) {
      for (const json& part : candidate.value("/content/parts"_json_pointer, json::array()))
        text += part.value("text", "");
    }
  }
  EXPECT_EQ(text, kText);
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
