#include <algorithm>
#include <array>
#include <map>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "config/build.h"
#include "config/prices.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

bool IsAlias(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return IsName(std::string_view(&c, 1)) || c == '/' || c == ':' || c == '@';
  });
}

// Whether a provider is one of these kinds at its own address: what somebody else serves under the
// same name of a model has a life of its own.
bool IsOwnService(const BuildContext& context, const std::string& provider,
                  const std::vector<std::string>& kinds) {
  const Provider* found = context.config.FindProvider(provider);
  if (found == nullptr || std::ranges::find(kinds, found->type) == kinds.end()) return false;
  const Node* providers = Section(&context.root).Get("providers");
  const Node* own = providers == nullptr ? nullptr : providers->Find(provider);
  return own != nullptr && Section(own).Get("base_url") == nullptr;
}

// Names that clients write with a meaning of their own.
bool IsReserved(std::string_view name) {
  return name == "auto" || name.starts_with("tier:");
}

void FillFromCatalogue(const BuildContext& context, const Section& section, Model& model) {
  const CatalogueModel* known = context.catalogue.Find(model.model);
  model.context = section.Integer("context").value_or(known != nullptr ? known->context : 0);
  model.max_output =
      section.Integer("max_output").value_or(known != nullptr ? known->max_output : 0);
  if (section.Get("capabilities") != nullptr) {
    model.capabilities = ReadCapabilities(section.Texts("capabilities"));
  } else if (known != nullptr && known->capabilities) {
    model.capabilities = *known->capabilities;
  }
  if (section.Get("prices") != nullptr) {
    model.prices =
        ReadPrices(section.Get("prices"), "models." + model.name + ".prices", context.problems);
    for (Prices& prices : model.prices) prices.source = "configuration";
  } else if (known != nullptr) {
    model.prices = known->prices;
  }
  model.shut_down = section.Date("shut_down");
  if (!model.shut_down && known != nullptr && known->lifecycle &&
      IsOwnService(context, model.provider, known->lifecycle->at)) {
    model.shut_down = known->lifecycle->shut_down;
  }
}

// Warnings grow more pressing as the day comes nearer: 90, 30 and 7 days ahead.
void CheckLifecycle(const BuildContext& context, const Node& pinned, const std::string& path,
                    const Model& model) {
  if (!model.shut_down) return;
  const CatalogueModel* known = context.catalogue.Find(model.model);
  std::string remedy = "a model that is still served";
  if (known != nullptr && known->lifecycle && !known->lifecycle->successor.empty()) {
    remedy = fmt::format("its provider advises {}", known->lifecycle->successor);
  }
  const auto left = (*model.shut_down - context.config.read_on).count();
  const std::string day = fmt::format("{:%Y-%m-%d}", *model.shut_down);
  if (left <= 0) {
    const std::string message =
        fmt::format("'{}' is not served any more since {}", pinned.raw, day);
    if (context.allow_shut_down) {
      context.problems.Warning(pinned.at, path + ".model", message, remedy);
    } else {
      context.problems.Error(pinned.at, path + ".model", message, remedy + "; --force passes it");
    }
    return;
  }
  if (left > 90) return;
  const std::string_view urgency = left <= 7 ? "within a week" : left <= 30 ? "within a month" : "";
  context.problems.Warning(
      pinned.at, path + ".model",
      fmt::format("'{}' will not be served any more from {} on: {} day{} left{}{}", pinned.raw, day,
                  left, left == 1 ? "" : "s", urgency.empty() ? "" : ", move ", urgency),
      remedy);
}

struct Word {
  std::string_view name;
  bool Capabilities::* capability;
};

constexpr auto kWords = std::to_array<Word>({{"tools", &Capabilities::tools},
                                             {"vision", &Capabilities::vision},
                                             {"json", &Capabilities::json},
                                             {"json_schema", &Capabilities::json_schema},
                                             {"logprobs", &Capabilities::logprobs},
                                             {"choices", &Capabilities::choices},
                                             {"image_urls", &Capabilities::image_urls},
                                             {"documents", &Capabilities::documents},
                                             {"embeddings", &Capabilities::embeddings}});

