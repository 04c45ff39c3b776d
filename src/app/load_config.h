#pragma once

#include <string>

#include "base/error.h"
#include "config/config.h"

namespace triage::app {

/// The configuration of a command. Warnings go to standard error; kInvalidRequest lists every
/// problem, one a line.
Result<config::Snapshot> LoadConfig(const std::string& path);

}  // namespace triage::app
