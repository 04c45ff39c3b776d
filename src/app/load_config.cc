#include "app/load_config.h"

#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "config/summary.h"

namespace triage::app {

namespace {

Result<config::Snapshot> Accept(const config::LoadResult& loaded) {
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

}  // namespace

Result<config::Snapshot> LoadConfig(const std::string& path, const config::LoadOptions& options) {
  return Accept(config::Load(path, options));
}

Result<config::Snapshot> LoadExample(const std::string& name) {
  const config::EnvLookup own = config::ProcessEnvironment();
  const config::EnvLookup lookup = [&](std::string_view variable) -> std::optional<std::string> {
    if (auto value = own(variable)) return value;
    if (variable.ends_with("_KEY")) return "unused";
    return std::nullopt;
  };
  // Nobody is called: what is served no more does for looking at.
  return Accept(
      config::Parse(config::BuiltInExample(name), name, lookup, ".", {.allow_shut_down = true}));
}

}  // namespace triage::app
