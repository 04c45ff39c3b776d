#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "learn/dataset.h"
#include "learn/evaluate.h"

namespace triage::app {
namespace {

using Json = nlohmann::json;

struct EvalFlags {
  std::string router;
  std::vector<std::string> data;
  std::vector<std::string> tiers;
  std::string prices = "data/prices.json";
  int only_fold = -1;
  double keep_quality = 0.95;
  bool json = false;
};

int Fail(const Error& error) {
  fmt::print(stderr, "triage eval: {}\n", error.message);
  return 1;
}

Json Shares(const learn::PolicyPoint& point, const std::vector<std::string>& tiers) {
  Json out = Json::object();
  for (std::size_t t = 0; t < tiers.size(); ++t) out[tiers[t]] = point.tier_share[t];
  return out;
}

void AddFigures(Json& out, const learn::RoutingFigures& figures) {
  out["apgr"] = figures.gap ? Json(figures.gap->apgr) : Json();
  out["cpt50"] = figures.gap ? Json(figures.gap->cpt50) : Json();
  out["cpt80"] = figures.gap ? Json(figures.gap->cpt80) : Json();
  out["cpt95"] = figures.gap ? Json(figures.gap->cpt95) : Json();
  out["cost95"] = figures.cost95;
  out["cost99"] = figures.cost99;
}

Json ToJson(const learn::EvalReport& report, const learn::Router& router, const EvalFlags& flags) {
  Json out = Json::object();
  out["rows"] = report.rows;
  out["router"] = router.version();
  AddFigures(out, report.router);
  out["ece"] = report.calibration_error;
  out["brier"] = report.brier;
  out["log_loss"] = report.log_loss;
  out["mean_distance"] = report.mean_distance;
  Json& baselines = out["baselines"];
  AddFigures(baselines["random"], report.random);
  AddFigures(baselines["length"], report.length);
  AddFigures(baselines["oracle"], report.oracle);
  for (std::size_t t = 0; t < flags.tiers.size(); ++t) {
    out["single"][flags.tiers[t]] = {{"quality", report.quality[t]},
                                     {"cost_ratio", report.cost_share[t]}};
  }
  const auto point = [&](const learn::PolicyPoint& at, const learn::Interval& cost,
                         const learn::Interval& quality) {
    return Json{{"cost_ratio", at.cost_share},
                {"cost_interval", {cost.low, cost.high}},
                {"quality_ratio", at.quality_share},
                {"quality_interval", {quality.low, quality.high}},
                {"tier_share", Shares(at, flags.tiers)}};
  };
  out["keep_quality"] = flags.keep_quality;
  out["weighed"] = point(report.weighed, report.weighed_cost, report.weighed_quality);
  out["plain"] = point(report.plain, report.plain_cost, report.plain_quality);
  out["cost_ratio"] = report.weighed.cost_share;
  out["quality_ratio"] = report.weighed.quality_share;
  out["tier_share"] = Shares(report.weighed, flags.tiers);
  return out;
}

void PrintFigures(std::string_view name, const learn::RoutingFigures& figures) {
  fmt::print("  {:<8}", name);
  if (figures.gap) {
    fmt::print("{:>8.3f}{:>8.3f}{:>8.3f}{:>8.3f}", figures.gap->apgr, figures.gap->cpt50,
               figures.gap->cpt80, figures.gap->cpt95);
  } else {
    fmt::print("{:>8}{:>8}{:>8}{:>8}", "-", "-", "-", "-");
  }
  fmt::print("{:>8.3f}{:>8.3f}\n", figures.cost95, figures.cost99);
}

void Print(const learn::EvalReport& report, const learn::Router& router, const EvalFlags& flags) {
  fmt::print("{} on {} rows\n", router.version(), report.rows);
  fmt::print("  {:<8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}\n", "", "APGR", "CPT50", "CPT80", "CPT95",
             "cost95", "cost99");
  PrintFigures("router", report.router);
  PrintFigures("random", report.random);
  PrintFigures("length", report.length);
  PrintFigures("oracle", report.oracle);
  fmt::print("  calibration: ECE {:.3f}, Brier {:.3f}, log-loss {:.4f}; mean distance {:.2f}\n",
             report.calibration_error, report.brier, report.log_loss, report.mean_distance);
  const auto point = [&](std::string_view name, const learn::PolicyPoint& at,
                         const learn::Interval& cost, const learn::Interval& quality) {
    fmt::print(
        "  {} thresholds for {:.0f} %: cost {:.1f} % [{:.1f}, {:.1f}], quality {:.1f} % [{:.1f}, "
        "{:.1f}]\n",
        name, 100 * flags.keep_quality, 100 * at.cost_share, 100 * cost.low, 100 * cost.high,
        100 * at.quality_share, 100 * quality.low, 100 * quality.high);
    for (std::size_t t = 0; t < flags.tiers.size(); ++t) {
      fmt::print("    {:<20} {:5.1f} %\n", flags.tiers[t], 100 * at.tier_share[t]);
    }
  };
  point("weighed", report.weighed, report.weighed_cost, report.weighed_quality);
  point("plain", report.plain, report.plain_cost, report.plain_quality);
}

int Eval(const EvalFlags& flags) {
  auto router = learn::Router::Load(flags.router);
  if (!router) return Fail(router.error());
  auto data = learn::ReadDataset(flags.data);
  if (!data) return Fail(data.error());
  auto prices = learn::ReadPrices(flags.prices);
  if (!prices) return Fail(prices.error());
  learn::EvalOptions options;
  options.tiers = flags.tiers;
  options.prices = std::move(*prices);
  options.only_fold = flags.only_fold;
  options.keep_quality = flags.keep_quality;
  auto report = learn::Evaluate(**router, *data, options);
  if (!report) return Fail(report.error());
  if (flags.json) {
    fmt::print("{}\n", ToJson(*report, **router, flags).dump(2));
  } else {
    Print(*report, **router, flags);
  }
  return 0;
}

}  // namespace

void AddEval(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = app.add_subcommand("eval", "Measure a router on recorded outcomes");
  command->add_option("--router", flags->router, "The artifact")->required();
  command->add_option("--data", flags->data, "Outcome files, JSON lines, plain or gzip")
      ->required();
  command->add_option("--tiers", flags->tiers, "Models that stand for the tiers, cheapest first")
      ->required()
      ->delimiter(',');
  command->add_option("--prices", flags->prices, "Prices of the models")->capture_default_str();
  command->add_option("--only-fold", flags->only_fold, "Use the rows of this fold only (0 to 4)");
  command
      ->add_option("--keep-quality", flags->keep_quality, "Share of the top tier's quality to keep")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--json", flags->json, "One JSON object instead of a table");
  command->callback([flags, &exit_code] { exit_code = Eval(*flags); });
}

}  // namespace triage::app
