#include "config/paths.h"

#include <system_error>

namespace triage::config {

namespace fs = std::filesystem;

fs::path Resolve(std::string_view text, const fs::path& base_dir, const EnvLookup& env) {
  if (text.starts_with("~/")) {
    if (auto home = env("HOME")) return fs::path(*home) / text.substr(2);
  }
  return (base_dir / fs::path(text)).lexically_normal();
}

std::vector<fs::path> ShippedRouterPlaces(const fs::path& base_dir, const EnvLookup& env) {
  constexpr std::string_view kFile = "default.triage";
  std::vector<fs::path> places = {base_dir / "models" / kFile, base_dir / kFile};
  if (auto home = env("TRIAGE_HOME"); home && !home->empty()) {
    places.push_back(fs::path(*home) / "models" / kFile);
  }
  std::error_code error;
  fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    fs::path folder = program.parent_path();
    places.push_back(folder.parent_path().parent_path() / "models" / kFile);
    places.push_back(folder.parent_path() / "share" / "triage" / "models" / kFile);
  }
  for (fs::path& place : places) place = place.lexically_normal();
  return places;
}

}  // namespace triage::config
