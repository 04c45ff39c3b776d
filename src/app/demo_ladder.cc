#include "app/demo_ladder.h"

#include <algorithm>

#include <fmt/format.h>

#include "learn/dataset.h"
#include "simulate/script.h"

namespace triage::app {

namespace {

using std::chrono::milliseconds;

struct Rung {
  const char* tier;
  const char* model;
  milliseconds ttft;
  double tokens_per_second;
  std::vector<std::string> hosts;
};

/// Speeds in the region of what hosted services of these models showed in 2024: medians, lognormal
/// around them.
std::vector<Rung> Rungs() {
  return {
      {"fast", "llama-3.1-8b", milliseconds(180), 220, {"llama-8b-east", "llama-8b-west"}},
      {"balanced", "llama-3.1-70b", milliseconds(300), 110, {"llama-70b-east", "llama-70b-west"}},
      {"frontier", "gpt-4o", milliseconds(450), 85, {"gpt-4o"}}};
}

constexpr int kTokensPerChunk = 8;

const DemoRung* RungOfHost(std::span<const DemoRung> ladder, std::string_view host) {
  for (const DemoRung& rung : ladder) {
    if (std::ranges::find(rung.hosts, host) != rung.hosts.end()) return &rung;
  }
  return nullptr;
}

/// "0.18": a price as the configuration writes it.
std::string PriceText(PricePerMillion price) {
  return FormatUsd(NanoDollars(price.nano_dollars));
}

/// What answers cost that did not pass their checks, so that the client did not see them: their
/// models' recorded ones, where they came to their end.
NanoDollars ReplacedCost(const ledger::Exchange& exchange, std::span<const DemoRung> ladder,
                         std::span<const TierOutcome> recorded) {
  NanoDollars sum;
  const ledger::Attempt* before = nullptr;
  for (const ledger::Attempt& attempt : exchange.attempts) {
    if (!attempt.error.empty()) continue;
    if (before != nullptr) {
      const DemoRung* rung = RungOfHost(ladder, before->model);
      sum += before->cost_estimated || rung == nullptr
                 ? before->cost.value_or(NanoDollars())
                 : recorded[static_cast<std::size_t>(rung - ladder.data())].cost;
    }
    before = &attempt;
  }
  return sum;
}

bool CostAgrees(const DemoReply& reply, const ledger::Exchange& exchange, const DemoRung& rung,
                NanoDollars replaced) {
  if (!reply.cost_usd.empty() && reply.cost_usd != FormatUsd(exchange.cost)) return false;
  if (!reply.prompt_tokens || !reply.completion_tokens) return false;
  return exchange.cost ==
         AnswerCost(rung, *reply.prompt_tokens, *reply.completion_tokens) + replaced;
}

}  // namespace

Result<std::vector<DemoRung>> MakeLadder(const std::filesystem::path& prices_file) {
  auto prices = learn::ReadPrices(prices_file.string());
  if (!prices) return std::move(prices).error();
  std::vector<DemoRung> ladder;
  for (Rung& rung : Rungs()) {
    const auto price = prices->find(rung.model);
    if (price == prices->end()) {
      return Error{ErrorCode::kNotFound, prices_file.string() + " has no price of " + rung.model};
    }
    ladder.push_back({.tier = {rung.tier, rung.model},
                      .spec = {.name = rung.model,
                               .ttft_median = rung.ttft,
                               .tokens_per_second = rung.tokens_per_second,
                               .tokens_per_chunk = kTokensPerChunk},
                      .input = price->second.input,
                      .output = price->second.output,
                      .hosts = std::move(rung.hosts)});
  }
  return ladder;
}

std::string DemoConfig(std::span<const DemoRung> ladder, std::span<const DemoEndpoint> endpoints,
                       std::uint16_t port, const std::filesystem::path& ledger) {
  std::string providers;
  std::string models;
  for (const DemoEndpoint& endpoint : endpoints) {
    const DemoRung& rung = *RungOfHost(ladder, endpoint.host);
    providers += fmt::format("  {}: {{base_url: \"http://127.0.0.1:{}/v1\"}}\n", endpoint.host,
                             endpoint.port);
    models += fmt::format(
        "  {0}: {{provider: {0}, model: {1}, context: 128000, capabilities: [json], prices: "
        "{{input: {2}, output: {3}}}}}\n",
        endpoint.host, rung.spec.name, PriceText(rung.input), PriceText(rung.output));
  }
  std::string tiers;
  for (const DemoRung& rung : ladder) {
    tiers +=
        fmt::format("  - {{name: {}, chain: [{}]}}\n", rung.tier.name, fmt::join(rung.hosts, ", "));
  }
  return fmt::format(
      "# Written by `triage demo`: simulated providers behind a real gateway.\n"
      "listen: {{http: \"127.0.0.1:{}\"}}\n"
      "providers:\n{}models:\n{}tiers:\n{}"
      "routing: {{keep_quality: 0.95}}\n"
      "ledger: {{path: \"{}\"}}\n"
      "log: {{level: error, format: text}}\n",
      port, providers, models, tiers, ledger.string());
}

NanoDollars AnswerCost(const DemoRung& rung, std::int64_t prompt_tokens,
                       std::int64_t output_tokens) {
  CostSum sum;
  sum.Add(prompt_tokens, rung.input);
  sum.Add(output_tokens, rung.output);
  return sum.Rounded();
}

std::vector<TierOutcome> RecordedOutcomes(const simulate::RecordedQuestion& question,
                                          std::span<const DemoRung> ladder, std::uint64_t seed) {
  const std::int64_t prompt_tokens = simulate::CountTokens(question.prompt);
  std::vector<TierOutcome> outcomes;
  for (const DemoRung& rung : ladder) {
    const auto answer = question.Answer(rung.tier.model);
    const std::int64_t output_tokens = simulate::CountTokens(
        answer ? std::string(*answer)
               : simulate::SyntheticAnswer(rung.spec.name, question.prompt, seed));
    const auto latency = simulate::PaceOf(rung.spec, seed, question.prompt).Total(output_tokens);
    outcomes.push_back({.score = answer ? question.Score(rung.tier.model) : std::nullopt,
                        .cost = AnswerCost(rung, prompt_tokens, output_tokens),
                        .latency_ms = static_cast<double>(latency.count()) / 1000});
  }
  return outcomes;
}

DemoOutcome JoinOutcome(const simulate::RecordedQuestion& question,
                        const simulate::RecordedAnswers& recorded, const DemoReply& reply,
                        const ledger::Exchange* exchange, std::span<const DemoRung> ladder,
                        std::uint64_t seed, double speed) {
  DemoOutcome outcome;
  outcome.id = question.id;
  outcome.slice =
      question.subject.empty() ? question.dataset : question.dataset + ": " + question.subject;
  outcome.prompt = question.prompt;
  outcome.tiers = RecordedOutcomes(question, ladder, seed);
  outcome.latency_ms = static_cast<double>(reply.total.count()) / 1000 * speed;
  outcome.cost_agrees = false;
  const DemoRung* rung = reply.error.empty() ? RungOfHost(ladder, reply.model) : nullptr;
  if (rung != nullptr) {
    outcome.delivered = static_cast<int>(rung - ladder.data());
    outcome.text_matches = recorded.Find(rung->tier.model, question.prompt) == reply.text;
  }
  if (exchange == nullptr) return outcome;
  outcome.cost = exchange->cost;
  outcome.decide_us =
      std::chrono::duration<double, std::micro>(exchange->decision.decide_time).count();
  outcome.fallback = std::ranges::any_of(exchange->attempts, [](const ledger::Attempt& attempt) {
    return attempt.kind == ledger::AttemptKind::kFallback;
  });
  // Without an answer nothing can be recomputed, and nothing was paid for.
  outcome.cost_agrees = rung != nullptr ? CostAgrees(reply, *exchange, *rung,
                                                     ReplacedCost(*exchange, ladder, outcome.tiers))
                                        : exchange->cost == NanoDollars{};
  return outcome;
}

}  // namespace triage::app
