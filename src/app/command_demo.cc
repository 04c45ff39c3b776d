#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/demo_curve.h"
#include "app/demo_ladder.h"
#include "app/demo_load.h"
#include "app/demo_report.h"
#include "app/demo_text.h"
#include "app/demo_traffic.h"
#include "app/gateway.h"
#include "app/load_config.h"
#include "app/simulated_host.h"
#include "learn/router.h"
#include "ledger/open.h"
#include "observe/log.h"

namespace triage::app {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 20'240;
// One answer in a hundred fails at hosts that have another behind them, so that fallbacks show.
constexpr std::string_view kFault = "*:status=503,p=0.01";

struct DemoFlags {
  bool json = false;
  bool stay = false;
  std::size_t questions = 0;  ///< 0 = all
  std::string out = "triage-demo.html";
  std::string ledger = "triage-demo.db";
  std::string config = "triage-demo.yaml";
  std::uint16_t port = 0;
  double speed = 5;
  std::size_t concurrency = 96;
};

/// Everything that runs during the demo; the gateway goes first.
struct DemoHouse {
  std::vector<DemoRung> ladder;
  std::shared_ptr<const simulate::RecordedAnswers> recorded;
  std::vector<std::unique_ptr<SimulatedHost>> hosts;
  config::Snapshot config;
  std::unique_ptr<Gateway> gateway;
};

/// Where data/ is: beside a build tree or an installation, or under $TRIAGE_HOME.
Result<fs::path> FindData() {
  std::vector<fs::path> places;
  if (const char* home = std::getenv("TRIAGE_HOME")) places.emplace_back(fs::path(home) / "data");
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  if (!failed) {
    places.push_back(folder / "../../data");
    places.push_back(folder / "../share/triage/data");
  }
  for (const fs::path& place : places) {
    if (fs::exists(place / "demo_answers.jsonl.gz", failed))
      return fs::weakly_canonical(place, failed);
  }
  return Error{ErrorCode::kNotFound,
               "the demo's questions were not found beside the program; set TRIAGE_HOME to the "
               "folder that holds data/"};
}

Result<std::vector<DemoEndpoint>> StartHosts(DemoHouse& house, double speed) {
  std::vector<DemoEndpoint> endpoints;
  for (const DemoRung& rung : house.ladder) {
    for (const std::string& name : rung.hosts) {
      simulate::ProviderOptions provider;
      provider.models = {rung.spec};
      provider.seed = kSeed;
      provider.speed = speed;
      provider.answers = house.recorded;
      if (name != rung.hosts.back()) {
        auto rule = simulate::ParseFaultRule(kFault);
        if (!rule) return std::move(rule).error();
        provider.faults = std::make_shared<simulate::FaultSchedule>(std::vector{*rule}, kSeed);
      }
      auto host = SimulatedHost::Start(std::move(provider), {}, 1);
      if (!host) return std::move(host).error();
      endpoints.push_back({name, (*host)->port()});
      house.hosts.push_back(std::move(*host));
    }
  }
  return endpoints;
}

Result<void> WriteFile(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Error{ErrorCode::kIo, "cannot write " + path.string()};
  return {};
}

/// An earlier demo's ledger goes, so that the reports on it are about this run.
void RemoveLedger(const fs::path& path) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", ".recovery.jsonl"})
    fs::remove(path.string() + suffix, ignored);
}

