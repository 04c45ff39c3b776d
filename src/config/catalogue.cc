#include "config/catalogue.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/environment.h"
#include "config/prices.h"
#include "config/schema.h"
#include "config/section.h"

namespace triage::config {

namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// "20240307", "2024-08-06" and "0613" are dates of versions; "4" and "70" are not.
bool CarriesDate(std::string_view name) {
  std::size_t run = 0;
  for (char c : name) {
    run = IsDigit(c) ? run + 1 : 0;
    if (run == 4) return true;
  }
  return false;
}

}  // namespace

Catalogue Catalogue::Parse(std::string_view text, Problems& problems) {
  Node root = ParseYaml(text, problems);
  Environment no_environment([](std::string_view) { return std::nullopt; });
  CheckShape(root, CatalogueSchema(), no_environment, problems);
  Catalogue catalogue;
  std::set<std::string, std::less<>> seen;
  const Node* models = root.Find("models");
  if (models == nullptr) return catalogue;
  for (std::size_t i = 0; i < models->items.size(); ++i) {
    Section section(&models->items[i]);
    CatalogueModel model;
    model.names = section.Texts("names");
    model.unpinned = section.Texts("unpinned");
    for (const auto* names : {&model.names, &model.unpinned}) {
      for (const std::string& name : *names) {
        if (seen.insert(name).second) continue;
        problems.Error(models->items[i].at, fmt::format("models[{}]", i),
                       fmt::format("'{}' is in the catalogue twice", name));
      }
    }
    model.context = section.Integer("context").value_or(0);
    model.max_output = section.Integer("max_output").value_or(0);
    if (section.Get("capabilities") != nullptr) {
      model.capabilities = ReadCapabilities(section.Texts("capabilities"));
    }
    model.prices = ReadPrices(section.Get("prices"), fmt::format("models[{}].prices", i), problems);
    for (Prices& prices : model.prices) {
      prices.source = section.Text("source").value_or("");
      prices.as_of = section.Text("as_of").value_or("");
    }
    const Section lifecycle = section.Child("lifecycle");
    if (const auto shut_down = lifecycle.Date("shut_down")) {
      model.lifecycle = {.at = lifecycle.Texts("at"),
                         .shut_down = *shut_down,
                         .successor = lifecycle.Text("successor").value_or("")};
    }
    catalogue.models_.push_back(std::move(model));
  }
  return catalogue;
}

const CatalogueModel* Catalogue::Find(std::string_view name) const {
  auto has = [&](const std::vector<std::string>& names) {
    return std::ranges::find(names, name) != names.end();
  };
  auto found = std::ranges::find_if(
      models_, [&](const CatalogueModel& m) { return has(m.names) || has(m.unpinned); });
  return found == models_.end() ? nullptr : &*found;
}

bool Catalogue::IsUnpinned(std::string_view name) const {
  if (name.ends_with("latest")) return true;
  if (const CatalogueModel* known = Find(name)) {
    return std::ranges::find(known->names, name) == known->names.end();
  }
  bool dated_family =
      name.starts_with("gpt-") || name.starts_with("claude-") || name.starts_with("chatgpt-");
  return dated_family && !CarriesDate(name);
}

}  // namespace triage::config
