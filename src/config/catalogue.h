#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problem.h"

namespace triage::config {

/// What the catalogue knows of one model version.
struct CatalogueModel {
  std::vector<std::string> names;     ///< a provider's own names of exactly this version
  std::vector<std::string> unpinned;  ///< names that meant this version at `prices.as_of`
  std::int64_t context = 0;           ///< 0 = unknown
  std::int64_t max_output = 0;
  std::optional<Capabilities> capabilities;
  std::vector<Prices> prices;  ///< in the order of days

  /// When its provider stops serving it.
  struct Lifecycle {
    std::vector<std::string> at;  ///< kinds of providers
    std::chrono::sys_days shut_down;
    std::string successor;  ///< may be empty
  };

  std::optional<Lifecycle> lifecycle;
};

/// Known models with dated list prices, looked up by the provider's own name of a model.
class Catalogue {
 public:
  /// Reads config/catalogue.yaml's format. With problems, what could be read.
  static Catalogue Parse(std::string_view text, Problems& problems);

  const CatalogueModel* Find(std::string_view provider_model) const;

  /// Whether the name may mean another version tomorrow: the catalogue says so, it ends in
  /// "latest", or it is of a family whose versions carry dates and has none.
  bool IsUnpinned(std::string_view provider_model) const;

 private:
  std::vector<CatalogueModel> models_;
};

/// The file that was config/catalogue.yaml when the program was built.
std::string_view BuiltInCatalogue();

}  // namespace triage::config
