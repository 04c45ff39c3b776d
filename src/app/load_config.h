#pragma once

#include <string>

#include "base/error.h"
#include "config/config.h"
#include "config/load.h"

namespace triage::app {

/// The configuration of a command. Warnings go to standard error; kInvalidRequest lists every
/// problem, one a line.
Result<config::Snapshot> LoadConfig(const std::string& path,
                                    const config::LoadOptions& options = {});

/// An example that the program carries ("three-tier", "start-simple"), for commands that only look:
/// variables that are not set stand for credentials that nobody uses.
Result<config::Snapshot> LoadExample(const std::string& name);

}  // namespace triage::app
