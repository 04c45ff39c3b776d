// Every tests/golden/config/NAME.yaml is loaded with a fixed environment; its problems must be
// exactly NAME.txt. TRIAGE_UPDATE_GOLDEN=1 writes the expectations anew.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.h"

namespace triage::config {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = TRIAGE_SOURCE_DIR "/tests/golden/config";
constexpr std::string_view kSecretValue = "sk-never-to-be-seen";

std::optional<std::string> FixedEnvironment(std::string_view name) {
  if (name == "KEY" || name == "BAD_NUMBER" || name == "BAD_URL") return std::string(kSecretValue);
  if (name == "EVIL") return std::string(kSecretValue) + "\r\nx-injected: 1";
  if (name == "EMPTY") return std::string();
  // A folder without models: the shipped router is found nowhere but where a case puts it.
  return std::nullopt;
}

std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") cases.push_back(entry.path().stem().string());
  }
  std::ranges::sort(cases);
  return cases;
}

std::string ProblemsOf(const std::string& name) {
  LoadResult result = Parse(Slurp(kFolder / (name + ".yaml")), name + ".yaml", FixedEnvironment,
                            kFolder, {.today = std::chrono::year(2026) / 11 / 24});
  std::string text;
  bool error = false;
  for (const Problem& problem : result.problems) {
    Problem shown = problem;
    // Files named by the case lie in its folder, which is another on every machine.
    if (shown.file.starts_with(kFolder.string())) shown.file.erase(0, kFolder.string().size() + 1);
    text += ToString(shown) + "\n";
    error = error || problem.severity == Severity::kError;
  }
  EXPECT_EQ(result.ok(), !error) << name;
  return text;
}

TEST(GoldenConfig, EveryCaseGivesExactlyItsProblems) {
  std::vector<std::string> cases = Cases();
  ASSERT_GE(cases.size(), 10U);
  for (const std::string& name : cases) {
    std::string found = ProblemsOf(name);
    if (std::getenv("TRIAGE_UPDATE_GOLDEN") != nullptr) {
      std::ofstream(kFolder / (name + ".txt"), std::ios::binary) << found;
    }
    EXPECT_EQ(found, Slurp(kFolder / (name + ".txt"))) << name;
  }
}

TEST(GoldenConfig, NoMessageShowsASecretOrAnEnvironmentValue) {
  for (const std::string& name : Cases()) {
    std::string found = ProblemsOf(name);
    EXPECT_EQ(found.find("never-to-be-seen"), std::string::npos) << found;
    EXPECT_EQ(found.find("plain-secret"), std::string::npos) << found;
  }
}

}  // namespace
}  // namespace triage::config
