#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/catalogue.h"
#include "config/config.h"
#include "config/environment.h"
#include "config/problem.h"
#include "config/provider_catalogue.h"
#include "config/yaml_tree.h"

namespace triage::config {

/// What the steps from a checked tree to a Config share.
struct BuildContext {
  const Node& root;
  const Catalogue& catalogue;
  const ProviderCatalogue& kinds;
  const std::filesystem::path& base_dir;
  const EnvLookup& env;
  Config& config;
  Problems& problems;
  bool allow_shut_down = false;  ///< models that are served no more are warned of, not refused

  /// Reports `node` unless it names one of `names`. `what` is "model", "tier", …
  bool CheckReference(const Node& node, const std::string& path, std::string_view what,
                      const std::vector<std::string>& names) const;

  /// Reports `node` unless `file`, which it names, is there.
  void CheckFile(const Node& node, const std::string& path,
                 const std::filesystem::path& file) const;
};

/// Fills `config` and reports everything that the schema alone cannot see.
void Build(BuildContext& context);

// Its steps; each needs those before it.
void BuildProviders(BuildContext& context);
void BuildModels(BuildContext& context);
void BuildTiers(BuildContext& context);
void BuildRouting(BuildContext& context);
void BuildResilience(BuildContext& context);
void BuildPolicies(BuildContext& context);
void BuildWorkloads(BuildContext& context);
void BuildVerify(BuildContext& context);
void BuildFeedback(BuildContext& context);

/// The checks in a list of names, without those that are reported. After BuildVerify.
std::vector<std::string> ReadChecks(const BuildContext& context, const Node* list,
                                    const std::string& path);

/// The words of `wanted` for what `has` lacks; a JSON schema can do what plain JSON mode can.
std::vector<std::string> Lacking(const Capabilities& has, const std::vector<std::string>& wanted);

/// Whether the provider's own public address is called without the key that it asks for. An
/// endpoint of one's own may need none.
bool IsKeyless(const BuildContext& context, const Provider& provider);

std::vector<std::string> ProviderNames(const Config& config);
std::vector<std::string> ModelNames(const Config& config);
std::vector<std::string> TierNames(const Config& config);

}  // namespace triage::config
