#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problem.h"

namespace triage::config {

/// Reads config/presets.yaml's format. With problems, what could be read.
std::vector<Preset> ParsePresets(std::string_view text, Problems& problems);

/// The file that was config/presets.yaml when the program was built.
std::string_view BuiltInPresets();

}  // namespace triage::config
