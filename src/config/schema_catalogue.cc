#include <array>
#include <deque>
#include <string>
#include <vector>

#include "config/schema.h"

namespace triage::config {

namespace {

using enum Type;

constexpr auto kCatalogueKeys = std::to_array<Key>({
    {.path = "models", .type = kMapList, .required = true, .about = "Known model versions."},
    {.path = "models[].names", .type = kTextList, .required = true, .about = "Pinned names."},
    {.path = "models[].unpinned", .type = kTextList, .about = "Names that may change meaning."},
    {.path = "models[].context",
     .type = kInteger,
     .low = 1,
     .high = kMostTokens,
     .about = "Context window in tokens."},
    {.path = "models[].max_output",
     .type = kInteger,
     .low = 1,
     .high = kMostTokens,
     .about = "Most output tokens."},
    {.path = "models[].capabilities",
     .type = kChoiceList,
     .choices = kCapabilityWords,
     .about = "What it can do."},
    {.path = "models[].as_of", .type = kDate, .required = true, .about = "Date of the prices."},
    {.path = "models[].source", .type = kText, .required = true, .about = "Where they stand."},
    {.path = "models[].note", .type = kText, .about = "What a reader should know."},
    {.path = "models[].prices", .type = kMap, .required = true, .about = "USD per million tokens."},
    {.path = "models[].prices.input", .type = kPrice, .required = true, .about = "Fresh input."},
    {.path = "models[].prices.output", .type = kPrice, .required = true, .about = "Output."},
    {.path = "models[].prices.cache_read", .type = kPrice, .about = "Cache read."},
    {.path = "models[].prices.cache_write_5m", .type = kPrice, .about = "Cache write, 5 min."},
    {.path = "models[].prices.cache_write_1h", .type = kPrice, .about = "Cache write, 1 h."},
    {.path = "models[].prices.reasoning", .type = kPrice, .about = "Reasoning."},
});

constexpr auto kPresetKeys = std::to_array<Key>({
    {.path = "presets", .type = kNamedMap, .required = true, .about = "By name."},
    {.path = "presets.*.about", .type = kText, .required = true, .about = "What it is for."},
    {.path = "presets.*.likely_enough",
     .type = kNumberList,
     .required = true,
     .high = 1,
     .about = "Probability that a tier's answer will do."},
    {.path = "presets.*.stakes", .type = kPrice, .required = true, .about = "USD."},
    {.path = "presets.*.verify", .type = kChoiceList, .choices = kCheckWords, .about = "Checks."},
    {.path = "presets.*.rules", .type = kMapList, .about = "Policies that give way."},
    {.path = "presets.*.rules[].because", .type = kText, .required = true, .about = "Why."},
    {.path = "presets.*.rules[].when", .type = kMap, .required = true, .about = "For what."},
    {.path = "presets.*.rules[].when.detected",
     .type = kChoiceList,
     .choices = kFindingWords,
     .about = "What the text holds."},
    {.path = "presets.*.rules[].when.query_type",
     .type = kChoiceList,
     .choices = kQueryTypeWords,
     .about = "What is asked for."},
    {.path = "presets.*.rules[].when.impact",
     .type = kChoiceList,
     .choices = "low|normal|high|critical",
     .about = "What is at stake."},
    {.path = "presets.*.rules[].min_tier",
     .type = kChoice,
     .choices = "cheapest|above_cheapest|top",
     .about = "Floor."},
    {.path = "presets.*.rules[].max_tier",
     .type = kChoice,
     .choices = "cheapest|above_cheapest|top",
     .about = "Ceiling."},
});

}  // namespace

std::span<const Key> PresetSchema() {
  return kPresetKeys;
}

std::span<const Key> CatalogueSchema() {
  return kCatalogueKeys;
}

// A kind and a dialect say what a provider of triage.yaml says, but no secrets; their URLs are
// templates.
std::span<const Key> ProviderCatalogueSchema() {
  struct Table {
    std::deque<std::string> paths;
    std::vector<Key> keys;
  };

  static const Table table = [] {
    constexpr std::string_view kPrefix = "providers.*.";
    Table made;
    for (const std::string_view section : {"dialects", "providers"}) {
      made.keys.push_back({.path = section, .type = kNamedMap, .required = true, .about = "."});
      for (const Key& key : ConfigSchema()) {
        if (!key.path.starts_with(kPrefix) || key.path.find("api_key") != std::string_view::npos ||
            key.path.find("access_key") != std::string_view::npos) {
          continue;
        }
        Key copy = key;
        copy.path = made.paths.emplace_back(std::string(section) + ".*." +
                                            std::string(key.path.substr(kPrefix.size())));
        if (copy.type == kUrl) copy.type = kText;
        made.keys.push_back(copy);
      }
      for (const auto& [name, type] : {std::pair{"source", kText}, std::pair{"as_of", kDate}}) {
        made.keys.push_back({.path = made.paths.emplace_back(std::string(section) + ".*." + name),
                             .type = type,
                             .required = section == "providers",
                             .about = "Where it stands, and as of when."});
      }
    }
    return made;
  }();
  return table.keys;
}

}  // namespace triage::config
