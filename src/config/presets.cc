#include "config/presets.h"

#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "config/build.h"
#include "config/environment.h"
#include "config/scalars.h"
#include "config/schema.h"
#include "config/section.h"

namespace triage::config {

namespace {

Policy ReadRule(const Node& node) {
  Section section(&node);
  Policy rule;
  rule.name = section.Text("because").value_or("");
  if (const Node* when = section.Get("when")) {
    for (const Node::Entry& entry : when->entries) {
      rule.when[entry.key] = Section(when).Texts(entry.key);
    }
  }
  rule.min_tier = section.Text("min_tier").value_or("");
  rule.max_tier = section.Text("max_tier").value_or("");
  return rule;
}

}  // namespace

std::vector<Preset> ParsePresets(std::string_view text, Problems& problems) {
  Node root = ParseYaml(text, problems);
  Environment no_environment([](std::string_view) { return std::nullopt; });
  CheckShape(root, PresetSchema(), no_environment, problems);
  std::vector<Preset> presets;
  const Node* all = Section(&root).Get("presets");
  if (all == nullptr) return presets;
  for (const Node::Entry& entry : all->entries) {
    Section section(&entry.value);
    Preset preset;
    preset.name = entry.key;
    for (const Node* value : Scalars(section.Get("likely_enough"))) {
      preset.likely_enough.push_back(ParseNumber(value->text).value_or(0));
    }
    if (auto stakes = section.Text("stakes")) {
      if (auto price = ParsePrice(*stakes)) preset.stakes = NanoDollars(price->nano_dollars);
    }
    preset.verify = section.Texts("verify");
    if (const Node* rules = section.Get("rules")) {
      for (const Node& rule : rules->items) preset.rules.push_back(ReadRule(rule));
    }
    presets.push_back(std::move(preset));
  }
  return presets;
}

void BuildWorkloads(BuildContext& context) {
  Problems of_presets("built-in presets");
  context.config.presets = ParsePresets(BuiltInPresets(), of_presets);
  TRIAGE_CHECK(!of_presets.has_errors());  // a test reads it
  const Node* workloads = Section(&context.root).Get("workloads");
  if (workloads == nullptr) return;
  for (const Node::Entry& entry : workloads->entries) {
    if (auto preset = Section(workloads).Text(entry.key)) {
      context.config.workloads[entry.key] = *preset;
    }
  }
}

}  // namespace triage::config
