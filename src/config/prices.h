#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/problem.h"
#include "config/yaml_tree.h"

namespace triage::config {

/// Reads the value of a `prices` key, which CheckShape has checked: one map or a list of them.
/// Reports days that overlap or are missing; `path` is the key's. Empty when a price that must be
/// there was reported.
std::vector<Prices> ReadPrices(const Node* node, const std::string& path, Problems& problems);

}  // namespace triage::config
