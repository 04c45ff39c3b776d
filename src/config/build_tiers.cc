#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "config/build.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

constexpr std::string_view kTierPrefix = "tier:";

// Tier → the tier that its chain ends with, and where that is written.
struct Continuation {
  int target = -1;
  const Node* node = nullptr;
  std::string path;
};

void ReadTierNames(BuildContext& context, const Node& tiers) {
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < tiers.items.size(); ++i) {
    const Node* name = Section(&tiers.items[i]).Get("name");
    Tier tier;
    if (name != nullptr) tier.name = name->text;
    if (name != nullptr && !first.emplace(tier.name, i).second) {
      context.problems.Error(
          name->at, fmt::format("tiers[{}].name", i),
          fmt::format("tier '{}' is given twice; first as tiers[{}]", name->raw, first[tier.name]));
    }
    context.config.tiers.push_back(std::move(tier));
  }
}

// Models of one chain, checked; gives the continuation when the chain has one.
Continuation ReadChain(BuildContext& context, const Node& chain, std::size_t index) {
  Tier& tier = context.config.tiers[index];
  std::string path = fmt::format("tiers[{}].chain", index);
  bool is_list = chain.kind == Node::Kind::kList;
  if (is_list && chain.items.empty()) {
    context.problems.Error(chain.at, path, "the chain is empty", "at least one model");
    return {};
  }
  Continuation continuation;
  std::vector<const Node*> members = Scalars(&chain);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Node& member = *members[i];
    std::string child = is_list ? fmt::format("{}[{}]", path, i) : path;
    if (member.text.starts_with(kTierPrefix)) {
      std::string name = member.text.substr(kTierPrefix.size());
      int target = context.config.TierIndex(name);
      if (i + 1 != members.size()) {
        context.problems.Error(member.at, child, "a tier may only stand at the end of a chain",
                               "a model");
      } else if (target < 0) {
        Node shown = member;
        shown.text = name;
        if (!member.from_env) shown.raw = name;
        context.CheckReference(shown, child, "tier", TierNames(context.config));
      } else {
        continuation = {target, &member, child};
      }
      continue;
    }
    std::vector<std::string> names = ModelNames(context.config);
    const Model* model = context.config.FindModel(member.text);
    if (model == nullptr) {
      context.CheckReference(member, child, "model", names);
    } else if (std::ranges::find(tier.chain, model->name) != tier.chain.end()) {
      context.problems.Error(member.at, child,
                             fmt::format("model '{}' is in this chain twice", member.raw));
    } else {
      tier.chain.push_back(model->name);
    }
  }
  return continuation;
}

// Every tier has at most one continuation, so a walk from each finds all cycles; each is
// reported once, at its first tier.
bool ReportCycles(const BuildContext& context, const std::vector<Continuation>& next) {
  std::set<int> reported;
  for (int start = 0; start < static_cast<int>(next.size()); ++start) {
    std::vector<int> walk;
    int at = start;
    while (at >= 0 && std::ranges::find(walk, at) == walk.end()) {
      walk.push_back(at);
      at = next[static_cast<std::size_t>(at)].target;
    }
    if (at != start || reported.contains(start)) continue;
    std::string cycle;
    for (int tier : walk) {
      reported.insert(tier);
      cycle += context.config.tiers[static_cast<std::size_t>(tier)].name + " → ";
    }
    cycle += context.config.tiers[static_cast<std::size_t>(start)].name;
    const Continuation& from = next[static_cast<std::size_t>(start)];
    context.problems.Error(from.node->at, from.path, "the chains go round in a circle: " + cycle);
  }
  return !reported.empty();
}

void AppendContinuations(Config& config, const std::vector<Continuation>& next) {
  std::vector<std::vector<std::string>> own;
  for (const Tier& tier : config.tiers) own.push_back(tier.chain);
  for (std::size_t i = 0; i < next.size(); ++i) {
    std::vector<std::string>& chain = config.tiers[i].chain;
    for (int at = next[i].target; at >= 0; at = next[static_cast<std::size_t>(at)].target) {
      for (const std::string& model : own[static_cast<std::size_t>(at)]) {
        if (std::ranges::find(chain, model) == chain.end()) chain.push_back(model);
      }
    }
  }
}

void WarnOfUnusedModels(const BuildContext& context) {
  const Node* models = Section(&context.root).Get("models");
  if (models == nullptr) return;
  for (const Node::Entry& entry : models->entries) {
    bool used = std::ranges::any_of(context.config.tiers, [&](const Tier& tier) {
      return std::ranges::find(tier.chain, entry.key) != tier.chain.end();
    });
    if (used) continue;
    context.problems.Warning(entry.at, "models." + entry.key,
                             "no tier has this model: only a request that names it will use it");
  }
}

void BuildBaseline(BuildContext& context) {
  Config& config = context.config;
  if (const Node* baseline = Section(&context.root).Get("baseline")) {
    if (const Model* model = config.FindModel(baseline->text)) {
      config.baseline = model->name;
    } else {
      context.CheckReference(*baseline, "baseline", "model", ModelNames(config));
    }
  } else if (!config.tiers.empty() && !config.tiers.back().chain.empty()) {
    config.baseline = config.tiers.back().chain.front();
  }
}

}  // namespace

void BuildTiers(BuildContext& context) {
  const Node* tiers = Section(&context.root).Get("tiers");
  if (tiers == nullptr || tiers->items.empty()) {
    // Absent or of a wrong shape has been reported.
    const Node* given = context.root.Find("tiers");
    if (given != nullptr && (tiers != nullptr || given->is_null())) {
      context.problems.Error(given->at, "tiers", "there are no tiers", "at least one tier");
    }
    return;
  }
  ReadTierNames(context, *tiers);
  std::vector<Continuation> next(tiers->items.size());
  for (std::size_t i = 0; i < tiers->items.size(); ++i) {
    const Node* chain = Section(&tiers->items[i]).Get("chain");
    if (chain != nullptr) next[i] = ReadChain(context, *chain, i);
  }
  if (!ReportCycles(context, next)) AppendContinuations(context.config, next);
  // A misspelt member must not be reported a second time at the model that it meant.
  if (!context.problems.has_errors()) WarnOfUnusedModels(context);
  BuildBaseline(context);
}

}  // namespace triage::config
