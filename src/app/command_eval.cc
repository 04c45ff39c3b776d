#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/eval_report.h"
#include "learn/dataset.h"

namespace triage::app {
namespace {

struct EvalFlags {
  std::string router;
  std::vector<std::string> data;
  std::vector<std::string> tiers;
  std::string prices = "data/prices.json";
  int only_fold = -1;
  int folds = 0;
  double keep_quality = 0.95;
  std::vector<std::string> by;
  int resamples = 200;
  std::string html;
  bool json = false;
};

int Fail(const Error& error) {
  fmt::print(stderr, "triage eval: {}\n", error.message);
  return 1;
}

Result<std::vector<learn::TestRow>> TestRows(const EvalFlags& flags, const learn::Dataset& data,
                                             const learn::PriceTable& prices, std::string& name) {
  if (flags.folds > 0) {
    learn::TrainOptions train;
    train.tiers = flags.tiers;
    train.prices = prices;
    train.resamples = 0;  // nobody reads the model cards
    name = fmt::format("{} routers, each tested on the fold it has not seen,", flags.folds);
    return learn::CrossValidate(data, train, flags.folds, flags.keep_quality);
  }
  auto router = learn::Router::Load(flags.router);
  if (!router) return std::move(router).error();
  name = (*router)->version();
  learn::EvalOptions options;
  options.tiers = flags.tiers;
  options.prices = prices;
  options.only_fold = flags.only_fold;
  options.keep_quality = flags.keep_quality;
  return learn::RouteRows(**router, data, options);
}

int Eval(const EvalFlags& flags) {
  if (flags.router.empty() == (flags.folds == 0)) {
    return Fail({.code = ErrorCode::kInvalidRequest,
                 .message = "give either --router or --crossval, which trains its own"});
  }
  auto data = learn::ReadDataset(flags.data);
  if (!data) return Fail(data.error());
  for (const learn::BadLine& bad : data->first_bad) {
    fmt::print(stderr, "triage eval: {}:{}: skipped, {}\n", bad.file, bad.line, bad.why);
  }
  const auto prices = learn::ReadPrices(flags.prices);
  if (!prices) return Fail(prices.error());
  Evaluation evaluation;
  const auto rows = TestRows(flags, *data, *prices, evaluation.router);
  if (!rows) return Fail(rows.error());
  std::vector<learn::SliceBy> by;
  for (const std::string& name : flags.by) {
    by.push_back(name == "family" ? learn::SliceBy::kFamily : learn::SliceBy::kDataset);
  }
  evaluation.tiers = flags.tiers;
  evaluation.keep_quality = flags.keep_quality;
  evaluation.bad_lines = data->bad_lines;
  evaluation.all = learn::Summarise(*rows, flags.tiers.size(), flags.resamples);
  evaluation.slices = learn::Slices(*rows, flags.tiers.size(), by, flags.resamples);
  if (!flags.html.empty()) {
    std::ofstream file(flags.html, std::ios::trunc);
    file << EvaluationHtml(evaluation);
    file.close();
    if (!file) return Fail({.code = ErrorCode::kIo, .message = "cannot write " + flags.html});
  }
  fmt::print("{}", flags.json ? EvaluationJson(evaluation) : EvaluationText(evaluation));
  return 0;
}

}  // namespace

void AddEval(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = app.add_subcommand("eval", "Measure a router on recorded outcomes");
  command->add_option("--router", flags->router, "The artifact");
  command
      ->add_option("--crossval", flags->folds,
                   "Instead of --router: train by so many grouped folds, test each on what it has "
                   "not seen")
      ->check(CLI::Range(2, 20));
  command->add_option("--data", flags->data, "Outcome files, JSON lines, plain or gzip")
      ->required();
  command->add_option("--tiers", flags->tiers, "Models that stand for the tiers, cheapest first")
      ->required()
      ->delimiter(',');
  command->add_option("--prices", flags->prices, "Prices of the models")->capture_default_str();
  command->add_option("--only-fold", flags->only_fold, "Use the rows of this fold only (0 to 4)")
      ->check(CLI::Range(0, 4));
  command
      ->add_option("--keep-quality", flags->keep_quality, "Share of the top tier's quality to keep")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--by", flags->by, "Figures of each part too: family, dataset")
      ->delimiter(',')
      ->check(CLI::IsMember({"family", "dataset"}));
  command->add_option("--resamples", flags->resamples, "Of the bootstrap")
      ->capture_default_str()
      ->check(CLI::Range(0, 100'000));
  command->add_option("--html", flags->html, "Write a page with charts to this file");
  command->add_flag("--json", flags->json, "One JSON object instead of a table");
  command->callback([flags, &exit_code] { exit_code = Eval(*flags); });
}

}  // namespace triage::app
