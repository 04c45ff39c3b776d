#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/gateway.h"
#include "app/load_config.h"
#include "observe/log.h"

namespace triage::app {
namespace {

void StartLogging(const config::Config& config) {
  observe::StartLog(
      {.level = observe::ParseLevel(config.log.level).value_or(observe::Level::kInfo),
       .format = config.log.json ? observe::LogFormat::kJson : observe::LogFormat::kHuman,
       .background = true});
}

/// Waits for signals until one says stop. SIGHUP reloads.
void WaitForStop(Gateway& gateway, const sigset_t& signals) {
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return;
    // What comes of it is in the log.
    [[maybe_unused]] const Result<std::string> reloaded = gateway.Reload();
  }
}

int Serve(const std::string& path, const config::LoadOptions& load) {
  // Before any thread starts, so that all inherit the mask and only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Result<config::Snapshot> config = LoadConfig(path, load);
  if (!config) {
    std::fputs(config.error().message.c_str(), stderr);
    return 1;
  }
  StartLogging(**config);
  Result<std::unique_ptr<Gateway>> gateway =
      Gateway::Start({.config = *config, .load = [path, load] { return LoadConfig(path, load); }});
  if (!gateway) {
    observe::StopLog();
    std::fprintf(stderr, "triage: %s\n", gateway.error().message.c_str());
    return 1;
  }
  const config::Address& http = (*config)->listen.http;
  observe::Log(observe::Level::kInfo, "serving",
               {{"address", http.host + ":" + std::to_string((*gateway)->port())},
                {"admin_port", (*gateway)->admin_port()},
                {"config_version", (*config)->version}});
  WaitForStop(**gateway, signals);
  observe::Log(observe::Level::kInfo, "draining");
  const bool finished = (*gateway)->Drain((*config)->limits.drain_notice, (*config)->limits.drain);
  if (!finished) observe::Log(observe::Level::kWarn, "exchanges were cut at the end of the drain");
  gateway->reset();
  observe::Log(observe::Level::kInfo, "stopped");
  observe::StopLog();
  return 0;
}

}  // namespace

void AddServe(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("serve", "Run the gateway");
  auto path = std::make_shared<std::string>("triage.yaml");
  command->add_option("-c,--config", *path, "Configuration file")->capture_default_str();
  auto load = std::make_shared<config::LoadOptions>();
  command->add_flag("--force", load->allow_shut_down,
                    "Start although models of the configuration are served no more");
  command->callback([path, load, &exit_code] { exit_code = Serve(*path, *load); });
}

}  // namespace triage::app
