#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/load_config.h"
#include "app/snapshot.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "decide/explain.h"
#include "learn/features.h"
#include "ledger/decision_json.h"
#include "ledger/open.h"
#include "observe/metrics.h"
#include "pipeline/deciding.h"

namespace triage::app {
namespace {

struct ExplainOptions {
  std::string what;  ///< a question, or the id of an exchange
  std::string config = "triage.yaml";
  std::string ledger;  ///< empty = the configuration's
  std::string model = "auto";
  std::string impact;
  std::string error_tolerance;
  llm::Context context;
  bool as_json = false;
};

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

/// Every problem of the configuration stands on a line of its own with its place.
int FailToLoad(const Error& error) {
  std::fputs(error.message.c_str(), stderr);
  return 1;
}

int Fail(const Error& error) {
  std::fprintf(stderr, "triage: %s\n", error.message.c_str());
  if (!error.detail.empty()) std::fprintf(stderr, "  (%s)\n", error.detail.c_str());
  return 1;
}

int ExplainText(const ExplainOptions& options) {
  const Result<config::Snapshot> config = LoadConfig(options.config);
  if (!config) return FailToLoad(config.error());
  observe::Registry registry;
  const Result<std::shared_ptr<const pipeline::Snapshot>> snapshot =
      BuildSnapshot(*config, registry, nullptr);
  if (!snapshot) return Fail(snapshot.error());

  llm::Request request;
  request.model = options.model;
  request.context = options.context;
  request.text = options.what;
  request.turns.push_back({.role = llm::Role::kUser, .text = request.text});
  learn::Features features;
  Result<decide::Decision> decision = pipeline::DecideRequest(
      **snapshot, request, prices::Measure(request), features, SystemClock());
  if (!decision) return Fail(decision.error());

  if (options.as_json) {
    ledger::Exchange exchange;
    exchange.time = SystemClock().WallNow();
    exchange.context = request.context;
    exchange.requested_model = request.model;
    exchange.decision = *std::move(decision);
    Print(ledger::DecisionJson(exchange) + "\n");
    return 0;
  }
  Print(decide::Story(*decision, {.context = &request.context,
                                  .requested_model = request.model,
                                  .options = &(*snapshot)->options}));
  return 0;
}

std::string AttemptLine(const ledger::Attempt& attempt) {
  const std::string outcome = attempt.error.empty() ? "answered" : attempt.error;
  const std::string cost = attempt.cost ? "$" + FormatUsd(*attempt.cost) : "cost unknown";
  return fmt::format("  {} ({}, {}): {} after {} ms, {}\n", attempt.model, attempt.tier,
                     attempt.provider, outcome, attempt.total.count() / 1'000, cost);
}

/// What came of it, behind the story of the decision.
std::string Outcome(const ledger::Exchange& exchange) {
  std::string text = "Attempts:\n";
  for (const ledger::Attempt& attempt : exchange.attempts) text += AttemptLine(attempt);
  if (exchange.attempts.empty()) text += "  none\n";
  const std::string outcome =
      exchange.error.empty() ? fmt::format("{} answered", exchange.model) : exchange.error;
  text += fmt::format("Outcome:  {}, status {}, {} ms, ${}{}", outcome, exchange.status,
                      exchange.total.count() / 1'000, FormatUsd(exchange.cost),
                      exchange.cost_complete ? "" : " at least (a cost is not known exactly)");
  if (exchange.baseline_cost) {
    text += fmt::format(" instead of ${} on the baseline", FormatUsd(*exchange.baseline_cost));
  }
  return text + "\n";
}

int ExplainStored(const ExplainOptions& options, const ExchangeId& id) {
  std::string path = options.ledger;
  if (path.empty()) {
    if (std::filesystem::exists(options.config)) {
      const Result<config::Snapshot> config = LoadConfig(options.config);
      if (!config) return FailToLoad(config.error());
      path = (*config)->ledger.path.string();
    } else {
      path = "triage.db";  // as `triage report`
    }
  }
  const Result<std::unique_ptr<ledger::Store>> store =
      ledger::OpenSqlite({.path = path, .mode = ledger::OpenMode::kReadOnly});
  if (!store) return Fail(store.error());
  const Result<std::optional<ledger::StoredExchange>> found = (*store)->FindExchange(id);
  if (!found) return Fail(found.error());
  if (!*found) {
    return Fail({.code = ErrorCode::kNotFound,
                 .message = fmt::format("there is no exchange {} in {}", id.Text(), path)});
  }
  const ledger::StoredExchange& stored = **found;
  if (options.as_json) {
    Print(stored.decision_json + "\n");
    return 0;
  }
  const ledger::Exchange& exchange = stored.exchange;
  Print(decide::Story(exchange.decision,
                      {.context = &exchange.context, .requested_model = exchange.requested_model}) +
        Outcome(exchange));
  return 0;
}

int Explain(ExplainOptions& options) {
  if (const std::optional<ExchangeId> id = ExchangeId::Parse(options.what)) {
    return ExplainStored(options, *id);
  }
  if (!options.impact.empty()) {
    options.context.impact = *llm::ParseImpact(options.impact);
  }
  if (!options.error_tolerance.empty()) {
    options.context.error_tolerance = *llm::ParseTolerance(options.error_tolerance);
  }
  return ExplainText(options);
}

}  // namespace

void AddExplain(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  llm::Context& context = options->context;
  CLI::App* command =
      app.add_subcommand("explain", "Tell why a question goes, or an exchange went, where it does");
  command->add_option("what", options->what, "A question, or the id of an exchange (x-triage-id)")
      ->required();
  command->add_option("-c,--config", options->config, "Configuration file")->capture_default_str();
  command->add_option("--ledger", options->ledger,
                      "Ledger that holds the exchange; default: the configuration's");
  command->add_option("--model", options->model, "As a client would name it")
      ->capture_default_str();
  command->add_option("--user", context.user, "Who asks");
  command->add_option("--team", context.team, "Their team");
  command->add_option("--feature", context.feature, "What for");
  command->add_option("--session", context.session, "In which session");
  command->add_option("--impact", options->impact, "What is at stake")
      ->check(CLI::IsMember({"low", "normal", "high", "critical"}));
  command->add_option("--error-tolerance", options->error_tolerance, "How much an error matters")
      ->check(CLI::IsMember({"low", "normal", "high"}));
  command->add_option("--sensitivity", context.sensitivity, "Data class");
  command->add_option("--min-tier", context.min_tier, "Lowest tier allowed");
  command->add_option("--max-tier", context.max_tier, "Highest tier allowed");
  command->add_flag("--json", options->as_json, "The decision as one JSON object");
  command->callback([options, &exit_code] { exit_code = Explain(*options); });
}

}  // namespace triage::app
