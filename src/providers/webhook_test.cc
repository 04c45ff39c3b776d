#include "providers/webhook.h"

#include <nlohmann/json.hpp>

#include "providers/http_provider_test_support.h"

namespace triage::providers {
namespace {

class WebhookTest : public HttpProviderTest {
 protected:
  Task<void> Run(Webhook& webhook, const llm::Request& request, const llm::Answer& answer,
                 std::optional<verify::Verdict>& out) {
    out = co_await webhook.Check(request, answer, cancel_);
  }

  verify::Verdict Check(std::string reply, int status = 200) {
    upstream_.script = {.status = status, .pieces = {std::move(reply)}};
    return Check();
  }

  verify::Verdict Check() {
    llm::Request request;
    request.id = "x-1";
    request.body = R"({"model":"auto","messages":[]})";
    request.context.feature = "invoices";
    llm::Answer answer;
    answer.parts = {llm::TextPart{.text = "Total: \"12\""},
                    llm::ToolCallPart{.id = "c", .name = "pay", .arguments = R"({"to":1})"}};
    answer.finish = llm::FinishReason::kStop;
    Webhook webhook(client_,
                    {.name = "rules",
                     .url = "http://127.0.0.1:" + std::to_string(options_.origin.port) + "/check",
                     .token = "s3cret",
                     .deadline = deadline_});
    std::optional<verify::Verdict> verdict;
    TaskGroup group;
    group.Spawn(Run(webhook, request, answer, verdict));
    loop_.RunUntil([&verdict] { return verdict.has_value(); });
    return *verdict;
  }

  std::chrono::milliseconds deadline_{1'000};
};

TEST_F(WebhookTest, SendsRequestAndAnswerAndTakesTheVerdict) {
  const verify::Verdict verdict =
      Check(R"({"outcome":"fail","reason":"the sum is wrong","p_bad":0.75})");
  EXPECT_EQ(verdict.check, "rules");
  EXPECT_EQ(verdict.outcome, verify::Outcome::kFail);
  EXPECT_EQ(verdict.reason, "the sum is wrong");
  EXPECT_EQ(verdict.p_bad, 0.75);
  EXPECT_EQ(upstream_.target, "/check");
  EXPECT_EQ(upstream_.Header("Authorization"), "Bearer s3cret");
  const auto sent = nlohmann::json::parse(upstream_.body);
  EXPECT_EQ(sent["exchange"], "x-1");
  EXPECT_EQ(sent["check"], "rules");
  EXPECT_EQ(sent["feature"], "invoices");
  EXPECT_EQ(sent["request"]["dialect"], "openai");
  EXPECT_EQ(sent["request"]["body"]["model"], "auto");
  EXPECT_EQ(sent["answer"]["text"], "Total: \"12\"");
  EXPECT_EQ(sent["answer"]["finish"], "stop");
  EXPECT_EQ(sent["answer"]["tool_calls"][0]["arguments"], R"({"to":1})");
}

TEST_F(WebhookTest, APassNeedsNoReason) {
  const verify::Verdict verdict = Check(R"({"outcome":"pass"})");
  EXPECT_EQ(verdict.outcome, verify::Outcome::kPass);
  EXPECT_EQ(verdict.p_bad, 0);
}

TEST_F(WebhookTest, WhatIsNoVerdictIsUnsureAndNeverAFailure) {
  for (const std::string reply :
       {"", "no", "[]", "{}", R"({"outcome":"maybe"})", R"({"outcome":1})",
        R"({"outcome":"fail","p_bad":7})", R"({"outcome":"fail","p_bad":"high"})"}) {
    const verify::Verdict verdict = Check(reply);
    EXPECT_EQ(verdict.outcome, verify::Outcome::kUnsure) << reply;
    EXPECT_EQ(verdict.check, "rules");
  }
  EXPECT_EQ(Check(R"({"outcome":"fail"})", 500).outcome, verify::Outcome::kUnsure);
  EXPECT_EQ(Check(R"({"outcome":"fail"})", 302).outcome, verify::Outcome::kUnsure);
}

TEST_F(WebhookTest, AServerThatIsDownOrSlowIsUnsure) {
  deadline_ = 30ms;
  upstream_.script = {.pieces = {"{"}, .chunked = true, .hang = true};
  EXPECT_EQ(Check().outcome, verify::Outcome::kUnsure);
  server_->CloseAll();
  server_.reset();
  EXPECT_EQ(Check().outcome, verify::Outcome::kUnsure);
  server_ = std::make_unique<net::Server>(loop_, net::ServerOptions{}, upstream_);
}

}  // namespace
}  // namespace triage::providers
