#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/environment.h"
#include "config/problem.h"

namespace triage::config {

/// A configuration, or every reason why there is none.
struct LoadResult {
  Snapshot config;                ///< null when a problem is an error
  std::vector<Problem> problems;  ///< in the order of lines; only warnings when `config` is set

  bool ok() const { return config != nullptr; }
};

struct LoadOptions {
  /// The day for which models may be past their end; nothing = today by the machine's clock, UTC.
  std::optional<std::chrono::sys_days> today = {};
  bool allow_shut_down = false;  ///< models that are served no more are warned of, not refused
};

/// Reads and validates a file, with the process's environment. Reads files only; safe to call on
/// any thread, for start-up and for reloads alike.
LoadResult Load(const std::filesystem::path& path, const LoadOptions& options = {});

/// The same for a text. `name` stands in messages for the file; relative paths start at `base_dir`.
LoadResult Parse(std::string_view text, std::string_view name, const EnvLookup& env,
                 const std::filesystem::path& base_dir, const LoadOptions& options = {});

}  // namespace triage::config
