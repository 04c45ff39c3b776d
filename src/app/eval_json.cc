#include <nlohmann/json.hpp>

#include "app/eval_report.h"

namespace triage::app {

namespace {

using Json = nlohmann::json;

Json ToJson(const learn::Interval& interval) {
  return Json::array({interval.low, interval.high});
}

/// `key` with the value, `key`_interval beside it; null where there is none.
void Put(Json& out, const std::string& key, const learn::Estimate* estimate) {
  out[key] = estimate != nullptr ? Json(estimate->value) : Json();
  if (estimate != nullptr) out[key + "_interval"] = ToJson(estimate->interval);
}

void PutFigures(Json& out, const learn::RoutingFigures& figures) {
  const learn::GapFigures* gap = figures.gap ? &*figures.gap : nullptr;
  Put(out, "apgr", gap != nullptr ? &gap->apgr : nullptr);
  Put(out, "cpt50", gap != nullptr ? &gap->cpt50 : nullptr);
  Put(out, "cpt80", gap != nullptr ? &gap->cpt80 : nullptr);
  Put(out, "cpt95", gap != nullptr ? &gap->cpt95 : nullptr);
  Put(out, "cost95", &figures.cost95);
  Put(out, "cost99", &figures.cost99);
  Put(out, "cost100", &figures.cost100);
}

Json Shares(const learn::PolicyPoint& point, const std::vector<std::string>& tiers) {
  Json out = Json::object();
  for (std::size_t t = 0; t < tiers.size(); ++t) out[tiers[t]] = point.tier_share[t];
  return out;
}

Json ToJson(const learn::OperatingPoint& at, const std::vector<std::string>& tiers) {
  Json out{{"cost_ratio", at.point.cost_share},
           {"cost_interval", ToJson(at.cost)},
           {"quality_ratio", at.point.quality_share},
           {"quality_interval", ToJson(at.quality)},
           {"tier_share", Shares(at.point, tiers)}};
  Put(out, "shuffled_quality_ratio", &at.shuffled);
  Put(out, "skill", &at.skill);
  return out;
}

Json ToJson(const learn::EvalReport& report, const std::vector<std::string>& tiers) {
  Json out = Json::object();
  out["rows"] = report.rows;
  PutFigures(out, report.router);
  Put(out, "ece", &report.calibration_error);
  out["ece_floor"] = report.calibration_floor;
  Put(out, "brier", &report.brier);
  Put(out, "log_loss", &report.log_loss);
  out["mean_distance"] = report.mean_distance;
  Json& baselines = out["baselines"];
  PutFigures(baselines["random"], report.random);
  PutFigures(baselines["length"], report.length);
  PutFigures(baselines["oracle"], report.oracle);
  PutFigures(baselines["shuffle"], report.shuffle);
  Put(out, "over_length", &report.over_length);
  out["better_than_length"] = learn::BetterThanLength(report);
  out["better_than_shuffle"] = learn::BetterThanShuffle(report);
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    out["single"][tiers[t]] = {{"quality", report.quality[t]},
                               {"cost_ratio", report.cost_share[t]}};
  }
  out["weighed"] = ToJson(report.weighed, tiers);
  out["plain"] = ToJson(report.plain, tiers);
  return out;
}

}  // namespace

std::string EvaluationJson(const Evaluation& evaluation) {
  const learn::EvalReport& all = evaluation.all;
  Json out = ToJson(all, evaluation.tiers);
  out["router"] = evaluation.router;
  out["bad_lines"] = evaluation.bad_lines;
  out["keep_quality"] = evaluation.keep_quality;
  out["cost_ratio"] = all.weighed.point.cost_share;
  out["quality_ratio"] = all.weighed.point.quality_share;
  out["tier_share"] = Shares(all.weighed.point, evaluation.tiers);
  for (std::size_t t = 0; t < all.reliability.size(); ++t) {
    Json& bins = out["reliability"][evaluation.tiers[t]] = Json::array();
    for (const learn::ReliabilityBin& bin : all.reliability[t]) {
      bins.push_back(
          {{"rows", bin.rows}, {"predicted", bin.predicted}, {"observed", bin.observed}});
    }
  }
  for (const learn::Slice& slice : evaluation.slices) {
    const char* by = slice.by == learn::SliceBy::kFamily ? "family" : "dataset";
    out["by"][by][slice.name] = ToJson(slice.report, evaluation.tiers);
  }
  return out.dump(2) + "\n";
}

}  // namespace triage::app
