#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "config/build.h"
#include "config/paths.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

namespace fs = std::filesystem;

void ReadShares(BuildContext& context, const DefaultedSection& section, const Node* thresholds) {
  const Node* share = section.section().Get("share");
  if (share == nullptr) return;
  if (thresholds != nullptr) {
    context.problems.Error(share->at, "routing.share", "thresholds are given in two ways",
                           "one of share, thresholds");
  }
  double sum = 0;
  for (const Node::Entry& entry : share->entries) {
    const std::string path = "routing.share." + entry.key;
    const int tier = context.config.TierIndex(entry.key);
    if (tier < 0) {
      context.problems.Error(entry.at, path, fmt::format("no tier named '{}'", entry.key), {},
                             NearestNames(entry.key, TierNames(context.config)));
    } else if (tier == 0) {
      context.problems.Error(entry.at, path, "the cheapest tier gets what the others leave",
                             "a tier above it");
    }
    const double value = Section(share).Number(entry.key).value_or(0);
    context.config.routing.share[entry.key] = value;
    sum += value;
  }
  const auto named = [&](const Tier& tier) {
    return context.config.routing.share.contains(tier.name);
  };
  const std::vector<Tier>& tiers = context.config.tiers;
  const auto lowest = std::ranges::find_if(tiers, named);
  if (!std::all_of(lowest, tiers.end(), named)) {
    context.problems.Error(share->at, "routing.share", "a tier above one of these has no share",
                           "shares from the top tier down");
  }
  if (sum >= 1) {
    context.problems.Error(share->at, "routing.share", "the shares leave the cheapest tier nothing",
                           "a sum below 1");
  }
}

void ReadThresholds(BuildContext& context, const DefaultedSection& section) {
  Routing& routing = context.config.routing;
  const Node* thresholds = section.section().Get("thresholds");
  const Node* keep = section.section().Get("keep_quality");
  routing.keep_quality = section.Number("keep_quality");
  if (thresholds != nullptr && keep != nullptr) {
    context.problems.Error(thresholds->at, "routing.thresholds", "thresholds are given in two ways",
                           "one of keep_quality, thresholds");
  }
  ReadShares(context, section, thresholds);
  std::size_t tiers = context.config.tiers.size();
  for (const Node* value : Scalars(thresholds)) {
    routing.thresholds.push_back(ParseNumber(value->text).value_or(0));
  }
  if (thresholds != nullptr && tiers > 0 && routing.thresholds.size() != tiers - 1) {
    context.problems.Error(
        thresholds->at, "routing.thresholds",
        fmt::format("{} thresholds for {} tiers", routing.thresholds.size(), tiers),
        fmt::format("{}: one for each tier but the last", tiers - 1));
  }
}

void FindRouter(BuildContext& context, const DefaultedSection& section) {
  Routing& routing = context.config.routing;
  std::error_code error;
  const Node* given = section.section().Get("router");
  if (given != nullptr && given->text != "default") {
    routing.router = Resolve(given->text, context.base_dir, context.env);
    if (!fs::is_regular_file(routing.router, error)) {
      context.problems.Error(given->at, "routing.router",
                             fmt::format("there is no file '{}'", given->raw),
                             "a router artifact, relative to the folder of this file, or default");
    }
    return;
  }
  for (const fs::path& place : ShippedRouterPlaces(context.base_dir, context.env)) {
    if (!fs::is_regular_file(place, error)) continue;
    routing.router = place;
    return;
  }
  context.problems.Warning(given != nullptr ? given->at : Position{}, "routing.router",
                           "the shipped router (default.triage) was not found: only constraints "
                           "and policies decide",
                           "models/default.triage beside this file, or TRIAGE_HOME to be set");
}

void ReadJudge(BuildContext& context, const DefaultedSection& section) {
  Judge& judge = context.config.routing.judge;
  judge.deadline = section.Duration("deadline");
  judge.band = section.Number("band");
  judge.cache_entries = section.Child("cache").Integer("entries");
  judge.cache_ttl = section.Child("cache").Duration("ttl");
  const Node* model = section.section().Get("model");
  if (model != nullptr &&
      context.CheckReference(*model, "routing.judge.model", "model", ModelNames(context.config))) {
    judge.model = model->text;
    judge.mode = JudgeMode::kInBand;
    if (context.config.FindModel(judge.model)->capabilities.embeddings) {
      context.problems.Error(model->at, "routing.judge.model", "it makes embeddings, no answers",
                             "a small model that answers");
    }
  }
  const Node* mode = section.section().Get("mode");
  if (mode == nullptr) return;
  judge.mode = mode->text == "always"    ? JudgeMode::kAlways
               : mode->text == "in_band" ? JudgeMode::kInBand
                                         : JudgeMode::kOff;
  if (judge.mode != JudgeMode::kOff && model == nullptr) {
    context.problems.Error(mode->at, "routing.judge.mode", "no model is named that is asked",
                           "routing.judge.model");
  }
}

