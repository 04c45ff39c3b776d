#include "config/schema.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "config/environment.h"

namespace triage::config {
namespace {

TEST(Schema, EveryKeyIsThereOnceAndExplained) {
  for (auto schema : {ConfigSchema(), CatalogueSchema()}) {
    std::set<std::string_view> paths;
    for (const Key& key : schema) {
      EXPECT_TRUE(paths.insert(key.path).second) << key.path;
      EXPECT_TRUE(key.about.ends_with('.')) << key.path;
      EXPECT_EQ(key.about.find('|'), std::string_view::npos) << key.path;
    }
  }
}

TEST(Schema, EveryDefaultWouldBeAcceptedIfItWereWritten) {
  Environment environment([](std::string_view) { return std::nullopt; });
  for (const Key& key : ConfigSchema()) {
    if (key.fallback.empty()) continue;
    // One key alone, as a schema of its own at the top.
    Key alone = key;
    alone.path = "key";
    Problems problems("test");
    Node root(Node::Kind::kMap, {1, 1});
    root.entries.push_back(
        {"key", {1, 1}, Node(Node::Kind::kScalar, {1, 6}, std::string(key.fallback))});
    CheckShape(root, std::span(&alone, 1), environment, problems);
    EXPECT_FALSE(problems.has_errors()) << key.path << " " << key.fallback;
  }
}

TEST(Schema, TheReferenceInTheDocumentsIsTheTableInTheCode) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/docs/configuration.md");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_NE(text.find("\n" + ReferenceMarkdown()), std::string::npos)
      << "put the output of `triage check --reference` into docs/configuration.md";
}

}  // namespace
}  // namespace triage::config