Result<DemoHouse> StartHouse(const DemoFlags& flags) {
  DemoHouse house;
  const auto data = FindData();
  if (!data) return data.error();
  auto ladder = MakeLadder(*data / "prices.json");
  if (!ladder) return std::move(ladder).error();
  house.ladder = std::move(*ladder);
  auto questions = simulate::LoadRecorded((*data / "demo_answers.jsonl.gz").string(),
                                          (*data / "outcomes.jsonl.gz").string());
  if (!questions) return std::move(questions).error();
  house.recorded = std::make_shared<simulate::RecordedAnswers>(std::move(*questions));
  const auto endpoints = StartHosts(house, flags.speed);
  if (!endpoints) return endpoints.error();

  RemoveLedger(flags.ledger);
  const fs::path ledger = fs::absolute(flags.ledger);
  auto written = WriteFile(flags.config, DemoConfig(house.ladder, *endpoints, flags.port, ledger));
  if (!written) return std::move(written).error();
  auto config = LoadConfig(flags.config);
  if (!config) return std::move(config).error();
  house.config = std::move(*config);
  auto gateway = Gateway::Start({.config = house.config});
  if (!gateway) return std::move(gateway).error();
  house.gateway = std::move(*gateway);
  return house;
}

/// A bar on the terminal; nothing when stderr is not one.
void ShowProgress(std::size_t done, std::size_t all) {
  static const bool kIsTerminal = isatty(STDERR_FILENO) == 1;
  const std::size_t step = std::max<std::size_t>(all / 200, 1);
  if (!kIsTerminal || (done != all && done % step != 0)) return;
  const std::size_t filled = 40 * done / all;
  fmt::print(stderr, "\r[{:<40}] {}/{}{}", std::string(filled, '='), done, all,
             done == all ? "\n" : "");
}

using Exchanges = std::unordered_map<std::string, ledger::Exchange>;

/// The ledger's entries of the replies, by exchange id.
Result<Exchanges> ReadLedger(const fs::path& path, std::span<const DemoReply> replies) {
  auto store = ledger::OpenSqlite({.path = path.string(), .mode = ledger::OpenMode::kReadOnly});
  if (!store) return std::move(store).error();
  Exchanges exchanges;
  for (const DemoReply& reply : replies) {
    const auto id = ExchangeId::Parse(reply.exchange);
    if (!id) continue;
    auto found = (*store)->FindExchange(*id);
    if (!found) return std::move(found).error();
    if (*found) exchanges.emplace(reply.exchange, std::move((*found)->exchange));
  }
  return exchanges;
}

std::vector<DemoOutcome> Join(const DemoHouse& house, std::span<const DemoRequest> traffic,
                              std::span<const DemoReply> replies, const Exchanges& exchanges,
                              double speed) {
  std::vector<DemoOutcome> outcomes;
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    const auto found = exchanges.find(replies[i].exchange);
    outcomes.push_back(JoinOutcome(
        house.recorded->questions()[traffic[i].question], *house.recorded, replies[i],
        found == exchanges.end() ? nullptr : &found->second, house.ladder, kSeed, speed));
  }
  return outcomes;
}

/// The first few reasons for which there was no answer.
void PrintFailures(std::span<const DemoReply> replies) {
  int shown = 0;
  for (const DemoReply& reply : replies) {
    if (reply.error.empty() || ++shown > 3) continue;
    fmt::print(stderr, "no answer (status {}): {}\n", reply.status, reply.error);
  }
}

void PrintStay(const DemoHouse& house, const DemoFlags& flags, std::string_view example) {
  const std::string url =
      fmt::format("http://127.0.0.1:{}/v1/chat/completions", house.gateway->port());
  fmt::print(stderr,
             "\nThe gateway stays until Ctrl-C. Try:\n"
             "  curl -si {0} -H 'content-type: application/json' \\\n"
             "    -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"What is "
             "2+2?\"}}]}}'\n"
             "  curl -sN {0} -H 'content-type: application/json' \\\n"
             "    -d "
             "'{{\"model\":\"auto\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":"
             "\"What is 2+2?\"}}]}}'\n"
             "  triage explain {2} -c {1}\n"
             "  triage report savings --ledger {3}\n",
             url, flags.config, example, flags.ledger);
}

