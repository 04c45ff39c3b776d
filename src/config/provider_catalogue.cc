#include "config/provider_catalogue.h"

#include "config/environment.h"
#include "config/schema.h"

namespace triage::config {

namespace {

const Node* Find(const Node& root, std::string_view section, std::string_view name) {
  const Node* map = root.Find(section);
  return map == nullptr ? nullptr : map->Find(name);
}

}  // namespace

ProviderCatalogue ProviderCatalogue::Parse(std::string_view text, Problems& problems) {
  ProviderCatalogue catalogue;
  catalogue.root_ = ParseYaml(text, problems);
  Environment no_environment([](std::string_view) { return std::nullopt; });
  CheckShape(catalogue.root_, ProviderCatalogueSchema(), no_environment, problems);
  return catalogue;
}

const Node* ProviderCatalogue::Kind(std::string_view name) const {
  return Find(root_, "providers", name);
}

const Node* ProviderCatalogue::Dialect(std::string_view name) const {
  return Find(root_, "dialects", name);
}

std::vector<std::string> ProviderCatalogue::Kinds() const {
  std::vector<std::string> names;
  if (const Node* kinds = root_.Find("providers")) {
    for (const Node::Entry& entry : kinds->entries) names.push_back(entry.key);
  }
  return names;
}

}  // namespace triage::config
