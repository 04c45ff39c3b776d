#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/load_config.h"
#include "app/what_if.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/text.h"
#include "decide/choose.h"
#include "decide/explain.h"
#include "ledger/decision_json.h"
#include "ledger/open.h"

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
  std::vector<std::string> set;  ///< NAME=VALUE
  bool config_given = false;
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

std::string Percent(double share) {
  return fmt::format("{} %", std::lround(share * 100));
}

/// "against it speak termination (-4 points), clauses (-2); for it list (+1)"
std::string InWords(const std::vector<WordWeight>& words) {
  std::string against;
  std::string in_favour;
  for (const WordWeight& weight : words) {
    std::string& side = weight.points < 0 ? against : in_favour;
    if (!side.empty()) side += ", ";
    side += fmt::format("{} ({:+.0f})", weight.word, weight.points);
  }
  std::string text;
  if (!against.empty()) text = "against it " + against;
  if (!in_favour.empty()) text += (text.empty() ? "for it " : "; for it ") + in_favour;
  return text;
}

/// "with impact=low or keep_quality=0.9 it goes to balanced; with impact=critical to frontier"
std::string InWords(const std::vector<Change>& changes) {
  std::vector<std::string> tiers;
  std::map<std::string, std::string> whats;
  for (const Change& change : changes) {
    std::string& what = whats[change.tier];
    if (what.empty()) tiers.push_back(change.tier);
    if (!what.empty()) what += " or ";
    what += change.what.ends_with('=') ? "no " + change.what.substr(0, change.what.size() - 1)
                                       : change.what;
  }
  std::string text;
  for (const std::string& tier : tiers) {
    text += text.empty() ? "" : "; ";
    text += fmt::format("with {} {}to {}", whats[tier], text.empty() ? "it goes " : "",
                        tier.empty() ? "no tier" : tier);
  }
  return text;
}

/// The tier whose sufficiency the decision turned on: the one below the chosen, else the chosen.
std::size_t Weighed(const decide::Decision& decision) {
  return static_cast<std::size_t>(std::max(decision.tier - 1, 0));
}

/// Whether the estimates mattered, and with them the question's words.
bool RouterDecided(const decide::Decision& decision) {
  const decide::Step* step = decide::DecidingStep(decision);
  return step != nullptr &&
         (step->kind == decide::StepKind::kRouter || step->kind == decide::StepKind::kBand ||
          step->kind == decide::StepKind::kCost);
}

/// The decision's JSON with what only an explanation has.
std::string Json(const Supposed& supposed, const Supposition& decided,
                 const std::vector<Change>& changes, const std::vector<WordWeight>& words,
                 const std::vector<std::string>& set, const std::string& without) {
  ledger::Exchange exchange;
  exchange.time = SystemClock().WallNow();
  exchange.context = supposed.context;
  exchange.requested_model = supposed.model;
  exchange.decision = decided.decision;
  auto json = nlohmann::ordered_json::parse(ledger::DecisionJson(exchange));
  const decide::Options& options = decided.snapshot->options;
  const NanoDollars stakes = decide::StakesOf(options, supposed.context);
  json["stakes_nusd"] = stakes.value();
  for (std::size_t t = 0; t < decided.decision.tiers.size(); ++t) {
    const decide::TierView& view = decided.decision.tiers[t];
    auto& tier = json["tiers"][t];
    tier["threshold"] = nullptr;
    tier["expected_loss_nusd"] = nullptr;
    if (view.threshold) tier["threshold"] = *view.threshold;
    if (view.sufficiency) {
      tier["expected_loss_nusd"] = decide::ExpectedLoss(stakes, *view.sufficiency).value();
    }
  }
  json["because"] = decide::Reason(decided.decision);
  auto& list = json["words"] = nlohmann::ordered_json::array();
  for (const WordWeight& weight : words) {
    list.push_back({{"word", weight.word},
                    {"tier", decided.decision.tiers[Weighed(decided.decision)].tier},
                    {"points", std::round(weight.points * 100) / 100}});
  }
  auto& others = json["changes"] = nlohmann::ordered_json::array();
  for (const Change& change : changes) {
    others.push_back({{"set", change.what}, {"tier", change.tier}});
  }
  if (!set.empty()) json["what_if"] = {{"set", set}, {"without", without}};
  // A question is any bytes; JSON is not.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<config::Snapshot> ConfigOf(const ExplainOptions& options) {
  if (options.config_given || std::filesystem::exists(options.config)) {
    return LoadConfig(options.config);
  }
  std::fputs(
      "triage: there is no triage.yaml here; explained with the example of three tiers "
      "(triage init writes it)\n",
      stderr);
  return LoadExample("three-tier");
}

