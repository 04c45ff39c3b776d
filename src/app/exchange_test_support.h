#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "app/resilience.h"
#include "app/snapshot.h"
#include "config/load.h"
#include "ledger/memory/memory_sink.h"
#include "observe/metrics.h"
#include "pipeline/exchange.h"
#include "testing/fake_clock.h"
#include "wire/client_answer.h"
#include "wire/client_request.h"

namespace triage::app {

/// What a scripted model does next.
struct Says {
  std::vector<std::string> pieces = {};  ///< of the body, in the client's dialect
  bool breaks = false;                   ///< the answer breaks off behind the pieces
  std::optional<Error> refuses = {};     ///< no answer begins
};

/// An answer in pieces. Like a provider's it is complete only when all of it has come.
class ScriptedReply final : public llm::Reply {
 public:
  ScriptedReply(Says says, bool stream, llm::Usage usage)
      : says_(std::move(says)), stream_(stream) {
    summary_.usage = usage;
  }

  int status() const override { return 200; }

  std::string_view content_type() const override {
    return stream_ ? "text/event-stream" : "application/json";
  }

  std::optional<std::uint64_t> content_length() const override {
    if (stream_) return std::nullopt;
    std::size_t size = 0;
    for (const std::string& piece : says_.pieces) size += piece.size();
    return size;
  }

  Task<Result<std::string_view>> Next() override {
    if (next_ < says_.pieces.size()) {
      summary_.events += 1;
      co_return std::string_view(says_.pieces[next_++]);
    }
    if (says_.breaks)
      co_return Error{.code = ErrorCode::kUpstream, .message = "the stream broke off"};
    summary_.complete = true;
    co_return std::string_view();
  }

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error& error) override { return "error: " + error.message; }

 private:
  Says says_;
  bool stream_;
  llm::ReplySummary summary_;
  std::size_t next_ = 0;
};

/// A model that does what it was told, in order, and keeps what it was asked.
class ScriptedModel final : public llm::Provider {
 public:
  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming&) override {
    asked.push_back(call.request->body);
    if (script.empty()) co_return Error{.code = ErrorCode::kUnavailable, .message = "no script"};
    Says says = std::move(script.front());
    script.pop_front();
    if (says.refuses) co_return *std::move(says.refuses);
    co_return std::make_unique<ScriptedReply>(std::move(says), call.request->stream,
                                              llm::Usage{.fresh_input = 100, .output = 50});
  }

  std::deque<Says> script;
  std::vector<std::string> asked;
};

class InstantTimer final : public dispatch::Timer {
 public:
  Task<void> Sleep(std::chrono::milliseconds, CancelScope&) override { co_return; }
};

/// Exchanges over three tiers, fast, balanced and frontier, with a model each (a, b and c at prices
/// 1 : 10 : 100); every automatic request goes to fast. Models answer as scripted.
class ExchangeTest : public ::testing::Test {
 protected:
  /// `more` is added to the configuration.
  void Configure(const std::string& more = "") {
    const std::string text = std::string(R"(
providers:
  p: {dialect: openai, base_url: "http://127.0.0.1:9/v1"}
models:
  a: {provider: p, model: a-1, prices: {input: 1, output: 1}, capabilities: [tools, json_schema]}
  b: {provider: p, model: b-1, prices: {input: 10, output: 10}, capabilities: [tools, json_schema]}
  c: {provider: p, model: c-1, prices: {input: 100, output: 100}, capabilities: [tools, json_schema]}
tiers:
  - {name: fast, chain: [a]}
  - {name: balanced, chain: [b]}
  - {name: frontier, chain: [c]}
routing: {thresholds: [0, 0], band: 0, router: models/default.triage}
resilience: {retries: {most: 0}, breaker: {min_volume: 100000, consecutive: 1000, quiet_consecutive: 1000}}
)") + more;
    const config::LoadResult loaded = config::Parse(
        text, "test.yaml", [](std::string_view) { return std::nullopt; }, TRIAGE_SOURCE_DIR);
    for (const config::Problem& problem : loaded.problems) {
      if (problem.severity == config::Severity::kError) ADD_FAILURE() << ToString(problem);
    }
    ASSERT_TRUE(loaded.ok());
    auto snapshot = BuildSnapshot(loaded.config, registry_, &resilience_);
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    auto bound = std::make_shared<pipeline::Bound>();
    bound->snapshot = *std::move(snapshot);
    for (ScriptedModel* model : {&a_, &b_, &c_}) bound->providers.push_back(model);
    bound->validators = validators_;
    worker_.bound = std::move(bound);
  }

