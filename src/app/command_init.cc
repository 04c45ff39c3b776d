#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "config/summary.h"

namespace triage::app {

namespace {

struct InitOptions {
  std::string out = "triage.yaml";
  std::string example = "three-tier";
  bool force = false;
};

int Init(const InitOptions& options) {
  std::error_code ignored;
  if (std::filesystem::exists(options.out, ignored) && !options.force) {
    fmt::print(stderr, "triage: {} exists; --force overwrites it\n", options.out);
    return 1;
  }
  std::string_view text = config::BuiltInExample(options.example);
  errno = 0;
  std::ofstream file(options.out, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) {
    fmt::print(stderr, "triage: cannot write {}: {}\n", options.out, std::strerror(errno));
    return 1;
  }
  fmt::print("wrote {}; next: set the keys that it names, then triage check -c {}\n", options.out,
             options.out);
  return 0;
}

}  // namespace

void AddInit(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand("init", "Write a commented configuration");
  command->add_option("-o,--out", options->out, "File to write")->capture_default_str();
  command->add_option("--example", options->example, "Which example")
      ->check(CLI::IsMember({"three-tier", "start-simple"}))
      ->capture_default_str();
  command->add_flag("--force", options->force, "Overwrite an existing file");
  command->callback([options, &exit_code] { exit_code = Init(*options); });
}

}  // namespace triage::app
