#include <charconv>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/load_config.h"
#include "app/resilience.h"
#include "app/snapshot.h"
#include "base/clock.h"
#include "base/text.h"
#include "ledger/open.h"
#include "observe/metrics.h"
#include "replay/outage.h"
#include "reports/since.h"

namespace triage::app {
namespace {

struct Arguments {
  std::string config = "triage.yaml";
  std::string ledger;
  std::string outage;
  std::string since = "1h";
  std::vector<std::string> limits;
  bool json = false;
};

Error Wrong(std::string message) {
  return {.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
}

replay::Ladder ToLadder(const pipeline::Snapshot& snapshot, WallTime now) {
  replay::Ladder ladder;
  for (std::size_t i = 0; i < snapshot.options.models.size(); ++i) {
    const decide::ModelOption& model = snapshot.options.models[i];
    ladder.models.push_back({.name = model.name,
                             .provider = model.provider,
                             .prices = snapshot.models[i].prices.At(now),
                             .context_window = model.context_window,
                             .per_minute = {}});
  }
  for (const decide::TierOption& tier : snapshot.options.tiers)
    ladder.tiers.push_back({.name = tier.name, .chain = tier.chain});
  ladder.promotion = ToOptions(snapshot.config->resilience.promotion);
  ladder.sensitivity = snapshot.config->sensitivity;
  return ladder;
}

// "MODEL=REQUESTS" a minute.
Result<void> ReadLimit(const std::string& text, replay::Ladder& ladder) {
  const std::size_t equals = text.find('=');
  const int model = ladder.FindModel(text.substr(0, equals));
  std::int64_t limit = 0;
  const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), limit);
  if (model < 0 || read.ec != std::errc() || read.ptr != number.data() + number.size() ||
      limit < 0) {
    return Wrong("--limit '" + text + "': expected MODEL=REQUESTS-A-MINUTE of a configured model");
  }
  ladder.models[static_cast<std::size_t>(model)].per_minute = limit;
  return {};
}

Result<std::string> Replay(const Arguments& arguments) {
  Result<config::Snapshot> config = LoadConfig(arguments.config);
  if (!config) return std::move(config).error();
  if ((*config)->FindProvider(arguments.outage) == nullptr) {
    std::vector<std::string> names;
    for (const config::Provider& provider : (*config)->providers) names.push_back(provider.name);
    return Wrong("--outage '" + arguments.outage + "': no such provider; there are " + Join(names));
  }
  const WallTime now = SystemClock().WallNow();
  const Result<WallTime> since = reports::ParseSince(arguments.since, now);
  if (!since) return since.error();
  observe::Registry unseen;
  const auto snapshot = BuildSnapshot(*config, unseen, nullptr);
  if (!snapshot) return snapshot.error();
  replay::Ladder ladder = ToLadder(**snapshot, now);
  for (const std::string& limit : arguments.limits) {
    const Result<void> read = ReadLimit(limit, ladder);
    if (!read) return read.error();
  }
  const std::string path =
      arguments.ledger.empty() ? (*config)->ledger.path.string() : arguments.ledger;
  const Result<std::unique_ptr<ledger::Store>> store =
      ledger::OpenSqlite({.path = path, .mode = ledger::OpenMode::kReadOnly});
  if (!store) return store.error();
  const ledger::TimeRange range{*since, now};
  replay::Outage outage(std::move(ladder), arguments.outage, range);
  const Result<void> visited = (*store)->Visit(
      range, [&](const ledger::StoredExchange& stored) { outage.Add(stored.exchange); });
  if (!visited) return visited.error();
  const replay::OutageReport report = outage.Finish();
  return arguments.json ? replay::OutageJson(report) + "\n" : replay::OutageText(report);
}

int Run(const Arguments& arguments) {
  const Result<std::string> text = Replay(arguments);
  if (!text) {
    std::cerr << "triage replay: " << text.error().message << '\n';
    return 1;
  }
  std::cout << *text << std::flush;
  return std::cout.good() ? 0 : 1;
}

}  // namespace

void AddReplay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("replay", "What would happen to recorded traffic if a provider were down");
  command->add_option("-c,--config", arguments->config, "Configuration file")
      ->capture_default_str();
  command->add_option("--ledger", arguments->ledger,
                      "The ledger's SQLite file; default: the configuration's");
  command->add_option("--outage", arguments->outage, "The provider that is down")->required();
  command->add_option("--since", arguments->since, "How far back: 1h, 7d, or a date")
      ->capture_default_str();
  command->add_option(
      "--limit", arguments->limits,
      "MODEL=N: its provider takes N requests a minute; may be given several times");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments, &exit_code] { exit_code = Run(*arguments); });
}

}  // namespace triage::app
