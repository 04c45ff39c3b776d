#include "config/prices.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "config/catalogue.h"
#include "config/load.h"
#include "config/summary.h"

namespace triage::config {
namespace {

using std::chrono::sys_days;

constexpr sys_days Day(int year, int month, int day) {
  return std::chrono::year(year) / month / day;
}

std::string AllProblems(const std::vector<Problem>& problems) {
  std::string all;
  for (const Problem& problem : problems) all += ToString(problem) + "\n";
  return all;
}

LoadResult Load(const std::string& model, sys_days today = Day(2026, 11, 24),
                bool allow_shut_down = false,
                const std::string& provider = "openai: {api_key: k}") {
  return Parse("providers: {" + provider +
                   "}\nmodels:\n  m: {provider: " + provider.substr(0, provider.find(':')) + ", " +
                   model + "}\ntiers: [{name: t, chain: m}]\n",
               "t.yaml", [](std::string_view) { return std::nullopt; }, "/conf",
               {.today = today, .allow_shut_down = allow_shut_down});
}

/// What it says but of the router, which is not there.
std::string ProblemsOf(const std::string& model, sys_days today = Day(2026, 11, 24),
                       bool allow_shut_down = false,
                       const std::string& provider = "openai: {api_key: k}") {
  std::string all;
  for (const Problem& problem : Load(model, today, allow_shut_down, provider).problems) {
    if (problem.path != "routing.router" && !problem.path.starts_with("providers")) {
      all += ToString(problem) + "\n";
    }
  }
  return all;
}

std::vector<Prices> Read(const std::string& yaml, std::string* told = nullptr) {
  Problems problems("p.yaml");
  const Node root = ParseYaml("prices: " + yaml, problems);
  std::vector<Prices> prices = ReadPrices(root.Find("prices"), "models.m.prices", problems);
  if (told != nullptr) *told = AllProblems(std::move(problems).Sorted());
  return prices;
}

TEST(ReadPrices, TakesEveryClassThatAProviderMayCharge) {
  // As text, as CheckShape leaves it without variables.
  Problems problems("c.yaml");
  const Catalogue catalogue = Catalogue::Parse(
      "models:\n"
      "  - names: [a]\n"
      "    as_of: 2026-01-01\n"
      "    source: s\n"
      "    prices: {input: 1, output: 2, cache_read: 0.1, cache_write_5m: 1.25, cache_write_1h: "
      "2,\n"
      "      reasoning: 3, per_request: 0.005, per_image: 0.001, batch: 0.5,\n"
      "      long_context: {above: 200000, input: 2, output: 4}}\n",
      problems);
  EXPECT_EQ(AllProblems(std::move(problems).Sorted()), "");
  const Prices& prices = catalogue.Find("a")->prices.front();
  EXPECT_EQ(FormatPrice(prices.cache_write_1h), "2.00");
  EXPECT_EQ(FormatPrice(prices.reasoning), "3.00");
  EXPECT_EQ(prices.per_request, NanoDollars(5'000'000));
  EXPECT_EQ(prices.per_image, NanoDollars(1'000'000));
  EXPECT_EQ(prices.batch, Share{500'000'000});
  ASSERT_TRUE(prices.long_context);
  EXPECT_EQ(prices.long_context->above, 200'000);
  EXPECT_EQ(FormatPrice(prices.long_context->prices.cache_read), "2.00");
}

TEST(InForce, IsThePriceOfTheDay) {
  const std::string dated =
      "prices: [{input: 2, output: 10}, {from: 2026-10-07, input: 1, output: 10}], model: x";
  const LoadResult loaded = Load(dated);
  ASSERT_TRUE(loaded.ok()) << AllProblems(loaded.problems);
  const std::vector<Prices>& prices = loaded.config->models.front().prices;
  EXPECT_EQ(FormatPrice(InForce(prices, Day(2026, 10, 6))->input), "2.00");
  EXPECT_EQ(FormatPrice(InForce(prices, Day(2026, 10, 7))->input), "1.00");
  EXPECT_NE(Summary(*Load(dated, Day(2026, 10, 6)).config).find("2.00 / 10.00"), std::string::npos);
}

TEST(InForce, IsNothingBeforeTheFirstDay) {
  const LoadResult loaded = Load("model: x, prices: {from: 2027-01-01, input: 2, output: 10}");
  ASSERT_TRUE(loaded.ok()) << AllProblems(loaded.problems);
  EXPECT_EQ(InForce(loaded.config->models.front().prices, Day(2026, 12, 31)), nullptr);
  EXPECT_EQ(InForce({}, Day(2026, 12, 31)), nullptr);
}

TEST(ReadPrices, RefusesDaysThatOverlapWithLineAndRemedy) {
  std::string told;
  EXPECT_TRUE(Read("[{input: 2, output: 1}, {input: 1, output: 1}]", &told).empty());
  EXPECT_EQ(told,
            "p.yaml:1:33: error: models.m.prices[1]: without `from` it overlaps the prices before "
            "it (expected from: the first day of these prices, such as 2024-07-23)\n");
  EXPECT_EQ(
      ProblemsOf("model: x, prices: [{from: 2026-10-07, input: 2, output: 1}, {from: "
                 "2026-10-07, input: 1, output: 1}]"),
      "t.yaml:3:85: error: models.m.prices[1]: it begins on 2026-10-07 and overlaps the prices "
      "before it, which begin on 2026-10-07 (expected each day once, in the order of days)\n");
}

TEST(ReadPrices, RefusesMissingNegativeAndImpossiblePricesWithLineAndRemedy) {
  EXPECT_EQ(
      ProblemsOf("model: x, prices: [{input: 2}]"),
      "t.yaml:3:44: error: models.m.prices[0]: 'output' is missing (expected USD such as 0.18, "
      "not negative, at most 9 decimals)\n");
  EXPECT_NE(ProblemsOf("model: x, prices: {input: -2, output: 1}")
                .find("t.yaml:3:51: error: models.m.prices.input: '-2' is not valid"),
            std::string::npos);
  EXPECT_NE(ProblemsOf("model: x, prices: {input: 2, output: 1, batch: 1.5}")
                .find("prices.batch: '1.5' is not valid (expected a number from 0 to 1"),
            std::string::npos);
  EXPECT_NE(ProblemsOf("model: x, prices: {from: 2026-02-30, input: 2, output: 1}")
                .find("prices.from: '2026-02-30' is not valid"),
            std::string::npos);
  EXPECT_NE(
      ProblemsOf("model: x, prices: {input: 2, output: 1, long_context: {above: 5, input: 1}}")
          .find("long_context: 'output' is missing"),
      std::string::npos);
}

TEST(Lifecycle, WarnsNinetyThirtyAndSevenDaysAhead) {
  const std::string pinned = "model: gpt-4o-mini-2024-07-18";  // until 2027-01-14
  EXPECT_EQ(ProblemsOf(pinned, Day(2026, 10, 15)), "");        // 91 days
  EXPECT_EQ(ProblemsOf(pinned, Day(2026, 10, 16)),
            "t.yaml:3:32: warning: models.m.model: 'gpt-4o-mini-2024-07-18' will not be served any "
            "more from 2027-01-14 on: 90 days left (expected its provider advises gpt-6-luna)\n");
  EXPECT_NE(ProblemsOf(pinned, Day(2026, 12, 15)).find("30 days left, move within a month"),
            std::string::npos);
  EXPECT_NE(ProblemsOf(pinned, Day(2027, 1, 7)).find("7 days left, move within a week"),
            std::string::npos);
  EXPECT_NE(ProblemsOf(pinned, Day(2027, 1, 13)).find("1 day left"), std::string::npos);
  EXPECT_TRUE(Load(pinned, Day(2027, 1, 13)).ok());
}

TEST(Lifecycle, RefusesAPinPastItsShutdownUnlessForced) {
  const std::string pinned = "model: gpt-4o-mini-2024-07-18";
  EXPECT_EQ(ProblemsOf(pinned, Day(2027, 1, 14)),
            "t.yaml:3:32: error: models.m.model: 'gpt-4o-mini-2024-07-18' is not served any more "
            "since 2027-01-14 (expected its provider advises gpt-6-luna; --force passes it)\n");
  EXPECT_FALSE(Load(pinned, Day(2027, 1, 14)).ok());
  EXPECT_TRUE(Load(pinned, Day(2027, 1, 14), true).ok());
  EXPECT_NE(ProblemsOf(pinned, Day(2027, 1, 14), true).find("warning: models.m.model"),
            std::string::npos);
}

TEST(Lifecycle, OfAProviderSaysNothingOfWhatOthersServe) {
  const std::string pinned = "model: gpt-4o-mini-2024-07-18";
  const std::string own = "openai: {base_url: 'http://127.0.0.1:1/v1', api_key: k}";
  EXPECT_EQ(ProblemsOf(pinned, Day(2030, 1, 1), false, own), "");
}

TEST(Lifecycle, OfTheConfigurationWins) {
  EXPECT_EQ(ProblemsOf("model: gpt-4o-mini-2024-07-18, shut_down: 2028-01-01", Day(2027, 6, 1)),
            "");
  EXPECT_NE(ProblemsOf("model: own, prices: {input: 1, output: 1}, shut_down: 2026-11-24")
                .find("error: models.m.model: 'own' is not served any more since 2026-11-24"),
            std::string::npos);
}

}  // namespace
}  // namespace triage::config