  struct Outcome {
    std::optional<Error> error;
    std::string body;
    std::vector<std::string> pieces;
    std::string model;
    int escalations = 0;
    std::string doubt;
    ledger::Exchange record;

    std::string Kinds() const {
      std::string kinds;
      for (const ledger::Attempt& attempt : record.attempts)
        kinds += (kinds.empty() ? "" : " ") + attempt.model + ":" +
                 std::string(ledger::Name(attempt.kind));
      return kinds;
    }

    std::string Failed() const {
      std::string failed;
      for (const ledger::Verdict& verdict : record.verdicts) {
        if (verdict.outcome == "fail")
          failed +=
              (failed.empty() ? "" : " ") + std::to_string(verdict.attempt) + ":" + verdict.check;
      }
      return failed;
    }

    std::string LastStep() const {
      return record.decision.steps.empty() ? "" : record.decision.steps.back().reason;
    }
  };

  Outcome Ask(std::string body, llm::Dialect dialect = llm::Dialect::kOpenAiChat) {
    Outcome out;
    TaskGroup group;
    group.Spawn(Drive(std::move(body), dialect, out));
    EXPECT_EQ(group.active(), 0);
    out.record = ledger_.exchanges().back();
    return out;
  }

  Task<void> Drive(std::string body, llm::Dialect dialect, Outcome& out) {
    pipeline::Exchange exchange(worker_, client_gone_);
    exchange.request().dialect = dialect;
    const Result<void> read =
        wire::ReadClientRequest(dialect, std::move(body), {}, exchange.request());
    TRIAGE_CHECK(read.has_value());
    exchange.request().context.client = client_;
    exchange.request().context.session = session_;
    const Result<void> started = co_await exchange.Start();
    if (!started) {
      out.error = started.error();
      co_return;
    }
    while (true) {
      const Result<std::string_view> bytes = co_await exchange.Next();
      if (!bytes) out.error = bytes.error();
      if (!bytes || bytes->empty()) break;
      out.pieces.emplace_back(*bytes);
      out.body += *bytes;
    }
    out.model = exchange.model();
    out.escalations = exchange.escalations();
    out.doubt = exchange.doubt();
  }

 public:
  static Says Whole(const std::string& text, llm::FinishReason finish = llm::FinishReason::kStop) {
    llm::Request request;
    return {.pieces = {Bytes(request, text, finish)}};
  }

  /// One event a piece.
  static Says Stream(const std::string& text) {
    llm::Request request;
    request.stream = true;
    const std::string bytes = Bytes(request, text, llm::FinishReason::kStop);
    Says says;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t end = bytes.find("\n\n", at) + 2;
      says.pieces.push_back(bytes.substr(at, end - at));
      at = end;
    }
    return says;
  }

  static std::string Bytes(const llm::Request& request, const std::string& text,
                           llm::FinishReason finish) {
    return wire::WriteClientAnswer(request,
                                   {.id = "chatcmpl-1",
                                    .model = "m",
                                    .created = 1,
                                    .parts = {llm::TextPart{.text = text}},
                                    .finish = finish},
                                   "m");
  }

 protected:
  std::string TextOf(const Outcome& out, bool stream = false) {
    llm::Request request;
    request.stream = stream;
    const Result<llm::Answer> answer = wire::ReadClientAnswer(request, out.body);
    return answer ? llm::TextOf(*answer) : "(" + answer.error().message + ")";
  }

  triage::testing::FakeClock clock_;
  InstantTimer timer_;
  ledger::MemorySink ledger_;
  observe::Registry registry_;
  observe::GatewayMetrics metrics_{registry_};
  Resilience resilience_;
  admit::Gate gate_{clock_};
  admit::ClientSlots clients_;
  admit::Metrics admission_{registry_};
  feedback::Sessions sessions_{feedback::SessionOptions{}};
  pipeline::RecentRequests recent_;
  ScriptedModel a_;
  ScriptedModel b_;
  ScriptedModel c_;
  std::vector<verify::Validator*> validators_;
  CancelScope client_gone_;
  std::uint64_t client_ = 7;
  std::string session_;
  pipeline::Worker worker_{.clock = clock_,
                           .random = Random(1),
                           .sink = ledger_,
                           .timer = timer_,
                           .metrics = metrics_,
                           .gate = gate_,
                           .clients = clients_,
                           .admission = admission_,
                           .sessions = sessions_,
                           .recent = recent_,
                           .features = {},
                           .bound = {}};
};

}  // namespace triage::app
