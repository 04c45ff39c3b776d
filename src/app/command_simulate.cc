#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/simulated_host.h"

namespace triage::app {

namespace {

struct SimulateFlags {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9001;
  std::vector<std::string> models;
  std::string answers;
  std::string outcomes;
  std::vector<std::string> faults;
  std::string fault_file;
  std::string api_key;
  std::uint64_t seed = 1;
  double speed = 1;
  unsigned threads = 1;
};

Result<simulate::ProviderOptions> MakeOptions(const SimulateFlags& flags) {
  simulate::ProviderOptions options;
  options.api_key = flags.api_key;
  options.seed = flags.seed;
  options.speed = flags.speed;
  for (const std::string& text : flags.models) {
    auto spec = simulate::ParseModelSpec(text);
    if (!spec) return std::move(spec).error();
    options.models.push_back(std::move(*spec));
  }
  std::vector<simulate::FaultRule> rules;
  if (!flags.fault_file.empty()) {
    auto loaded = simulate::LoadFaultRules(flags.fault_file);
    if (!loaded) return std::move(loaded).error();
    rules = std::move(*loaded);
  }
  for (const std::string& text : flags.faults) {
    auto rule = simulate::ParseFaultRule(text);
    if (!rule) return std::move(rule).error();
    rules.push_back(std::move(*rule));
  }
  options.faults = std::make_shared<simulate::FaultSchedule>(std::move(rules), flags.seed);
  if (!flags.answers.empty()) {
    auto questions = simulate::LoadRecorded(flags.answers, flags.outcomes);
    if (!questions) return std::move(questions).error();
    options.answers = std::make_shared<simulate::RecordedAnswers>(std::move(*questions));
  }
  return options;
}

int Simulate(const SimulateFlags& flags) {
  auto options = MakeOptions(flags);
  if (!options) {
    fmt::print(stderr, "triage simulate: {}\n", options.error().message);
    return 1;
  }
  // Threads inherit the mask, so the signals come to sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const std::size_t recorded = options->answers ? options->answers->questions().size() : 0;
  net::ServerOptions server;
  server.host = flags.host;
  server.port = flags.port;
  auto host = SimulatedHost::Start(std::move(*options), server, flags.threads);
  if (!host) {
    fmt::print(stderr, "triage simulate: {}\n", host.error().message);
    return 1;
  }
  fmt::print("simulated provider on http://{}:{}/v1 ({} models, {} recorded questions)\n",
             flags.host, (*host)->port(), flags.models.size(), recorded);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  fmt::print("{} requests, {} with a fault\n", (*host)->requests(), (*host)->faults());
  return 0;
}

}  // namespace

void AddSimulate(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::App* command = app.add_subcommand("simulate", "A simulated OpenAI-compatible provider");
  command->add_option("--host", flags->host, "Address to listen on")->capture_default_str();
  command->add_option("--port", flags->port, "Port; 0 = the system chooses")->capture_default_str();
  command
      ->add_option(
          "--model", flags->models,
          "NAME[:ttft=120ms,tps=250,ttft_sigma=0.25,tps_sigma=0.1,chunk=4]; may be repeated")
      ->required();
  auto* answers = command->add_option("--answers", flags->answers,
                                      "Recorded answer texts (JSONL, may be gzipped)");
  auto* outcomes = command->add_option("--outcomes", flags->outcomes,
                                       "The questions they belong to (JSONL, may be gzipped)");
  answers->needs(outcomes);
  outcomes->needs(answers);
  command->add_option("--fault", flags->faults,
                      "MODEL:KIND[,CONDITION…], e.g. '*:status=503,every=20'; kinds: "
                      "status=CODE[,retry_after=S][,html], "
                      "close, hang, slow_headers=DURATION, slow_tokens=FACTOR, cut=CHUNKS, "
                      "error_event=CHUNKS, garbage, "
                      "content_type=TYPE, empty; conditions: every=N, p=PROBABILITY, "
                      "from=DURATION, until=DURATION, times=N; "
                      "may be repeated");
  command->add_option("--faults", flags->fault_file, "File with one such fault a line");
  command->add_option("--api-key", flags->api_key, "Key to demand as a bearer token");
  command->add_option("--seed", flags->seed, "Same seed, same speeds, texts and faults")
      ->capture_default_str();
  command->add_option("--speed", flags->speed, "Simulated seconds per real second")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  command->callback([flags, &exit_code] { exit_code = Simulate(*flags); });
}

}  // namespace triage::app
