#include "config/load.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/error.h"
#include "config/build.h"
#include "config/paths.h"
#include "config/presets.h"
#include "config/schema.h"
#include "config/section.h"

namespace triage::config {

namespace {

namespace fs = std::filesystem;

Result<std::string> ReadFile(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return Error{.code = ErrorCode::kIo, .message = "cannot read it: it is a directory"};
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    return Error{.code = ErrorCode::kIo,
                 .message = fmt::format("cannot read it: {}", std::strerror(errno))};
  }
  return text;
}

std::string VersionOf(std::string_view text, std::string_view catalogue,
                      std::string_view environment) {
  std::string all;
  for (std::string_view part :
       {text, catalogue, BuiltInProviders(), BuiltInPresets(), environment}) {
    all += part;
    all += '\0';
  }
  return fmt::format("{:016x}", XXH64(all.data(), all.size(), 0));
}

struct LoadedCatalogue {
  std::string text;
  Catalogue catalogue;
  std::vector<Problem> problems;  ///< of the catalogue's own file
};

LoadedCatalogue LoadCatalogue(const Node& root, const fs::path& base_dir, const EnvLookup& env,
                              Problems& problems) {
  LoadedCatalogue loaded;
  std::string name = "built-in catalogue";
  if (const Node* given = Section(&root).Get("catalogue")) {
    fs::path path = Resolve(given->text, base_dir, env);
    auto text = ReadFile(path);
    if (!text) {
      problems.Error(given->at, "catalogue",
                     fmt::format("'{}': {}", given->raw, text.error().message));
      // So that the models are not all reported as unknown, too.
      loaded.text = BuiltInCatalogue();
    } else {
      loaded.text = std::move(*text);
    }
    // A path from the environment is a value that messages must not show.
    name = given->from_env ? given->raw : path.string();
  } else {
    loaded.text = BuiltInCatalogue();
  }
  Problems own(name);
  loaded.catalogue = Catalogue::Parse(loaded.text, own);
  loaded.problems = std::move(own).Sorted();
  return loaded;
}

bool HasErrors(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    if (problem.severity == Severity::kError) return true;
  }
  return false;
}

}  // namespace

LoadResult Parse(std::string_view text, std::string_view name, const EnvLookup& env,
                 const fs::path& base_dir, const LoadOptions& options) {
  Problems problems{std::string(name)};
  Node root = ParseYaml(text, problems);
  LoadResult result;
  // What is missing from a file that could not be read to its end is not known.
  if (root.kind == Node::Kind::kMap && root.entries.empty() && problems.has_errors()) {
    result.problems = std::move(problems).Sorted();
    return result;
  }
  std::string digest = CheckShape(root, ConfigSchema(), Environment(env), problems);
  auto config = std::make_shared<Config>();
  LoadedCatalogue catalogue = LoadCatalogue(root, base_dir, env, problems);
  Problems of_kinds("built-in providers");
  const ProviderCatalogue kinds = ProviderCatalogue::Parse(BuiltInProviders(), of_kinds);
  TRIAGE_CHECK(!of_kinds.has_errors());  // a test reads it
  config->read_on = options.today.value_or(
      std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
  BuildContext context{.root = root,
                       .catalogue = catalogue.catalogue,
                       .kinds = kinds,
                       .base_dir = base_dir,
                       .env = env,
                       .config = *config,
                       .problems = problems,
                       .allow_shut_down = options.allow_shut_down};
  Build(context);
  config->version = VersionOf(text, catalogue.text, digest);
  result.problems = std::move(problems).Sorted();
  result.problems.insert(result.problems.end(), catalogue.problems.begin(),
                         catalogue.problems.end());
  if (!HasErrors(result.problems)) result.config = std::move(config);
  return result;
}

LoadResult Load(const fs::path& path, const LoadOptions& options) {
  auto text = ReadFile(path);
  if (!text) {
    Problems problems(path.string());
    problems.Error({}, "", text.error().message, "a configuration; `triage init` writes one");
    return {.config = nullptr, .problems = std::move(problems).Sorted()};
  }
  return Parse(*text, path.string(), ProcessEnvironment(), path.parent_path(), options);
}

}  // namespace triage::config
