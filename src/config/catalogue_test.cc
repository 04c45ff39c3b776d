#include "config/catalogue.h"

#include <string>

#include <gtest/gtest.h>

#include "config/summary.h"

namespace triage::config {
namespace {

Catalogue BuiltIn() {
  Problems problems("catalogue");
  Catalogue catalogue = Catalogue::Parse(BuiltInCatalogue(), problems);
  for (const Problem& problem : std::move(problems).Sorted()) ADD_FAILURE() << ToString(problem);
  return catalogue;
}

std::string ProblemsOf(std::string_view text) {
  Problems problems("c.yaml");
  Catalogue::Parse(text, problems);
  std::string all;
  for (const Problem& problem : std::move(problems).Sorted()) all += ToString(problem) + "\n";
  return all;
}

TEST(Catalogue, TheBuiltInOneHasNoProblemsAndThePricesOfTheRecordedExperiments) {
  Catalogue catalogue = BuiltIn();

  struct Recorded {
    std::string_view name, input, output;
  };

  for (const Recorded& recorded :
       std::initializer_list<Recorded>{{"llama-3.1-8b", "0.18", "0.18"},
                                       {"mixtral-8x7b", "0.60", "0.60"},
                                       {"llama-3.1-70b", "0.88", "0.88"},
                                       {"gpt-3.5-turbo", "0.50", "1.50"},
                                       {"gpt-4o-mini", "0.15", "0.60"},
                                       {"gemini-1.5-flash", "0.075", "0.30"},
                                       {"claude-3-haiku", "0.25", "1.25"},
                                       {"gemini-1.5-pro", "1.25", "5.00"},
                                       {"gpt-4o", "2.50", "10.00"},
                                       {"claude-3-5-sonnet", "3.00", "15.00"},
                                       {"gpt-4-turbo", "10.00", "30.00"},
                                       {"claude-3-opus", "15.00", "75.00"},
                                       {"gpt-4", "30.00", "60.00"}}) {
    const CatalogueModel* model = catalogue.Find(recorded.name);
    ASSERT_NE(model, nullptr) << recorded.name;
    EXPECT_EQ(FormatPrice(model->prices.front().input), recorded.input) << recorded.name;
    EXPECT_EQ(FormatPrice(model->prices.front().output), recorded.output) << recorded.name;
    EXPECT_GT(model->context, 0) << recorded.name;
    EXPECT_EQ(model->prices.front().as_of.size(), 10U) << recorded.name;
    EXPECT_FALSE(model->prices.front().source.empty()) << recorded.name;
  }
}

TEST(Catalogue, TokenClassesWithoutAPriceCostWhatTheirNeighbourCosts) {
  Catalogue catalogue = BuiltIn();
  const Prices& gpt = catalogue.Find("gpt-4o-2024-08-06")->prices.front();
  EXPECT_EQ(FormatPrice(gpt.cache_read), "1.25");
  EXPECT_EQ(gpt.cache_write_5m, gpt.input);
  EXPECT_EQ(gpt.reasoning, gpt.output);
  const Prices& opus = catalogue.Find("claude-3-opus-20240229")->prices.front();
  EXPECT_EQ(FormatPrice(opus.cache_write_5m), "18.75");
  EXPECT_EQ(opus.cache_write_1h, opus.cache_write_5m);
}

TEST(Catalogue, NamesWithoutAVersionAreUnpinned) {
  Catalogue catalogue = BuiltIn();
  for (std::string_view name :
       {"gpt-4o", "gpt-4", "claude-3-5-sonnet-latest", "mistral-large-latest", "gpt-9-ultra",
        "claude-9-opus", "gemini-1.5-pro"}) {
    EXPECT_TRUE(catalogue.IsUnpinned(name)) << name;
  }
  for (std::string_view name : {"gpt-4o-2024-08-06", "gpt-4-0613", "claude-9-opus-20300101",
                                "llama-3.1-8b-instant", "my-own-model"}) {
    EXPECT_FALSE(catalogue.IsUnpinned(name)) << name;
  }
}

TEST(Catalogue, ProblemsOfACatalogueHaveLines) {
  std::string problems = ProblemsOf(
      "models:\n"
      "  - {names: [a], as_of: 2024-13-01, source: s, prices: {input: -1, output: 2}}\n"
      "  - {names: [a], as_of: 2024-01-01, source: s, prices: {input: 1}}\n");
  EXPECT_NE(problems.find("c.yaml:2:25: error: models[0].as_of: '2024-13-01' is not valid"),
            std::string::npos)
      << problems;
  EXPECT_NE(problems.find("models[0].prices.input: '-1' is not valid"), std::string::npos);
  EXPECT_NE(problems.find("c.yaml:3:5: error: models[1]: 'a' is in the catalogue twice"),
            std::string::npos)
      << problems;
  EXPECT_NE(problems.find("models[1].prices: 'output' is missing"), std::string::npos);
}

}  // namespace
}  // namespace triage::config
