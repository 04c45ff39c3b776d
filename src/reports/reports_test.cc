#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ledger/open.h"
#include "ledger/rollup.h"
#include "reports/cost.h"
#include "reports/render.h"
#include "reports/since.h"
#include "testing/ledger_builders.h"
#include "testing/temp_dir.h"

namespace triage::reports {
namespace {

using ledger::Dimension;
using ledger::Group;
using ledger::Sums;
using ledger::TestTime;
using ledger::TimeRange;
using testing::HasSubstr;
using testing::Not;

constexpr std::array kByUser{Dimension::kUser};

TimeRange Range() {
  return {TestTime() - std::chrono::hours(24), TestTime() + std::chrono::minutes(30)};
}

Sums MakeSums(std::int64_t cost, std::int64_t baseline) {
  Sums sums;
  sums.exchanges = 4;
  sums.attempts = 5;
  sums.tokens = {.fresh_input = 100, .cache_read = 20, .output = 50, .reasoning = 7};
  sums.cost = NanoDollars(cost);
  sums.baseline = NanoDollars(baseline);
  sums.compared = 4;
  sums.compared_cost = sums.cost;
  sums.compared_baseline = sums.baseline;
  return sums;
}

/// ada saves, bob loses, and of eve's model no price is known.
std::vector<Group> ThreeUsers() {
  std::vector<Group> groups{{.keys = {"ada"}, .sums = MakeSums(1'000'000, 5'000'000)},
                            {.keys = {"bob"}, .sums = MakeSums(2'500'000'001, 2'000'000'000)},
                            {.keys = {"eve"}, .sums = MakeSums(0, 0)}};
  Sums& eve = groups[2].sums;
  eve.unknown_cost = eve.attempts;
  eve.without_cost = eve.exchanges;
  eve.compared = 0;
  eve.baseline = NanoDollars(9'000);
  return groups;
}

TEST(CostReport, ReadsAsATableWithTheDearestFirst) {
  EXPECT_EQ(RenderTable(CostReport(ThreeUsers(), kByUser, Range())),
            R"(Cost by user
From 2026-11-23T05:00Z to 2026-11-24T06:00Z, whole hours in UTC.

user   exchanges  attempts  tokens in  of these cached  tokens out  of these reasoning     cost USD  cost unknown  estimated
----------------------------------------------------------------------------------------------------------------------------
bob            4         5        120               20          57                   7  2.500000001             0          0
ada            4         5        120               20          57                   7        0.001             0          0
eve            4         5        120               20          57                   7            —             5          0
----------------------------------------------------------------------------------------------------------------------------
total         12        15        360               60         171                  21  2.501000001             5          0

5 attempts have no known cost (no price, or no usage from the provider) and stand for nothing in the sums: the true cost is higher.
)");
}

TEST(SavingsReport, IsSignedAndCountsApartWhatCannotBeCompared) {
  EXPECT_EQ(RenderTable(SavingsReport(ThreeUsers(), kByUser, Range())),
            R"(Savings by user
From 2026-11-23T05:00Z to 2026-11-24T06:00Z, whole hours in UTC.

user   exchanges  compared  baseline USD     cost USD     saved USD    saved  without cost  without baseline  their cost USD
----------------------------------------------------------------------------------------------------------------------------
ada            4         4         0.005        0.001         0.004   80.0 %             0                 0            0.00
eve            4         0             —            —             —        —             4                 0            0.00
bob            4         4          2.00  2.500000001  -0.500000001  -25.0 %             0                 0            0.00
----------------------------------------------------------------------------------------------------------------------------
total         12         8         2.005  2.501000001  -0.496000001  -24.7 %             4                 0            0.00

Modelled, not measured: the baseline is the price of the same tokens on the baseline tier (the top tier unless configured otherwise). Another model would have counted and written other tokens.
All-in: the cost of an exchange is the sum of all its attempts, those that failed or were not used included. A negative figure is a loss.
4 exchanges are not compared (4 without a known cost, 0 without a baseline; one can be both); their known cost is 0.00 USD. Charged with it, the saving is -0.496000001 USD.
)");
}

TEST(SavingsReport, AgreesWithPlainSumsOverTheExchangesToTheNanoDollar) {
  const TempDir dir;
  const auto store = ledger::OpenSqlite({.path = dir.File("triage.db")}).value();
  std::vector<ledger::Exchange> exchanges;
  std::int64_t baseline = 0;
  std::int64_t cost = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    exchanges.push_back(ledger::TestExchange(i));
    baseline += exchanges.back().baseline_cost->value();
    cost += exchanges.back().cost.value();
  }
  ASSERT_TRUE(store->Append(exchanges).has_value());
  const TimeRange range{TestTime(), TestTime() + std::chrono::hours(24)};
  for (const std::vector<Dimension>& by : {std::vector<Dimension>{},
                                           {Dimension::kTier},
                                           {Dimension::kUser, Dimension::kFeature},
                                           {Dimension::kDay}}) {
    const std::vector<Group> groups = store->Aggregate(range, by).value();
    const auto savings = nlohmann::json::parse(RenderJson(SavingsReport(groups, by, range)));
    EXPECT_EQ(savings["total"]["baseline_nusd"], baseline);
    EXPECT_EQ(savings["total"]["cost_nusd"], cost);
    EXPECT_EQ(savings["total"]["saved_nusd"], baseline - cost);
    std::int64_t saved = 0;
    for (const auto& row : savings["rows"]) saved += row["saved_nusd"].get<std::int64_t>();
    EXPECT_EQ(saved, baseline - cost);
    EXPECT_EQ(
        nlohmann::json::parse(RenderJson(CostReport(groups, by, range)))["total"]["cost_nusd"],
        cost);
  }
}

TEST(SavingsReport, OfNothingClaimsNothing) {
  const std::string table = RenderTable(SavingsReport(std::vector<Group>{Group{}}, {}, Range()));
  EXPECT_THAT(table, HasSubstr("        0         0             —         —          —      —"));
  EXPECT_THAT(table, Not(HasSubstr("not compared")));
}

TEST(Reports, ByTimeStayInTheOrderOfTime) {
  const std::array by{Dimension::kDay};
  const std::vector<Group> groups{{.keys = {"2026-11-23"}, .sums = MakeSums(1, 1)},
                                  {.keys = {"2026-11-24"}, .sums = MakeSums(2, 2)}};
  const Report report = CostReport(groups, by, Range());
  EXPECT_EQ(std::get<std::string>(report.rows[0][0]), "2026-11-23");
}

TEST(RenderCsv, QuotesAsRfc4180AndDefusesFormulas) {
  std::vector<Group> groups;
  for (const char* user : {"", "\tx", "+1", "-1", "=HYPERLINK(\"http://x\")", "@x", "a,b",
                           "say \"hi\"", "two\nlines"}) {
    groups.push_back({.keys = {user}, .sums = MakeSums(-1'500'000'000, 0)});
  }
  EXPECT_EQ(RenderCsv(CostReport(groups, kByUser, Range())),
            "user,exchanges,attempts,tokens_in,tokens_cached,tokens_out,tokens_reasoning,cost_usd,"
            "unknown_cost,"
            "estimated_cost\r\n"
            ",4,5,120,20,57,7,-1.50,0,0\r\n"
            "'\tx,4,5,120,20,57,7,-1.50,0,0\r\n"
            "'+1,4,5,120,20,57,7,-1.50,0,0\r\n"
            "'-1,4,5,120,20,57,7,-1.50,0,0\r\n"
            "\"'=HYPERLINK(\"\"http://x\"\")\",4,5,120,20,57,7,-1.50,0,0\r\n"
            "'@x,4,5,120,20,57,7,-1.50,0,0\r\n"
            "\"a,b\",4,5,120,20,57,7,-1.50,0,0\r\n"
            "\"say \"\"hi\"\"\",4,5,120,20,57,7,-1.50,0,0\r\n"
            "\"two\nlines\",4,5,120,20,57,7,-1.50,0,0\r\n");
}

TEST(RenderCsv, LeavesUnknownCostEmpty) {
  const std::string csv = RenderCsv(CostReport(ThreeUsers(), kByUser, Range()));
  EXPECT_THAT(csv, HasSubstr("eve,4,5,120,20,57,7,,5,0\r\n"));
  EXPECT_THAT(csv, Not(HasSubstr("total")));
}

TEST(RenderJson, GivesIntegersNullsAndNotes) {
  const auto json = nlohmann::json::parse(RenderJson(CostReport(ThreeUsers(), kByUser, Range())));
  EXPECT_EQ(json["rows"][0],
            nlohmann::json::parse(R"({"user":"bob","exchanges":4,"attempts":5,"tokens_in":120,
      "tokens_cached":20,"tokens_out":57,"tokens_reasoning":7,"cost_nusd":2500000001,"unknown_cost":0,
      "estimated_cost":0})"));
  EXPECT_TRUE(json["rows"][2]["cost_nusd"].is_null());
  EXPECT_TRUE(json["total"]["user"].is_null());
  EXPECT_EQ(json["notes"].size(), 1);
}

TEST(RenderJson, StaysJsonForNamesThatAreNotUtf8) {
  const std::vector<Group> groups{{.keys = {"\xff\xfe"}, .sums = MakeSums(1, 1)}};
  EXPECT_EQ(
      nlohmann::json::parse(RenderJson(CostReport(groups, kByUser, Range())))["rows"][0]["user"],
      "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(RenderHtml, EscapesNamesAndNeedsNothingFromOutside) {
  const std::vector<Group> groups{
      {.keys = {"<script>alert('x')</script>&\""}, .sums = MakeSums(1'000, 1)}};
  const std::string html = RenderHtml(CostReport(groups, kByUser, Range()));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
}

TEST(RenderHtml, DrawsTheLargestBarsFirstAndLossesInRed) {
  const std::string html = RenderHtml(SavingsReport(ThreeUsers(), kByUser, Range()));
  const std::size_t loss = html.find("fill=\"#cf222e\"");
  const std::size_t gain = html.find("fill=\"#0969da\"");
  ASSERT_NE(loss, std::string::npos);
  EXPECT_LT(loss, gain);
}

TEST(RenderHtml, LimitsTheChartButNotTheTable) {
  std::vector<Group> groups;
  for (int i = 0; i < 50; ++i)
    groups.push_back({.keys = {"user " + std::to_string(i)}, .sums = MakeSums(i + 1, 0)});
  const std::string html = RenderHtml(CostReport(groups, kByUser, Range()));
  std::size_t bars = 0;
  for (std::size_t at = html.find("<rect"); at != std::string::npos;
       at = html.find("<rect", at + 1))
    ++bars;
  EXPECT_EQ(bars, 20);
  EXPECT_THAT(html, HasSubstr("The 20 largest of 50."));
  EXPECT_THAT(html, HasSubstr("<td class=\"text\">user 0</td>"));
}

TEST(RenderTable, ShowsNoControlBytesAndAlignsUtf8) {
  const std::vector<Group> groups{{.keys = {"\x1b[31mred"}, .sums = MakeSums(2, 1)},
                                  {.keys = {"Zoë"}, .sums = MakeSums(1, 1)}};
  const std::string table = RenderTable(CostReport(groups, kByUser, Range()));
  EXPECT_THAT(table, HasSubstr("?[31mred          4"));
  EXPECT_THAT(table, HasSubstr("Zoë               4"));
}

TEST(ParseSince, TakesDaysHoursAndDates) {
  EXPECT_EQ(ParseSince("7d", TestTime()).value(), TestTime() - std::chrono::days(7));
  EXPECT_EQ(ParseSince("24h", TestTime()).value(), TestTime() - std::chrono::hours(24));
  EXPECT_EQ(ParseSince("2026-11-24", TestTime()).value(), TestTime() - std::chrono::hours(5));
  EXPECT_EQ(ParseSince("2024-02-29", TestTime()).value().time_since_epoch(),
            std::chrono::seconds(1'709'164'800));
}

TEST(ParseSince, RefusesAnythingElse) {
  for (const char* text : {"", "d", "7", "7m", "-7d", "7.5d", "999999d", "2026-13-01", "2026-02-29",
                           "2026-1-1", "today"}) {
    const Result<WallTime> parsed = ParseSince(text, TestTime());
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidRequest);
  }
}

TEST(ParseFormat, KnowsItsFour) {
  for (const char* text : {"table", "csv", "json", "html"})
    EXPECT_TRUE(ParseFormat(text).has_value()) << text;
  EXPECT_FALSE(ParseFormat("xml").has_value());
}

}  // namespace
}  // namespace triage::reports
