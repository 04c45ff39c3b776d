#pragma once

namespace CLI {
class App;
}

namespace triage::app {

// Each registers one subcommand whose callback does the work and sets `exit_code`.
void AddServe(CLI::App& app, int& exit_code);
void AddDemo(CLI::App& app, int& exit_code);
void AddCheck(CLI::App& app, int& exit_code);
void AddInit(CLI::App& app, int& exit_code);
void AddExplain(CLI::App& app, int& exit_code);
void AddTrain(CLI::App& app, int& exit_code);
void AddEval(CLI::App& app, int& exit_code);
void AddReplay(CLI::App& app, int& exit_code);
void AddReport(CLI::App& app, int& exit_code);
void AddSimulate(CLI::App& app, int& exit_code);

}  // namespace triage::app
