#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/summary.h"

namespace triage::app {

namespace {

using nlohmann::json;

struct CheckOptions {
  std::string file = "triage.yaml";
  bool as_json = false;
  bool force = false;
  bool reference = false;
};

json ToJson(const config::Problem& problem) {
  return {{"severity", problem.severity == config::Severity::kError ? "error" : "warning"},
          {"file", problem.file},
          {"line", problem.line},
          {"column", problem.column},
          {"path", problem.path},
          {"message", problem.message},
          {"expected", problem.expected},
          {"nearest", problem.nearest}};
}

json ToJson(const config::Config& config) {
  json tiers = json::array();
  for (const config::Tier& tier : config.tiers) {
    json chain = json::array();
    for (const std::string& name : tier.chain) {
      const config::Model& model = *config.FindModel(name);
      json entry = {{"model", name},
                    {"provider", model.provider},
                    {"provider_model", model.model},
                    {"context", model.context == 0 ? json() : json(model.context)}};
      if (const config::Prices* now = config::InForce(model.prices, config.read_on)) {
        entry["usd_per_million"] = {{"input", config::FormatPrice(now->input)},
                                    {"output", config::FormatPrice(now->output)}};
        entry["prices_from"] = now->source;
      }
      chain.push_back(std::move(entry));
    }
    tiers.push_back({{"name", tier.name}, {"chain", std::move(chain)}});
  }
  return {{"version", config.version}, {"tiers", std::move(tiers)}, {"baseline", config.baseline}};
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int Check(const CheckOptions& options) {
  if (options.reference) {
    Print(config::ReferenceMarkdown());
    return 0;
  }
  config::LoadResult result = config::Load(options.file, {.allow_shut_down = options.force});
  if (options.as_json) {
    json problems = json::array();
    for (const config::Problem& problem : result.problems) problems.push_back(ToJson(problem));
    json report = {{"ok", result.ok()}, {"problems", std::move(problems)}};
    if (result.ok()) report["config"] = ToJson(*result.config);
    // A file that is not UTF-8 may put such bytes into messages.
    Print(report.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  } else {
    for (const config::Problem& problem : result.problems) Print(config::ToString(problem) + "\n");
    if (result.ok()) Print(config::Summary(*result.config));
  }
  return result.ok() ? 0 : 1;
}

}  // namespace

void AddCheck(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check", "Print every problem of a configuration; exit 1 if any is an error");
  command->add_option("-c,--config", options->file, "Configuration file")->capture_default_str();
  command->add_flag("--json", options->as_json, "One JSON object instead of text");
  command->add_flag("--force", options->force, "Accept models that are served no more");
  // Hidden: writes the table of docs/configuration.md.
  command->add_flag("--reference", options->reference)->group("");
  command->callback([options, &exit_code] { exit_code = Check(*options); });
}

}  // namespace triage::app
