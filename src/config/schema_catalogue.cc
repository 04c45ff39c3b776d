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
    {.path = "models[].lifecycle", .type = kMap, .about = "Until when it is served."},
    {.path = "models[].lifecycle.at",
     .type = kTextList,
     .required = true,
     .about = "Kinds of providers (providers.yaml) whose own service the dates speak of."},
    {.path = "models[].lifecycle.deprecated", .type = kDate, .about = "When that was told."},
    {.path = "models[].lifecycle.shut_down", .type = kDate, .required = true, .about = "End."},
    {.path = "models[].lifecycle.successor", .type = kText, .about = "What its provider advises."},
    {.path = "models[].prices", .type = kMaps, .required = true, .about = "USD per million."},
    {.path = "models[].prices[].from",
     .type = kDate,
     .about = "The first day on which it is charged, UTC. Needed by all of a list but the first."},
    {.path = "models[].prices[].input", .type = kPrice, .required = true, .about = "Fresh input."},
    {.path = "models[].prices[].output", .type = kPrice, .required = true, .about = "Output."},
    {.path = "models[].prices[].cache_read",
     .type = kPrice,
     .about = "Input read from the provider's prompt cache. Else: `input`."},
    {.path = "models[].prices[].cache_write_5m",
     .type = kPrice,
     .about = "Input written to a cache for five minutes. Else: `input`."},
    {.path = "models[].prices[].cache_write_1h",
     .type = kPrice,
     .about = "Input written to a cache for an hour. Else: `cache_write_5m`."},
    {.path = "models[].prices[].reasoning",
     .type = kPrice,
     .about = "Reasoning tokens. Else: `output`."},
    {.path = "models[].prices[].per_request",
     .type = kPrice,
     .about = "USD for each call, beside its tokens. Else: 0."},
    {.path = "models[].prices[].per_image",
     .type = kPrice,
     .about = "USD for each image sent, beside its tokens. Else: 0."},
    {.path = "models[].prices[].batch",
     .type = kNumber,
     .high = 1,
     .about = "What share of all this is charged in the provider's batch API. Else: unknown."},
    {.path = "models[].prices[].long_context",
     .type = kMap,
     .about = "Other prices, of all tokens of a call, when it has many input tokens."},
    {.path = "models[].prices[].long_context.above",
     .type = kInteger,
     .required = true,
     .low = 1,
     .high = kMostTokens,
     .about = "More input tokens than these, cached ones included."},
    {.path = "models[].prices[].long_context.input",
     .type = kPrice,
     .required = true,
     .about = "As above."},
    {.path = "models[].prices[].long_context.output",
     .type = kPrice,
     .required = true,
     .about = "As above."},
    {.path = "models[].prices[].long_context.cache_read", .type = kPrice, .about = "As above."},
    {.path = "models[].prices[].long_context.cache_write_5m", .type = kPrice, .about = "As above."},
    {.path = "models[].prices[].long_context.cache_write_1h", .type = kPrice, .about = "As above."},
    {.path = "models[].prices[].long_context.reasoning", .type = kPrice, .about = "As above."},
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