void ReadJudgeCalibration(BuildContext& context, const Section& section) {
  const Node* stated = section.Get("stated");
  const Node* observed = section.Get("observed");
  const std::vector<const Node*> from = Scalars(stated);
  const std::vector<const Node*> to = Scalars(observed);
  if (from.size() != to.size()) {
    context.problems.Error(
        (stated != nullptr ? stated : observed)->at, "routing.judge.calibration",
        fmt::format("{} probabilities stated, {} observed", from.size(), to.size()),
        "as many of the one as of the other");
    return;
  }
  auto& knots = context.config.routing.judge.calibration;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::pair knot(ParseNumber(from[i]->text).value_or(0),
                         ParseNumber(to[i]->text).value_or(0));
    if (!knots.empty() && (knot.first <= knots.back().first || knot.second < knots.back().second)) {
      context.problems.Error(from[i]->at, "routing.judge.calibration",
                             "a calibration must not fall",
                             "stated ones that grow, observed ones that do not fall");
      return;
    }
    knots.push_back(knot);
  }
}

std::string ReadTierReference(const BuildContext& context, const Section& policy,
                              std::string_view key, const std::string& path) {
  const Node* node = policy.Get(key);
  if (node == nullptr) return {};
  context.CheckReference(*node, path + "." + std::string(key), "tier", TierNames(context.config));
  return node->text;
}

void CheckPolicy(const BuildContext& context, const Node& node, const Policy& policy,
                 const std::string& path) {
  int low = context.config.TierIndex(policy.min_tier);
  int high = context.config.TierIndex(policy.max_tier);
  if (low >= 0 && high >= 0 && low > high) {
    const Node* shown_low = node.Find("min_tier");
    const Node* shown_high = node.Find("max_tier");
    context.problems.Error(
        shown_low->at, path + ".min_tier",
        fmt::format("min_tier '{}' is above max_tier '{}'", shown_low->raw, shown_high->raw));
  }
  bool has_effect = std::ranges::any_of(node.entries, [](const Node::Entry& entry) {
    return entry.key != "name" && entry.key != "when";
  });
  if (!has_effect) {
    context.problems.Error(node.at, path, "this policy changes nothing",
                           "at least one of min_tier, max_tier, sensitivity, verify");
  }
}

}  // namespace

void BuildRouting(BuildContext& context) {
  DefaultedSection section(Section(&context.root).Child("routing"), "routing");
  Routing& routing = context.config.routing;
  routing.rule = section.Text("rule") == "expected_cost" ? Rule::kExpectedCost : Rule::kThresholds;
  routing.band = section.Number("band");
  if (const std::string preset = section.Text("preset"); preset != "none") routing.preset = preset;
  if (auto text = section.section().Text("stakes")) {
    if (auto price = ParsePrice(*text)) routing.stakes = NanoDollars(price->nano_dollars);
  }
  ReadThresholds(context, section);
  FindRouter(context, section);
  const DefaultedSection cascade = section.Child("cascade");
  routing.check_catches = cascade.Number("catches");
  routing.check_false_alarms = cascade.Number("false_alarms");
  const DefaultedSection judge = section.Child("judge");
  ReadJudge(context, judge);
  ReadJudgeCalibration(context, judge.section().Child("calibration"));
}

void BuildPolicies(BuildContext& context) {
  const Node* policies = Section(&context.root).Get("policies");
  if (policies == nullptr) return;
  std::vector<std::string> classes;
  for (const auto& [name, providers] : context.config.sensitivity) classes.push_back(name);
  for (std::size_t i = 0; i < policies->items.size(); ++i) {
    const Node& node = policies->items[i];
    if (node.kind != Node::Kind::kMap) continue;
    std::string path = fmt::format("policies[{}]", i);
    Section section(&node);
    Policy policy;
    policy.name = section.Text("name").value_or(path);
    if (const Node* when = section.Get("when")) {
      for (const Node::Entry& entry : when->entries) {
        std::vector<std::string> values = Section(when).Texts(entry.key);
        if (!values.empty()) {
          policy.when[entry.key] = std::move(values);
        } else if (entry.value.kind == Node::Kind::kList && entry.value.items.empty()) {
          context.problems.Error(entry.value.at, path + ".when." + entry.key,
                                 "an empty list never matches", "at least one value");
        }
      }
    }
    policy.min_tier = ReadTierReference(context, section, "min_tier", path);
    policy.max_tier = ReadTierReference(context, section, "max_tier", path);
    policy.verify = ReadChecks(context, section.Get("verify"), path + ".verify");
    if (const Node* sensitivity = section.Get("sensitivity")) {
      context.CheckReference(*sensitivity, path + ".sensitivity", "sensitivity class", classes);
      policy.sensitivity = sensitivity->text;
    }
    CheckPolicy(context, node, policy, path);
    context.config.policies.push_back(std::move(policy));
  }
}

}  // namespace triage::config