int ExplainText(const ExplainOptions& options) {
  const Result<config::Snapshot> config = ConfigOf(options);
  if (!config) return FailToLoad(config.error());
  Supposed supposed{
      .text = options.what, .model = options.model, .context = options.context, .config = **config};
  std::string without;
  if (!options.set.empty()) {
    const Result<Supposition> as_asked = DecideSupposed(supposed);
    if (!as_asked) return Fail(as_asked.error());
    without = as_asked->decision.TierName();
  }
  for (const std::string& assignment : options.set) {
    if (const Result<void> set = Suppose(supposed, assignment); !set) return Fail(set.error());
  }
  const Result<Supposition> decided = DecideSupposed(supposed);
  if (!decided) return Fail(decided.error());
  const decide::Decision& decision = decided->decision;
  const std::vector<Change> changes = ChangesOf(supposed, decision);
  std::vector<WordWeight> words;
  if (decision.distance) words = WordsOf(supposed, *decided->snapshot, Weighed(decision));
  if (options.as_json) {
    Print(Json(supposed, *decided, changes, words, options.set, without) + "\n");
    return 0;
  }
  if (!options.set.empty()) {
    Print(fmt::format("Set:      {}; as asked it goes to {}\n", Join(options.set),
                      without.empty() ? "no tier" : without));
  }
  Print(decide::Story(decision, {.context = &supposed.context,
                                 .requested_model = supposed.model,
                                 .options = &decided->snapshot->options}));
  if (!words.empty() && RouterDecided(decision)) {
    Print(fmt::format("Words:    that {} is enough ({}): {}\n",
                      decision.tiers[Weighed(decision)].tier,
                      Percent(*decision.tiers[Weighed(decision)].sufficiency), InWords(words)));
  }
  if (!changes.empty()) Print(fmt::format("What if:  {}\n", InWords(changes)));
  return 0;
}