// Takes out what the provider cannot pass on.
void LimitToProvider(const BuildContext& context, const Section& section, const std::string& path,
                     Model& model) {
  const Provider* provider = context.config.FindProvider(model.provider);
  if (provider == nullptr) return;
  // Without it, it would be taken for a model that answers.
  if (model.capabilities.embeddings && provider->cannot.embeddings) {
    const Node* named = section.Get("model");
    const Node* given = section.Get("capabilities");
    context.problems.Error(
        (given != nullptr ? given : named)->at, path,
        fmt::format("it makes embeddings, which provider '{}' cannot: no request "
                    "can reach it",
                    provider->name),
        "another provider");
  }
  for (const Word& word : kWords) {
    if (provider->cannot.*word.capability) model.capabilities.*word.capability = false;
  }
  for (const Node* given : Scalars(section.Get("capabilities"))) {
    const auto word = std::ranges::find(kWords, given->text, &Word::name);
    if (word == kWords.end() || !(provider->cannot.*word->capability)) continue;
    context.problems.Warning(
        given->at, path + ".capabilities",
        fmt::format("provider '{}' cannot do {}: it is left out", provider->name, word->name),
        "cannot: [] at the provider, if it can");
  }
}

void CheckModel(const BuildContext& context, const Node::Entry& entry, const Model& model) {
  std::string path = "models." + entry.key;
  Section section(&entry.value);
  if (const Node* provider = section.Get("provider")) {
    context.CheckReference(*provider, path + ".provider", "provider",
                           ProviderNames(context.config));
  }
  const Node* pinned = section.Get("model");
  if (pinned == nullptr) return;
  if (context.config.production && context.catalogue.IsUnpinned(model.model)) {
    context.problems.Warning(pinned->at, path + ".model",
                             fmt::format("'{}' is not pinned: it may become another version at any "
                                         "time",
                                         pinned->raw),
                             "a name with its version or date");
  }
  CheckLifecycle(context, *pinned, path, model);
  if (model.prices.empty() && section.Get("prices") == nullptr) {
    context.problems.Warning(entry.at, path,
                             "no prices here or in the catalogue: its cost will be unknown",
                             "prices: {input: …, output: …}");
  }
}

}  // namespace

void BuildModels(BuildContext& context) {
  const Node* models = Section(&context.root).Get("models");
  if (models == nullptr) return;
  if (models->entries.empty()) {
    context.problems.Error(models->at, "models", "there are no models");
  }
  std::map<std::string, std::string, std::less<>> owners;  // name or alias → model
  for (const Node::Entry& entry : models->entries) owners.emplace(entry.key, entry.key);
  for (const Node::Entry& entry : models->entries) {
    std::string path = "models." + entry.key;
    if (!IsName(entry.key) || IsReserved(entry.key)) {
      context.problems.Error(entry.at, path,
                             IsReserved(entry.key) ? "this name is reserved" : "this is not a name",
                             "letters, digits, '.', '_' and '-'; not auto");
    }
    Section section(&entry.value);
    Model model;
    model.name = entry.key;
    model.provider = section.Text("provider").value_or("");
    model.model = section.Text("model").value_or("");
    FillFromCatalogue(context, section, model);
    LimitToProvider(context, section, path, model);
    CheckModel(context, entry, model);
    for (const Node* alias : Scalars(section.Get("aliases"))) {
      if (!IsAlias(alias->text) || IsReserved(alias->text)) {
        context.problems.Error(alias->at, path + ".aliases",
                               fmt::format("'{}' cannot be an alias", alias->raw),
                               "letters, digits and . _ - / : @; not auto, not tier:…");
        continue;
      }
      auto [owner, is_new] = owners.emplace(alias->text, entry.key);
      if (!is_new) {
        context.problems.Error(
            alias->at, path + ".aliases",
            fmt::format("'{}' already means model '{}'", alias->raw, owner->second));
        continue;
      }
      model.aliases.push_back(alias->text);
    }
    context.config.models.push_back(std::move(model));
  }
}

std::vector<std::string> Lacking(const Capabilities& has, const std::vector<std::string>& wanted) {
  std::vector<std::string> lacking;
  for (const std::string& name : wanted) {
    const auto word = std::ranges::find(kWords, name, &Word::name);
    if (word == kWords.end() || has.*word->capability) continue;
    if (word->capability == &Capabilities::json && has.json_schema) continue;
    lacking.push_back(name);
  }
  return lacking;
}

}  // namespace triage::config
