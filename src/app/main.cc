#include <csignal>

#include <CLI/CLI.hpp>

#include "app/commands.h"

int main(int argc, char** argv) {
  // A peer that has closed is found out by the call that writes to it.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Triage: a gateway for language models that sends each request to the tier that is enough "
      "for it."};
  app.set_version_flag("--version", TRIAGE_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  triage::app::AddServe(app, exit_code);
  triage::app::AddDemo(app, exit_code);
  triage::app::AddCheck(app, exit_code);
  triage::app::AddInit(app, exit_code);
  triage::app::AddExplain(app, exit_code);
  triage::app::AddTrain(app, exit_code);
  triage::app::AddEval(app, exit_code);
  triage::app::AddReplay(app, exit_code);
  triage::app::AddReport(app, exit_code);
  triage::app::AddSimulate(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
