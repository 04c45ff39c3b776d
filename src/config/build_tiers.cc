#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
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

// Reads one chain into its tier.
class ChainReader {
 public:
  ChainReader(BuildContext& context, const Node& tier, const Node& chain, std::size_t index)
      : context_(context),
        chain_(chain),
        tier_(context.config.tiers[index]),
        required_(Section(&tier).Texts("requires")),
        path_(fmt::format("tiers[{}].chain", index)) {}

  /// Gives the continuation when the chain has one.
  Continuation Read() {
    if (chain_.kind == Node::Kind::kList && chain_.items.empty()) {
      context_.problems.Error(chain_.at, path_, "the chain is empty", "at least one model");
      return {};
    }
    if (chain_.is_scalar()) {
      ReadMember(chain_, path_, true);
      return continuation_;
    }
    for (std::size_t i = 0; i < chain_.items.size(); ++i) {
      const Node& item = chain_.items[i];
      const std::string child = fmt::format("{}[{}]", path_, i);
      if (item.kind == Node::Kind::kMap) {
        ReadGroup(item, child);
      } else if (item.is_scalar()) {
        ReadMember(item, child, i + 1 == chain_.items.size());
      }
    }
    return continuation_;
  }

 private:
  void ReadMember(const Node& member, const std::string& path, bool last) {
    if (member.text.starts_with(kTierPrefix)) {
      ReadContinuation(member, path, last);
    } else if (AddModel(member, path, 1)) {
      ++position_;
    }
  }

  void ReadContinuation(const Node& member, const std::string& path, bool last) {
    const std::string name = member.text.substr(kTierPrefix.size());
    const int target = context_.config.TierIndex(name);
    if (!last) {
      context_.problems.Error(member.at, path, "a tier may only stand at the end of a chain",
                              "a model");
    } else if (target < 0) {
      Node shown = member;
      shown.text = name;
      if (!member.from_env) shown.raw = name;
      context_.CheckReference(shown, path, "tier", TierNames(context_.config));
    } else {
      continuation_ = {target, &member, path};
    }
  }

  // Models that share one position.
  void ReadGroup(const Node& group, const std::string& path) {
    const Node* any = Section(&group).Get("any");
    if (any == nullptr) return;  // has been reported
    const std::vector<const Node*> members = Scalars(any);
    if (any->kind == Node::Kind::kList && any->items.empty()) {
      context_.problems.Error(any->at, path + ".any", "there are no models", "at least one model");
      return;
    }
    const Node* given = Section(&group).Get("weights");
    const std::vector<const Node*> weights = Scalars(given);
    // Those that were reported count, too.
    const auto count = [](const Node& list) {
      return list.is_scalar() ? std::size_t{1} : list.items.size();
    };
    if (given != nullptr && count(*given) != count(*any)) {
      context_.problems.Error(given->at, path + ".weights",
                              fmt::format("{} weights for {} models", count(*given), count(*any)),
                              "one for each of 'any'");
      return;
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::string child = fmt::format("{}.any[{}]", path, i);
      if (members[i]->text.starts_with(kTierPrefix)) {
        context_.problems.Error(members[i]->at, child,
                                "a tier may only stand at the end of a chain", "a model");
        continue;
      }
      AddModel(*members[i], child,
               i < weights.size() ? ParseNumber(weights[i]->text).value_or(1) : 1);
    }
    ++position_;
  }

  bool AddModel(const Node& member, const std::string& path, double weight) {
    const Model* model = context_.config.FindModel(member.text);
    if (model == nullptr) {
      context_.CheckReference(member, path, "model", ModelNames(context_.config));
      return false;
    }
    if (std::ranges::find(tier_.chain, model->name) != tier_.chain.end()) {
      context_.problems.Error(member.at, path,
                              fmt::format("model '{}' is in this chain twice", member.raw));
      return false;
    }
    WarnOfWeakFallback(member, path, *model);
    CheckRoutable(member, path, *model);
    tier_.chain.push_back(model->name);
    tier_.places.push_back({.position = position_, .weight = weight});
    return true;
  }

