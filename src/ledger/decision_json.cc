#include "ledger/decision_json.h"

#include <chrono>
#include <cmath>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "base/json_writer.h"
#include "ledger/time_text.h"

namespace triage::ledger {
namespace {

using decide::Decision;
using decide::Step;
using decide::StepKind;
using decide::TierView;
using nlohmann::json;

void WriteTier(JsonWriter& out, const Decision& decision, std::string_view key, int tier) {
  out.Key(key);
  if (tier < 0 || static_cast<std::size_t>(tier) >= decision.tiers.size()) return out.Null();
  out.String(decision.tiers[static_cast<std::size_t>(tier)].tier);
}

void WriteContext(JsonWriter& out, const llm::Context& context) {
  out.Key("context");
  out.Begin('{');
  out.Member("user", context.user);
  out.Member("team", context.team);
  out.Member("feature", context.feature);
  out.Member("session", context.session);
  out.Member("impact", llm::Name(context.impact));
  out.Member("error_tolerance", llm::Name(context.error_tolerance));
  out.Member("sensitivity", context.sensitivity);
  out.End('}');
}

void WriteTiers(JsonWriter& out, const Decision& decision) {
  out.Key("tiers");
  out.Begin('[');
  for (const TierView& view : decision.tiers) {
    out.Begin('{');
    out.Member("tier", view.tier);
    out.Member("sufficiency", view.sufficiency);
    out.Key("expected_cost_nusd");
    view.expected_cost ? out.Integer(view.expected_cost->value()) : out.Null();
    out.Flag("admissible", view.admissible);
    out.Member("because", view.because);
    out.End('}');
  }
  out.End(']');
}

void WriteSteps(JsonWriter& out, const Decision& decision) {
  out.Key("steps");
  out.Begin('[');
  for (const Step& step : decision.steps) {
    out.Begin('{');
    out.Member("step", decide::Name(step.kind));
    WriteTier(out, decision, "from", step.from);
    WriteTier(out, decision, "to", step.to);
    out.Member("reason", step.reason);
    out.End('}');
  }
  out.End(']');
}

void WriteJudge(JsonWriter& out, const Decision& decision) {
  out.Key("judge");
  if (!decision.judge) return out.Null();
  const decide::JudgeView& judge = *decision.judge;
  out.Begin('{');
  out.Flag("asked", true);
  WriteTier(out, decision, "tier", judge.tier);
  out.Member("probability", judge.probability);
  out.Member("ms", std::optional(static_cast<double>(judge.time.count()) / 1000.0));
  out.Flag("late", judge.late);
  out.Flag("cached", judge.cached);
  out.End('}');
}

int TierIndex(const Decision& decision, const json& name) {
  if (!name.is_string()) return -1;
  for (std::size_t i = 0; i < decision.tiers.size(); ++i) {
    if (decision.tiers[i].tier == name.get_ref<const std::string&>()) return static_cast<int>(i);
  }
  return -1;
}

StepKind ParseStepKind(const std::string& text) {
  for (const StepKind kind :
       {StepKind::kConstraint, StepKind::kPolicy, StepKind::kRouter, StepKind::kJudge,
        StepKind::kBand, StepKind::kCost, StepKind::kFeedback, StepKind::kVerdict}) {
    if (decide::Name(kind) == text) return kind;
  }
  return StepKind::kRouter;
}

decide::JudgeView ReadJudge(const Decision& decision, const json& item) {
  decide::JudgeView judge;
  judge.tier = TierIndex(decision, item.at("tier"));
  if (const json& value = item.at("probability"); value.is_number())
    judge.probability = value.get<double>();
  judge.time = std::chrono::microseconds(std::llround(item.at("ms").get<double>() * 1000.0));
  judge.late = item.at("late").get<bool>();
  judge.cached = item.at("cached").get<bool>();
  return judge;
}

Decision ReadDecision(const json& root) {
  Decision decision;
  decision.router_version = root.at("router_version").get<std::string>();
  decision.config_version = root.at("config_version").get<std::string>();
  decision.query_type = root.at("query_type").get<std::string>();
  // Not in records of earlier versions.
  decision.detected = root.value("detected", std::vector<std::string>());
  decision.preset = root.value("preset", std::string());
  decision.tokens_in = root.at("tokens_in").get<std::int64_t>();
  for (const json& item : root.at("tiers")) {
    TierView view;
    view.tier = item.at("tier").get<std::string>();
    if (const json& value = item.at("sufficiency"); value.is_number())
      view.sufficiency = value.get<double>();
    if (const json& value = item.at("expected_cost_nusd"); value.is_number()) {
      view.expected_cost = NanoDollars(value.get<std::int64_t>());
    }
    view.admissible = item.at("admissible").get<bool>();
    view.because = item.at("because").get<std::string>();
    decision.tiers.push_back(std::move(view));
  }
  if (const json& value = root.at("distance"); value.is_number())
    decision.distance = value.get<double>();
  if (const auto judge = root.find("judge"); judge != root.end() && judge->is_object())
    decision.judge = ReadJudge(decision, *judge);
  for (const json& item : root.at("steps")) {
    decision.steps.push_back({.kind = ParseStepKind(item.at("step").get<std::string>()),
                              .from = TierIndex(decision, item.at("from")),
                              .to = TierIndex(decision, item.at("to")),
                              .reason = item.at("reason").get<std::string>()});
  }
  decision.tier = TierIndex(decision, root.at("tier"));
  decision.chain = root.at("chain").get<std::vector<std::string>>();
  decision.checks = root.at("checks").get<std::vector<std::string>>();
  decision.confidence = root.at("confidence").get<double>();
  decision.propensity = root.at("propensity").get<double>();
  decision.pinned = root.at("pinned").get<bool>();
  decision.decide_time =
      std::chrono::nanoseconds(std::llround(root.at("decide_us").get<double>() * 1000.0));
  return decision;
}

}  // namespace

std::string DecisionJson(const Exchange& exchange) {
  const Decision& decision = exchange.decision;
  JsonWriter out;
  out.Begin('{');
  out.Member("id", exchange.id.Text());
  out.Member("time", TimeText(exchange.time));
  out.Member("router_version", decision.router_version);
  out.Member("config_version", decision.config_version);
  WriteContext(out, exchange.context);
  out.Member("query_type", decision.query_type);
  out.Strings("detected", decision.detected);
  out.Member("preset", decision.preset);
  out.Member("tokens_in", decision.tokens_in);
  WriteTiers(out, decision);
  out.Member("distance", decision.distance);
  WriteJudge(out, decision);
  WriteSteps(out, decision);
  WriteTier(out, decision, "tier", decision.tier);
  out.Strings("chain", decision.chain);
  out.Strings("checks", decision.checks);
  out.Member("confidence", std::optional(decision.confidence));
  out.Member("propensity", std::optional(decision.propensity));
  out.Flag("pinned", decision.pinned);
  out.Member("decide_us",
             std::optional(static_cast<double>(decision.decide_time.count()) / 1000.0));
  out.End('}');
  return out.Take();
}

Result<Decision> ParseDecisionJson(std::string_view text) {
  try {
    return ReadDecision(json::parse(text));
  } catch (const json::exception& error) {
    return Error{.code = ErrorCode::kProtocol,
                 .message = "the ledger's record of this decision cannot be read",
                 .detail = error.what()};
  }
}

}  // namespace triage::ledger