Result<int> Demo(const DemoFlags& flags) {
  // Threads inherit the mask, so the signals come to sigwait when the gateway stays.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  if (flags.stay) pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // Fallbacks are part of the show; only what a person must act on may disturb the progress bar.
  observe::StartLog({.level = observe::Level::kError, .format = observe::LogFormat::kHuman});

  auto started = StartHouse(flags);
  if (!started) return std::move(started).error();
  DemoHouse& house = *started;
  const auto& questions = house.recorded->questions();
  std::vector<DemoRequest> traffic = MakeTraffic(questions, kSeed);
  const bool all = flags.questions == 0 || flags.questions >= traffic.size();
  if (!all) traffic.resize(flags.questions);

  LoadOptions load;
  load.origin.host = "127.0.0.1";
  load.origin.port = house.gateway->port();
  load.concurrency = flags.concurrency;
  net::Loop loop;
  fmt::print(stderr,
             "Replaying {} questions through http://127.0.0.1:{} (simulated providers, {:g} times "
             "faster)\n",
             traffic.size(), load.origin.port, flags.speed);
  const SteadyTime start = SystemClock().Now();
  const auto replies = RunLoad(loop, load, questions, traffic, SystemClock(),
                               [&](std::size_t done) { ShowProgress(done, traffic.size()); });
  DemoRun run;
  run.seconds = std::chrono::duration<double>(SystemClock().Now() - start).count();
  run.speed = flags.speed;
  PrintFailures(replies);

  house.gateway->FlushLedger();
  const auto exchanges = ReadLedger(house.config->ledger.path, replies);
  if (!exchanges) return exchanges.error();
  if (!exchanges->empty()) run.router = exchanges->begin()->second.decision.router_version;
  const auto outcomes = Join(house, traffic, replies, *exchanges, flags.speed);
  std::vector<DemoTier> tiers;
  for (const DemoRung& rung : house.ladder) tiers.push_back(rung.tier);
  DemoReport report = Summarize(std::move(tiers), outcomes);
  const auto router = learn::Router::Load(house.config->routing.router.string());
  if (router) report.curve = OperatingCurve(**router, outcomes);
  const auto written = WriteFile(flags.out, DemoHtml(report, run));
  if (!written) return written.error();
  if (flags.json) {
    fmt::print("{}\n", DemoJson(report, run));
  } else {
    fmt::print("{}\nThe same with the curve: {}. Ledger: {}.\n", DemoText(report, run), flags.out,
               flags.ledger);
  }
  std::fflush(stdout);
  if (flags.stay) {
    PrintStay(house, flags, replies.empty() ? "ID" : replies.front().exchange);
    int signal = 0;
    sigwait(&signals, &signal);
  }
  // A demo that lost answers or money has failed; one that missed its goal says so and has not.
  return report.errors > 0 || report.cost_disagreements > 0 || report.mismatches > 0 ? 1 : 0;
}

}  // namespace

void AddDemo(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<DemoFlags>();
  CLI::App* command = app.add_subcommand("demo",
                                         "Replay real questions through the gateway against "
                                         "simulated providers, and show what routing saves");
  command->add_flag("--json", flags->json, "Print one JSON object instead of the tables");
  command->add_flag("--stay", flags->stay, "Leave the gateway running afterwards");
  command->add_option("--questions", flags->questions, "Only so many of the questions; 0 = all")
      ->capture_default_str();
  command->add_option("--out", flags->out, "The page to write")->capture_default_str();
  command->add_option("--ledger", flags->ledger, "The ledger to write; an earlier one is replaced")
      ->capture_default_str();
  command->add_option("--config", flags->config, "The configuration to write")
      ->capture_default_str();
  command->add_option("--port", flags->port, "Port of the gateway; 0 = the system chooses")
      ->capture_default_str();
  command->add_option("--speed", flags->speed, "Simulated seconds per real second")
      ->check(CLI::Range(0.1, 1000.0))
      ->capture_default_str();
  command->add_option("--concurrency", flags->concurrency, "Requests at the same time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    const auto code = Demo(*flags);
    observe::StopLog();
    if (!code) fmt::print(stderr, "triage demo: {}\n", code.error().message);
    exit_code = code ? *code : 1;
  });
}

}  // namespace triage::app
