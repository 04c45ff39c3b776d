#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/random.h"
#include "ledger/record.h"

namespace triage::ledger {

/// 2026-11-24T05:00:00Z.
inline WallTime TestTime() {
  return WallTime(std::chrono::seconds(1'795'496'400));
}

/// Exchange `number`, one minute after the one before, with every member set to something that can
/// be told apart: a draft on "fast" that was not good enough, then the answer on "frontier".
inline Exchange TestExchange(std::uint64_t number) {
  Random random(number + 1);
  Exchange exchange;
  exchange.time = TestTime() + std::chrono::minutes(number);
  exchange.id = ExchangeId::Make(exchange.time, random);
  exchange.context.user = "user-" + std::to_string(number % 3);
  exchange.context.team = "team-" + std::to_string(number % 2);
  exchange.context.feature = number % 2 == 0 ? "chat" : "search";
  exchange.context.session = "session-9";
  exchange.context.impact = llm::Impact::kHigh;
  exchange.context.error_tolerance = llm::Tolerance::kLow;
  exchange.context.sensitivity = "internal";
  exchange.context.min_tier = "fast";
  exchange.context.max_tier = "frontier";
  exchange.context.verify = "basic";
  exchange.context.latency = std::chrono::milliseconds(2500);
  exchange.requested_model = "auto";
  exchange.stream = number % 2 == 1;

  decide::Decision& decision = exchange.decision;
  decision.router_version = "default-1";
  decision.config_version = "c0ffee";
  decision.query_type = number % 4 == 0 ? "code" : "simple_qa";
  decision.tokens_in = 120;
  decision.tiers.resize(2);
  decision.tiers[0] = {.tier = "fast",
                       .sufficiency = 0.625,
                       .expected_cost = NanoDollars(1'000),
                       .admissible = true,
                       .because = ""};
  decision.tiers[1] = {.tier = "frontier",
                       .sufficiency = 0.96,
                       .expected_cost = NanoDollars(40'000),
                       .admissible = false,
                       .because = "no \"tools\""};
  decision.distance = 0.25;
  decision.steps.push_back(
      {.kind = decide::StepKind::kRouter, .from = -1, .to = 0, .reason = "62.5 % ≥ 50 %"});
  decision.steps.push_back(
      {.kind = decide::StepKind::kBand, .from = 0, .to = 1, .reason = "near the line"});
  decision.tier = 1;
  decision.chain = {"opus", "gpt"};
  decision.checks = {"basic"};
  decision.confidence = 0.96;
  decision.propensity = 0.9;
  decision.pinned = true;
  decision.decide_time = std::chrono::nanoseconds(12'345);

  Attempt draft;
  draft.kind = AttemptKind::kAnswer;
  draft.provider = "groq";
  draft.model = "llama";
  draft.tier = "fast";
  draft.status = 200;
  draft.usage = llm::Usage{.fresh_input = 100, .cache_read = 20, .output = 50, .estimated = true};
  draft.cost = NanoDollars(1'111 + static_cast<std::int64_t>(number));
  draft.cost_estimated = true;
  draft.started = std::chrono::microseconds(10);
  draft.connect = std::chrono::microseconds(200);
  draft.first_byte = std::chrono::microseconds(3'000);
  draft.total = std::chrono::microseconds(40'000);
  Attempt answer = draft;
  answer.kind = AttemptKind::kFallback;
  answer.provider = "anthropic";
  answer.model = "opus";
  answer.tier = "frontier";
  answer.usage = llm::Usage{
      .fresh_input = 60, .cache_write_5m = 40, .cache_write_1h = 20, .output = 70, .reasoning = 30};
  answer.cost = NanoDollars(55'555);
  answer.cost_estimated = false;
  answer.error = number % 5 == 4 ? "timeout" : "";
  exchange.attempts = {draft, answer};
  exchange.tier = "frontier";
  exchange.provider = "anthropic";
  exchange.model = "opus";
  exchange.status = 200;
  exchange.error = number % 5 == 4 ? "timeout" : "";
  exchange.client_gone = number % 7 == 6;
  exchange.escalations = 1;
  exchange.promoted_from = "balanced";
  exchange.cost = *draft.cost + *answer.cost;
  exchange.cost_complete = false;
  exchange.baseline_cost = NanoDollars(50'000 + 7 * static_cast<std::int64_t>(number));
  exchange.first_byte = std::chrono::microseconds(90'000);
  exchange.total = std::chrono::microseconds(120'000);
  exchange.features = std::string("\x00\x01\xff", 3) + std::to_string(number);
  exchange.feature_schema = 3;
  exchange.verdicts.push_back({.attempt = 0,
                               .check = "refusal",
                               .outcome = "unsure",
                               .reason = "the answer may decline",
                               .p_bad = 0.875,
                               .propensity = 0.5,
                               .took = std::chrono::microseconds(12)});
  exchange.context.client = 0xfedcba9876543210;
  return exchange;
}

}  // namespace triage::ledger
