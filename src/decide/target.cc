#include "decide/target.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "decide/printable.h"

namespace triage::decide {
namespace {

constexpr std::string_view kTierPrefix = "tier:";
constexpr std::size_t kShownName = 80;

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string> near = NearestNames(name.substr(0, kShownName), known);
  return near.empty() ? "" : fmt::format("; did you mean {}?", Join(near, " or "));
}

int TierOf(const Options& options, int model) {
  for (std::size_t i = 0; i < options.tiers.size(); ++i) {
    const std::vector<int>& chain = options.tiers[i].chain;
    if (std::find(chain.begin(), chain.end(), model) != chain.end()) return static_cast<int>(i);
  }
  return -1;
}

bool IsProviderSlashModel(const ModelOption& model, std::string_view text) {
  const std::string& provider = model.provider;
  if (text.size() <= provider.size() || !text.starts_with(provider) ||
      text[provider.size()] != '/') {
    return false;
  }
  const std::string_view rest = text.substr(provider.size() + 1);
  return rest == model.provider_model || rest == model.name;
}

int FindModel(const Options& options, std::string_view text) {
  const auto index = [&](auto&& matches) {
    const auto found = std::find_if(options.models.begin(), options.models.end(), matches);
    return found == options.models.end() ? -1 : static_cast<int>(found - options.models.begin());
  };
  int model = index([&](const ModelOption& m) { return m.name == text; });
  if (model < 0) {
    model = index([&](const ModelOption& m) {
      return std::find(m.aliases.begin(), m.aliases.end(), text) != m.aliases.end();
    });
  }
  if (model < 0) {
    model = index([&](const ModelOption& m) { return IsProviderSlashModel(m, text); });
  }
  return model;
}

std::vector<std::string> TierNames(const Options& options, std::string_view prefix = {}) {
  std::vector<std::string> names;
  for (const TierOption& tier : options.tiers)
    names.push_back(fmt::format("{}{}", prefix, tier.name));
  return names;
}

Error UnknownModel(const Options& options, std::string_view text) {
  std::vector<std::string> known = TierNames(options, kTierPrefix);
  known.emplace_back("auto");
  for (const ModelOption& model : options.models) {
    known.push_back(model.name);
    known.insert(known.end(), model.aliases.begin(), model.aliases.end());
    known.push_back(fmt::format("{}/{}", model.provider, model.provider_model));
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::string hint = DidYouMean(text, known);
  if (hint.empty()) hint = "; \"auto\" lets Triage choose, GET /v1/models lists the names";
  return {.code = ErrorCode::kNotFound,
          .message = fmt::format("no model is called \"{}\"{}", Printable(text, kShownName), hint),
          .field = "model"};
}

}  // namespace

Result<Target> ResolveTarget(const Options& options, std::string_view model) {
  if (model == "auto" || model == "triage/auto") return Target{};
  if (model.starts_with(kTierPrefix)) {
    const std::string_view name = model.substr(kTierPrefix.size());
    for (std::size_t i = 0; i < options.tiers.size(); ++i) {
      if (options.tiers[i].name == name) {
        return Target{.kind = Target::Kind::kTier, .tier = static_cast<int>(i)};
      }
    }
    return UnknownModel(options, model);
  }
  const int index = FindModel(options, model);
  if (index < 0) return UnknownModel(options, model);
  return Target{.kind = Target::Kind::kModel, .tier = TierOf(options, index), .model = index};
}

Result<int> ResolveTier(const Options& options, std::string_view name, std::string_view field) {
  for (std::size_t i = 0; i < options.tiers.size(); ++i) {
    if (options.tiers[i].name == name) return static_cast<int>(i);
  }
  const std::vector<std::string> known = TierNames(options);
  std::string hint = DidYouMean(name, known);
  if (hint.empty()) hint = fmt::format("; tiers are {}", Join(known));
  return Error{.code = ErrorCode::kInvalidRequest,
               .message = fmt::format("{}: no tier is called \"{}\"{}", field,
                                      Printable(name, kShownName), hint),
               .field = std::string(field)};
}

}  // namespace triage::decide