  // A fallback that can do less than the chain's first lets down the requests that need it.
  void WarnOfWeakFallback(const Node& member, const std::string& path, const Model& model) const {
    if (tier_.chain.empty()) return;
    const Model& first = *context_.config.FindModel(tier_.chain.front());
    const auto names = std::to_array<std::pair<bool Capabilities::*, std::string_view>>(
        {{&Capabilities::tools, "tools"},
         {&Capabilities::vision, "vision"},
         {&Capabilities::json_schema, "json_schema"}});
    std::vector<std::string> lacks;
    for (const auto& [capability, name] : names) {
      if (first.capabilities.*capability && !(model.capabilities.*capability))
        lacks.emplace_back(name);
    }
    if (lacks.empty()) return;
    context_.problems.Warning(
        member.at, path,
        fmt::format("it lacks {}, which '{}' has: requests that need it cannot fall back to it",
                    Join(lacks), first.name));
  }

  // A member that no request will ever be answered by only looks like a fallback.
  void CheckRoutable(const Node& member, const std::string& path, const Model& model) const {
    const Provider* provider = context_.config.FindProvider(model.provider);
    if (provider != nullptr && IsKeyless(context_, *provider)) {
      context_.problems.Error(member.at, path,
                              fmt::format("provider '{}' has no api_key: '{}' will never answer",
                                          provider->name, model.name),
                              fmt::format("api_key: ${{NAME}} at providers.{}", provider->name));
    }
    const std::vector<std::string> lacks = Lacking(model.capabilities, required_);
    if (!lacks.empty()) {
      context_.problems.Error(
          member.at, path,
          fmt::format("it lacks {}, which this tier requires of its models", Join(lacks)));
    }
  }

  BuildContext& context_;
  const Node& chain_;
  Tier& tier_;
  const std::vector<std::string> required_;
  const std::string path_;
  int position_ = 0;
  Continuation continuation_;
};

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
  const std::vector<Tier> own = config.tiers;
  for (std::size_t i = 0; i < next.size(); ++i) {
    Tier& tier = config.tiers[i];
    for (int at = next[i].target; at >= 0; at = next[static_cast<std::size_t>(at)].target) {
      const Tier& more = own[static_cast<std::size_t>(at)];
      const int behind = tier.places.empty() ? 0 : tier.places.back().position + 1;
      for (std::size_t k = 0; k < more.chain.size(); ++k) {
        if (std::ranges::find(tier.chain, more.chain[k]) != tier.chain.end()) continue;
        tier.chain.push_back(more.chain[k]);
        tier.places.push_back(
            {.position = behind + more.places[k].position, .weight = more.places[k].weight});
      }
    }
  }
}

void WarnOfUnusedModels(const BuildContext& context) {
  const Section root(&context.root);
  const Node* models = root.Get("models");
  if (models == nullptr) return;
  const auto judge = root.Child("routing").Child("judge").Text("model");
  const auto checker = root.Child("verify").Child("spot_check").Text("model");
  for (const Node::Entry& entry : models->entries) {
    bool used = entry.key == judge || entry.key == checker ||
                std::ranges::any_of(context.config.tiers, [&](const Tier& tier) {
                  return std::ranges::find(tier.chain, entry.key) != tier.chain.end();
                });
    if (used) continue;
    context.problems.Warning(entry.at, "models." + entry.key,
                             "no tier has this model: only a request that names it will use it");
  }
}

// Of those in a chain that is an error.
void WarnOfKeylessProviders(const BuildContext& context) {
  const Config& config = context.config;
  for (const Provider& provider : config.providers) {
    const bool used = std::ranges::any_of(config.tiers, [&](const Tier& tier) {
      return std::ranges::any_of(tier.chain, [&](const std::string& name) {
        return config.FindModel(name)->provider == provider.name;
      });
    });
    if (used || !IsKeyless(context, provider)) continue;
    const Node* providers = Section(&context.root).Get("providers");
    const auto entry = std::ranges::find(providers->entries, provider.name, &Node::Entry::key);
    context.problems.Warning(entry->at, "providers." + provider.name,
                             "it has no api_key: its calls will be refused", "api_key: ${NAME}");
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
    if (chain != nullptr) next[i] = ChainReader(context, tiers->items[i], *chain, i).Read();
  }
  if (!ReportCycles(context, next)) AppendContinuations(context.config, next);
  // A misspelt member must not be reported a second time at the model that it meant.
  if (!context.problems.has_errors()) WarnOfUnusedModels(context);
  WarnOfKeylessProviders(context);
  BuildBaseline(context);
}

}  // namespace triage::config
