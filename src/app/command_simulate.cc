#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/simulated_host.h"
#include "base/text.h"
#include "simulate/certificate.h"

namespace triage::app {

namespace {

struct SimulateFlags {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9001;
  std::vector<std::string> dialects;
  std::vector<std::string> models;
  std::string answers;
  std::string outcomes;
  std::string transcripts;
  std::vector<std::string> faults;
  std::string fault_file;
  std::string api_key;
  std::vector<std::string> refused;
  std::string compression;
  std::string record;
  bool lenient = false;
  bool tls = false;
  std::string tls_name;
  std::string tls_save;
  std::uint64_t seed = 1;
  double speed = 1;
  unsigned threads = 1;
};

std::string KnownDialects() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < llm::kDialects; ++i)
    names.emplace_back(llm::Name(static_cast<llm::Dialect>(i)));
  return Join(names);
}

Result<simulate::ProviderOptions> MakeOptions(const SimulateFlags& flags) {
  simulate::ProviderOptions options;
  options.api_key = flags.api_key;
  options.seed = flags.seed;
  options.speed = flags.speed;
  options.lenient = flags.lenient;
  options.refused = flags.refused;
  if (!flags.dialects.empty()) options.dialects.clear();
  for (const std::string& text : flags.dialects) {
    const auto dialect = llm::ParseDialect(text);
    if (!dialect) {
      return Error{ErrorCode::kInvalidRequest,
                   fmt::format("'{}' is no dialect (known: {})", text, KnownDialects())};
    }
    options.dialects.push_back(*dialect);
  }
  if (!flags.compression.empty()) {
    auto compression = simulate::ParseCompression(flags.compression);
    if (!compression) return std::move(compression).error();
    options.compression = *compression;
  }
  if (!flags.record.empty()) {
    auto recorder = simulate::Recorder::Open(flags.record);
    if (!recorder) return std::move(recorder).error();
    options.recorder = std::move(*recorder);
  }
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
  if (!flags.transcripts.empty()) {
    auto transcripts = simulate::Transcripts::Load(flags.transcripts);
    if (!transcripts) return std::move(transcripts).error();
    options.transcripts = std::move(*transcripts);
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
  if (flags.tls) {
    auto context = simulate::SelfSigned(flags.tls_name, flags.tls_save);
    if (!context) {
      fmt::print(stderr, "triage simulate: {}\n", context.error().message);
      return 1;
    }
    server.tls = std::move(*context);
  }
  std::string spoken;
  for (const llm::Dialect dialect : options->dialects)
    spoken += fmt::format("{}{}", spoken.empty() ? "" : ", ", llm::Name(dialect));
  auto host = SimulatedHost::Start(std::move(*options), server, flags.threads);
  if (!host) {
    fmt::print(stderr, "triage simulate: {}\n", host.error().message);
    return 1;
  }
  fmt::print("simulated provider on {}://{}:{} speaks {} ({} models, {} recorded questions)\n",
             flags.tls ? "https" : "http", flags.host, (*host)->port(), spoken, flags.models.size(),
             recorded);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  fmt::print("{} requests, {} with a fault\n", (*host)->requests(), (*host)->faults());
  return 0;
}

}  // namespace

void AddSimulate(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::App* command = app.add_subcommand("simulate", "A simulated provider of language models");
  command->add_option("--host", flags->host, "Address to listen on")->capture_default_str();
  command->add_option("--port", flags->port, "Port; 0 = the system chooses")->capture_default_str();
  command
      ->add_option("--dialect", flags->dialects,
                   "What it speaks: " + KnownDialects() +
                       " (default openai); several are told apart by path")
      ->delimiter(',');
  command
      ->add_option("--model", flags->models,
                   "NAME[:ttft=120ms,tps=250,ttft_sigma=0.25,tps_sigma=0.1,chunk=4,rpm=N,tpm=N]; "
                   "may be repeated")
      ->required();
  auto* answers = command->add_option("--answers", flags->answers,
                                      "Recorded answer texts (JSONL, may be gzipped)");
  auto* outcomes = command->add_option("--outcomes", flags->outcomes,
                                       "The questions they belong to (JSONL, may be gzipped)");
  answers->needs(outcomes);
  outcomes->needs(answers);
  command->add_option("--transcripts", flags->transcripts,
                      "Folder of answers as providers gave them (.json, .sse, .events); a user "
                      "text \"please replay FILE\" gets one byte for byte");
  command->add_option("--fault", flags->faults,
                      "MODEL:KIND[,CONDITION…], e.g. '*:status=503,every=20'; kinds: "
                      "status=CODE[,retry_after=S][,html], "
                      "close, hang, slow_headers=DURATION, slow_tokens=FACTOR, cut=CHUNKS, "
                      "error_event=CHUNKS, garbage, "
                      "content_type=TYPE, empty, degraded, down; conditions: every=N, "
                      "p=PROBABILITY, from=DURATION, until=DURATION, flap=DURATION, times=N; "
                      "may be repeated");
  command->add_option("--faults", flags->fault_file, "File with one such fault a line");
  command->add_option("--api-key", flags->api_key,
                      "Key to demand where the dialect's clients put it");
  command->add_option("--refuse", flags->refused,
                      "Field that gets a 400 although the dialect has it; may be repeated");
  command->add_flag("--lenient", flags->lenient, "Take fields that the dialect does not know");
  command->add_option("--compress", flags->compression, "gzip or zstd: compress every answer");
  command->add_option("--record", flags->record,
                      "File that gets one JSON line for each request, secrets left out");
  auto* tls = command->add_flag("--tls", flags->tls,
                                "Serve HTTPS with a fresh certificate that nobody trusts");
  command
      ->add_option("--tls-name", flags->tls_name,
                   "Name in that certificate (default localhost and 127.0.0.1)")
      ->needs(tls);
  command->add_option("--tls-save", flags->tls_save, "File that gets the certificate, to trust it")
      ->needs(tls);
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
