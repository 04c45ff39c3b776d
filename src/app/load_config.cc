#include "app/load_config.h"

#include <cstdio>

#include "config/load.h"

namespace triage::app {

Result<config::Snapshot> LoadConfig(const std::string& path) {
  const config::LoadResult loaded = config::Load(path);
  std::string problems;
  for (const config::Problem& problem : loaded.problems) {
    problems.append(config::ToString(problem)).append("\n");
  }
  if (!loaded.ok()) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = std::move(problems)};
  }
  if (!problems.empty()) std::fputs(problems.c_str(), stderr);
  return loaded.config;
}

}  // namespace triage::app