std::string AttemptLine(const ledger::Attempt& attempt) {
  const std::string outcome = attempt.error.empty() ? "answered" : attempt.error;
  const std::string cost = attempt.cost ? "$" + FormatUsd(*attempt.cost) : "cost unknown";
  const std::string kind =
      attempt.kind == ledger::AttemptKind::kAnswer ? "" : fmt::format("{}: ", Name(attempt.kind));
  return fmt::format("  {}{} ({}, {}): {} after {} ms, {}\n", kind, attempt.model, attempt.tier,
                     attempt.provider, outcome, attempt.total.count() / 1'000, cost);
}

/// What checks said of an attempt's answer.
std::string VerdictLines(const ledger::Exchange& exchange, std::size_t attempt) {
  std::string text;
  for (const ledger::Verdict& verdict : exchange.verdicts) {
    if (verdict.attempt != static_cast<int>(attempt)) continue;
    if (verdict.outcome == "pass") {
      text += "    passed ";
      for (const char c : verdict.check) text += c == ',' ? ", " : std::string(1, c);
      text += "\n";
    } else {
      text += fmt::format("    {} {}: {} (bad with {})\n",
                          verdict.outcome == "fail" ? "failed" : "unsure of", verdict.check,
                          verdict.reason, Percent(verdict.p_bad));
    }
  }
  return text;
}

std::string FeedbackLine(const ledger::Feedback& feedback) {
  const bool client = feedback.source == ledger::Feedback::Source::kClient;
  std::string text = client ? fmt::format("  its client: {}", feedback.kind)
                            : fmt::format("  the next turn: {}", feedback.kind);
  if (!feedback.value.empty())
    text += client ? " " + feedback.value : fmt::format(" (dissatisfied {})", feedback.value);
  if (!feedback.reason.empty()) text += fmt::format(": {}", feedback.reason);
  if (feedback.from) text += fmt::format(" [{}]", feedback.from->Text());
  if (feedback.good)
    text +=
        fmt::format("; a label: {} good, weight {:.2g}", Percent(*feedback.good), feedback.weight);
  return text + "\n";
}

/// What came of it, behind the story of the decision.
std::string Outcome(const ledger::StoredExchange& stored) {
  const ledger::Exchange& exchange = stored.exchange;
  std::string text = "Attempts:\n";
  for (std::size_t i = 0; i < exchange.attempts.size(); ++i)
    text += AttemptLine(exchange.attempts[i]) + VerdictLines(exchange, i);
  if (exchange.attempts.empty()) text += "  none\n";
  const std::string outcome =
      exchange.error.empty() ? fmt::format("{} answered", exchange.model) : exchange.error;
  text += fmt::format("Outcome:  {}, status {}, {} ms, ${}{}", outcome, exchange.status,
                      exchange.total.count() / 1'000, FormatUsd(exchange.cost),
                      exchange.cost_complete ? "" : " at least (a cost is not known exactly)");
  if (exchange.baseline_cost) {
    text += fmt::format(" instead of ${} on the baseline", FormatUsd(*exchange.baseline_cost));
  }
  text += "\n";
  if (!stored.feedback.empty()) text += "Feedback:\n";
  for (const ledger::Feedback& feedback : stored.feedback) text += FeedbackLine(feedback);
  return text;
}

/// The decision's JSON with what came of it.
std::string StoredJson(const ledger::StoredExchange& stored) {
  auto json = nlohmann::ordered_json::parse(stored.decision_json);
  auto& verdicts = json["verdicts"] = nlohmann::ordered_json::array();
  for (const ledger::Verdict& verdict : stored.exchange.verdicts) {
    verdicts.push_back({{"attempt", verdict.attempt + 1},
                        {"check", verdict.check},
                        {"outcome", verdict.outcome},
                        {"reason", verdict.reason},
                        {"p_bad", verdict.p_bad},
                        {"propensity", verdict.propensity}});
  }
  auto& list = json["feedback"] = nlohmann::ordered_json::array();
  for (const ledger::Feedback& feedback : stored.feedback) {
    nlohmann::ordered_json one{
        {"source", Name(feedback.source)}, {"kind", feedback.kind}, {"value", feedback.value},
        {"reason", feedback.reason},       {"good", nullptr},       {"weight", feedback.weight}};
    if (feedback.good) one["good"] = *feedback.good;
    if (feedback.from) one["from"] = feedback.from->Text();
    list.push_back(std::move(one));
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

int ExplainStored(const ExplainOptions& options, const ExchangeId& id) {
  if (!options.set.empty()) {
    return Fail({.code = ErrorCode::kInvalidRequest,
                 .message = "--set needs the question's text: the ledger does not keep it"});
  }
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
    Print(StoredJson(stored) + "\n");
    return 0;
  }
  const ledger::Exchange& exchange = stored.exchange;
  Print(decide::Story(exchange.decision,
                      {.context = &exchange.context, .requested_model = exchange.requested_model}) +
        Outcome(stored));
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
  CLI::Option* config = command->add_option("-c,--config", options->config, "Configuration file")
                            ->capture_default_str();
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
  command->add_option("--set", options->set,
                      "What if: NAME=VALUE of the request (impact, user, feature, …) or of routing "
                      "(stakes, rule, keep_quality, band, preset); may be given several times");
  command->add_flag("--json", options->as_json, "The decision as one JSON object");
  command->callback([options, config, &exit_code] {
    options->config_given = config->count() > 0;
    exit_code = Explain(*options);
  });
}

}  // namespace triage::app
