#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "config/environment.h"

namespace triage::config {

/// A path of the configuration: relative ones start at its file's folder, `~/` at $HOME.
std::filesystem::path Resolve(std::string_view text, const std::filesystem::path& base_dir,
                              const EnvLookup& env);

/// Where the shipped router may be, best first: beside the configuration file, in
/// $TRIAGE_HOME/models, and relative to the program (a build tree, an installation).
std::vector<std::filesystem::path> ShippedRouterPlaces(const std::filesystem::path& base_dir,
                                                       const EnvLookup& env);

}  // namespace triage::config
