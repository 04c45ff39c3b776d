#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "ledger/open.h"
#include "reports/cost.h"
#include "reports/render.h"
#include "reports/since.h"

namespace triage::app {
namespace {

using ledger::Dimension;

/// What the command line says, still as text.
struct Arguments {
  std::string ledger = "triage.db";
  std::vector<std::string> by;
  std::string since = "7d";
  std::string format = "table";
  std::string out;
};

using MakeReport = reports::Report (*)(std::span<const ledger::Group>, std::span<const Dimension>,
                                       const ledger::TimeRange&);

Result<std::vector<Dimension>> ParseDimensions(const std::vector<std::string>& names) {
  std::vector<Dimension> dimensions;
  for (const std::string& name : names) {
    const std::optional<Dimension> dimension = ledger::ParseDimension(name);
    if (!dimension) {
      std::vector<std::string> known;
      for (const Dimension one : ledger::kAllDimensions) known.emplace_back(ledger::Name(one));
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = "--by '" + name + "' is not something to group by: expected any of " +
                              Join(known)};
    }
    dimensions.push_back(*dimension);
  }
  return dimensions;
}

Result<std::string> Write(const Arguments& arguments, MakeReport make) {
  const std::optional<reports::Format> format = reports::ParseFormat(arguments.format);
  if (!format) {
    return Error{
        .code = ErrorCode::kInvalidRequest,
        .message = "--format '" + arguments.format + "': expected table, csv, json or html"};
  }
  Result<std::vector<Dimension>> by = ParseDimensions(arguments.by);
  if (!by) return std::move(by).error();
  const WallTime now = SystemClock().WallNow();
  Result<WallTime> since = reports::ParseSince(arguments.since, now);
  if (!since) return std::move(since).error();
  Result<std::unique_ptr<ledger::Store>> store =
      ledger::OpenSqlite({.path = arguments.ledger, .mode = ledger::OpenMode::kReadOnly});
  if (!store) return std::move(store).error();
  const ledger::TimeRange range{*since, now};
  Result<std::vector<ledger::Group>> groups = (*store)->Aggregate(range, *by);
  if (!groups) return std::move(groups).error();
  return reports::Render(make(*groups, *by, range), *format);
}

int Run(const Arguments& arguments, MakeReport make) {
  const Result<std::string> text = Write(arguments, make);
  if (!text) {
    std::cerr << "triage report: " << text.error().message << '\n';
    return 1;
  }
  if (arguments.out.empty()) {
    std::cout << *text << std::flush;
    return std::cout.good() ? 0 : 1;
  }
  std::ofstream file(arguments.out, std::ios::binary);
  file << *text << std::flush;
  if (!file.good()) {
    std::cerr << "triage report: '" << arguments.out << "' cannot be written\n";
    return 1;
  }
  return 0;
}

void AddOne(CLI::App& report, const std::string& name, const std::string& what,
            std::vector<std::string> by, MakeReport make, int& exit_code) {
  CLI::App* command = report.add_subcommand(name, what);
  auto arguments = std::make_shared<Arguments>();
  arguments->by = std::move(by);
  command->add_option("--ledger", arguments->ledger, "The ledger's SQLite file")
      ->capture_default_str();
  command
      ->add_option(
          "--by", arguments->by,
          "Group by any of user, team, feature, query_type, tier, model, provider, hour, day")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--since", arguments->since,
                   "How far back: 7d, 24h, or a date such as 2026-11-24")
      ->capture_default_str();
  command->add_option("--format", arguments->format, "table, csv, json or html")
      ->capture_default_str();
  command->add_option("--out", arguments->out, "Write to this file instead of the terminal");
  command->callback([arguments, make, &exit_code] { exit_code = Run(*arguments, make); });
}

}  // namespace

void AddReport(CLI::App& app, int& exit_code) {
  CLI::App* report =
      app.add_subcommand("report", "What it cost and what it saved, from the ledger");
  report->require_subcommand(1);
  AddOne(*report, "cost", "What was spent, by any dimension", {"tier", "model"},
         reports::CostReport, exit_code);
  AddOne(*report, "savings", "What was saved against the baseline stored with each exchange", {},
         reports::SavingsReport, exit_code);
}

}  // namespace triage::app
