#include <cmath>

#include <nlohmann/json.hpp>

#include "app/demo_text.h"

namespace triage::app {

namespace {

using nlohmann::ordered_json;

double Rounded(double value, double steps = 1e6) {
  return std::round(value * steps) / steps;
}

ordered_json FiguresJson(const Figures& figures) {
  return {{"cost_usd", static_cast<double>(figures.cost.value()) / 1e9},
          {"quality", Rounded(figures.quality)},
          {"p50_ms", Rounded(figures.p50_ms, 10)},
          {"p95_ms", Rounded(figures.p95_ms, 10)}};
}

ordered_json SingleJson(const DemoReport& report, int tier) {
  ordered_json json = FiguresJson(report.single[static_cast<std::size_t>(tier)]);
  json["model"] = report.tiers[static_cast<std::size_t>(tier)].model;
  return json;
}

}  // namespace

std::string DemoJson(const DemoReport& report, const DemoRun& run) {
  ordered_json json;
  json["questions"] = report.questions;
  json["cost_ratio"] = Rounded(report.cost_ratio);
  json["quality_ratio"] = Rounded(report.quality_ratio);
  json["goal"] = {{"max_cost_ratio", kCostGoal},
                  {"min_quality_ratio", kQualityGoal},
                  {"met", report.GoalMet()}};
  json["tier_share"] = ordered_json::object();
  for (std::size_t i = 0; i < report.tiers.size(); ++i) {
    json["tier_share"][report.tiers[i].name] = Rounded(report.tier_share[i]);
  }
  json["routed"] = FiguresJson(report.routed);
  json["always_frontier"] = SingleJson(report, static_cast<int>(report.single.size()) - 1);
  json["always_cheap"] = SingleJson(report, 0);
  json["best_single"] = SingleJson(report, report.best_single);
  json["best_single_within_routed_cost"] =
      report.best_affordable ? SingleJson(report, *report.best_affordable) : ordered_json(nullptr);
  json["random_mixing"] = FiguresJson(report.mixing.figures);
  json["random_mixing"]["cost_ratio_for_routed_quality"] =
      Rounded(report.mixing.cost_ratio_for_same_quality);
  json["decide_us"] = {{"p50", Rounded(report.decide_p50_us, 10)},
                       {"p99", Rounded(report.decide_p99_us, 10)}};
  json["fallbacks"] = report.fallbacks;
  json["errors"] = report.errors;
  json["text_mismatches"] = report.mismatches;
  json["ungraded"] = report.ungraded;
  json["cost_disagreements"] = report.cost_disagreements;
  json["latencies"] = "simulated";
  json["seconds"] = Rounded(run.seconds, 100);
  json["router"] = run.router;
  json["worst_slices"] = ordered_json::array();
  for (const SliceLoss& slice : report.worst_slices) {
    json["worst_slices"].push_back({{"slice", slice.name},
                                    {"questions", slice.questions},
                                    {"routed", Rounded(slice.routed)},
                                    {"frontier", Rounded(slice.frontier)}});
  }
  json["examples"] = ordered_json::array();
  for (const LostExample& example : report.examples) {
    ordered_json scores = ordered_json::object();
    for (std::size_t i = 0; i < example.scores.size(); ++i)
      scores[report.tiers[i].model] = example.scores[i];
    json["examples"].push_back(
        {{"id", example.id},
         {"slice", example.slice},
         {"question", example.question},
         {"tier", report.tiers[static_cast<std::size_t>(example.delivered)].name},
         {"scores", scores}});
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace triage::app
