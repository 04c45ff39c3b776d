#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "learn/dataset.h"
#include "learn/train.h"

namespace triage::app {
namespace {

struct TrainFlags {
  std::vector<std::string> data;
  std::vector<std::string> tiers;
  std::string prices = "data/prices.json";
  std::string out;
  int exclude_fold = -1;
  std::uint64_t seed = 1;
};

int Fail(const Error& error) {
  fmt::print(stderr, "triage train: {}\n", error.message);
  return 1;
}

/// The file's name without folder and ending: the router's name.
std::string NameOf(const std::string& path) {
  const auto slash = path.find_last_of('/');
  std::string name = slash == path.npos ? path : path.substr(slash + 1);
  if (const auto dot = name.rfind('.'); dot != name.npos && dot > 0) name.resize(dot);
  return name;
}

/// R.triage → R.md, anything else → anything.md.
std::string CardPath(const std::string& path) {
  constexpr std::string_view kEnding = ".triage";
  return (path.ends_with(kEnding) ? path.substr(0, path.size() - kEnding.size()) : path) + ".md";
}

int Train(const TrainFlags& flags) {
  auto data = learn::ReadDataset(flags.data);
  if (!data) return Fail(data.error());
  for (const learn::BadLine& bad : data->first_bad) {
    fmt::print(stderr, "triage train: {}:{}: skipped, {}\n", bad.file, bad.line, bad.why);
  }
  auto prices = learn::ReadPrices(flags.prices);
  if (!prices) return Fail(prices.error());
  learn::TrainOptions options;
  options.name = NameOf(flags.out);
  options.tiers = flags.tiers;
  options.prices = std::move(*prices);
  options.exclude_fold = flags.exclude_fold;
  options.seed = flags.seed;
  options.command = fmt::format(
      "triage train --data {} --tiers {}{} --prices {} --seed {} --out {}",
      fmt::join(flags.data, " "), fmt::join(flags.tiers, ","),
      flags.exclude_fold >= 0 ? fmt::format(" --exclude-fold {}", flags.exclude_fold) : "",
      flags.prices, flags.seed, flags.out);
  auto report = learn::Train(*data, options);
  if (!report) return Fail(report.error());
  if (auto saved = report->router->Save(flags.out); !saved) return Fail(saved.error());
  const std::string card = CardPath(flags.out);
  std::ofstream file(card, std::ios::trunc);
  file << report->model_card;
  file.close();
  if (!file) return Fail({.code = ErrorCode::kIo, .message = "cannot write " + card});

  const learn::ThresholdRow& row = report->router->thresholds(0.95);
  const std::string left_out =
      flags.exclude_fold >= 0
          ? fmt::format("{} of fold {} left out, ", report->rows_left_out, flags.exclude_fold)
          : "";
  fmt::print("{}: learned from {} rows ({}{} without a score for every tier, {} bad lines)\n",
             report->router->version(), report->rows, left_out, report->rows_unlabelled,
             data->bad_lines);
  if (report->router->prior_only()) {
    fmt::print(
        "  PRIOR ONLY: nothing in these rows tells which questions need the dearer tier; every "
        "request will get the base rates\n");
  }
  for (const learn::TierMetrics& tier : report->tiers) {
    fmt::print("  {}: acceptable {:.1f} %, ECE {:.3f}, log-loss {:.4f}, calibration {}\n",
               tier.model, 100 * tier.base_rate, tier.calibration_error, tier.log_loss,
               learn::Name(tier.calibration.map.kind));
  }
  fmt::print("  keeping 95 % of {}'s quality cost {:.1f} % of always using it, on rows not seen\n",
             report->router->models().back(), 100 * double{row.weighed_cost_share});
  fmt::print("written: {} and {}\n", flags.out, card);
  return 0;
}

}  // namespace

void AddTrain(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "Learn a router from recorded outcomes");
  command->add_option("--data", flags->data, "Outcome files, JSON lines, plain or gzip")
      ->required();
  command->add_option("--tiers", flags->tiers, "Models that stand for the tiers, cheapest first")
      ->required()
      ->delimiter(',');
  command->add_option("--out", flags->out, "The artifact; its model card goes next to it")
      ->required();
  command->add_option("--prices", flags->prices, "Prices of the models")->capture_default_str();
  command->add_option("--exclude-fold", flags->exclude_fold, "Never look at this fold (0 to 4)");
  command->add_option("--seed", flags->seed, "Order in which rows are visited")
      ->capture_default_str();
  command->callback([flags, &exit_code] { exit_code = Train(*flags); });
}

}  // namespace triage::app
