#include "reports/cost.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ledger/time_text.h"

namespace triage::reports {
namespace {

using ledger::Dimension;
using ledger::Group;
using ledger::Sums;
using ledger::TimeRange;

std::string_view Title(Dimension dimension) {
  return dimension == Dimension::kQueryType ? "query type" : ledger::Name(dimension);
}

std::string RangeText(const TimeRange& range) {
  const auto hour = [](WallTime time) {
    return std::chrono::floor<std::chrono::hours>(time.time_since_epoch()).count();
  };
  return fmt::format("From {} to {}, whole hours in UTC.", ledger::HourText(hour(range.from)),
                     ledger::HourText(hour(range.to) + 1));
}

std::string Heading(std::string_view what, std::span<const Dimension> by) {
  std::string heading(what);
  for (std::size_t i = 0; i < by.size(); ++i)
    heading.append(i == 0 ? " by " : ", ").append(Title(by[i]));
  return heading;
}

Sums Total(std::span<const Group> groups) {
  Sums total;
  for (const Group& group : groups) total += group.sums;
  return total;
}

bool IsTime(Dimension dimension) {
  return dimension == Dimension::kHour || dimension == Dimension::kDay;
}

/// Groups by the size of what matters in them; by time they stay in the order of their keys.
std::vector<Group> Ordered(std::span<const Group> groups, std::span<const Dimension> by,
                           NanoDollars (*weight)(const Sums&)) {
  std::vector<Group> ordered(groups.begin(), groups.end());
  if (std::ranges::any_of(by, IsTime)) return ordered;
  std::ranges::sort(ordered, [weight](const Group& a, const Group& b) {
    const NanoDollars of_a = weight(a.sums);
    const NanoDollars of_b = weight(b.sums);
    return of_a != of_b ? of_a > of_b : a.keys < b.keys;
  });
  return ordered;
}

Report Start(std::string_view what, std::span<const Dimension> by, const TimeRange& range) {
  Report report;
  report.title = Heading(what, by);
  report.range = RangeText(range);
  for (const Dimension dimension : by) {
    report.columns.push_back(
        {.key = std::string(ledger::Name(dimension)), .title = std::string(Title(dimension))});
  }
  return report;
}

void AddRows(Report& report, std::span<const Group> groups, std::size_t keys,
             std::vector<Cell> (*cells)(const Sums&)) {
  const auto row = [cells](std::vector<Cell> start, const Sums& sums) {
    std::ranges::move(cells(sums), std::back_inserter(start));
    return start;
  };
  for (const Group& group : groups)
    report.rows.push_back(row({group.keys.begin(), group.keys.end()}, group.sums));
  report.total = row(std::vector<Cell>(keys), Total(groups));
}

std::vector<Cell> CostCells(const Sums& sums) {
  const bool unknown = sums.attempts > 0 && sums.unknown_cost == sums.attempts;
  return {sums.exchanges,
          sums.attempts,
          sums.tokens.TotalInput(),
          sums.tokens.cache_read,
          sums.tokens.TotalOutput(),
          sums.tokens.reasoning,
          unknown ? Cell() : Cell(sums.cost),
          sums.unknown_cost,
          sums.estimated_cost};
}

std::vector<Cell> SavingsCells(const Sums& sums) {
  std::vector<Cell> cells{sums.exchanges, sums.compared};
  if (sums.compared == 0) {
    cells.resize(6);
  } else {
    const NanoDollars saved = sums.compared_baseline - sums.compared_cost;
    cells.emplace_back(sums.compared_baseline);
    cells.emplace_back(sums.compared_cost);
    cells.emplace_back(saved);
    cells.emplace_back(sums.compared_baseline.value() == 0
                           ? Cell()
                           : Cell(Share{static_cast<double>(saved.value()) /
                                        static_cast<double>(sums.compared_baseline.value())}));
  }
  cells.emplace_back(sums.without_cost);
  cells.emplace_back(sums.without_baseline);
  cells.emplace_back(sums.other_cost);
  return cells;
}

std::string Count(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void NoteEstimates(Report& report, const Sums& total) {
  if (total.estimated_cost == 0) return;
  report.notes.push_back(Count(total.estimated_cost, "attempt is", "attempts are") +
                         " priced on estimated token counts.");
}

}  // namespace

Report CostReport(std::span<const Group> groups, std::span<const Dimension> by,
                  const TimeRange& range) {
  Report report = Start("Cost", by, range);
  report.columns.insert(report.columns.end(),
                        {{"exchanges", "exchanges", ColumnKind::kCount},
                         {"attempts", "attempts", ColumnKind::kCount},
                         {"tokens_in", "tokens in", ColumnKind::kCount},
                         {"tokens_cached", "of these cached", ColumnKind::kCount},
                         {"tokens_out", "tokens out", ColumnKind::kCount},
                         {"tokens_reasoning", "of these reasoning", ColumnKind::kCount},
                         {"cost", "cost USD", ColumnKind::kMoney},
                         {"unknown_cost", "cost unknown", ColumnKind::kCount},
                         {"estimated_cost", "estimated", ColumnKind::kCount}});
  report.chart = by.size() + 6;
  const Sums total = Total(groups);
  AddRows(report, Ordered(groups, by, [](const Sums& sums) { return sums.cost; }), by.size(),
          CostCells);
  const bool by_model = std::ranges::any_of(by, [](Dimension dimension) {
    return dimension == Dimension::kTier || dimension == Dimension::kModel ||
           dimension == Dimension::kProvider;
  });
  if (by_model) {
    report.notes.emplace_back(
        "Attempts and cost stand where the work was done, exchanges where the final answer came "
        "from.");
  }
  if (total.unknown_cost > 0) {
    report.notes.push_back(Count(total.unknown_cost, "attempt has", "attempts have") +
                           " no known cost (no price, or no usage from the provider) and stand for "
                           "nothing in the sums: "
                           "the true cost is higher.");
  }
  NoteEstimates(report, total);
  return report;
}

Report SavingsReport(std::span<const Group> groups, std::span<const Dimension> by,
                     const TimeRange& range) {
  Report report = Start("Savings", by, range);
  report.columns.insert(report.columns.end(),
                        {{"exchanges", "exchanges", ColumnKind::kCount},
                         {"compared", "compared", ColumnKind::kCount},
                         {"baseline", "baseline USD", ColumnKind::kMoney},
                         {"cost", "cost USD", ColumnKind::kMoney},
                         {"saved", "saved USD", ColumnKind::kMoney},
                         {"saved_share", "saved", ColumnKind::kShare},
                         {"without_cost", "without cost", ColumnKind::kCount},
                         {"without_baseline", "without baseline", ColumnKind::kCount},
                         {"other_cost", "their cost USD", ColumnKind::kMoney}});
  report.chart = by.size() + 4;
  const Sums total = Total(groups);
  // Groups that only did work for others' answers have nothing to compare, but their cost is in
  // those answers' rows.
  std::vector<Group> answering;
  std::ranges::copy_if(groups, std::back_inserter(answering),
                       [&](const Group& group) { return by.empty() || group.sums.exchanges > 0; });
  const auto saved = [](const Sums& sums) { return sums.compared_baseline - sums.compared_cost; };
  AddRows(report, Ordered(answering, by, saved), by.size(), SavingsCells);
  report.notes.emplace_back(
      "Modelled, not measured: the baseline is the price of the same tokens on the baseline tier "
      "(the top tier unless "
      "configured otherwise). Another model would have counted and written other tokens.");
  report.notes.emplace_back(
      "All-in: the cost of an exchange is the sum of all its attempts, those that failed or were "
      "not used included. "
      "A negative figure is a loss.");
  const std::int64_t apart = total.exchanges - total.compared;
  if (apart > 0) {
    report.notes.push_back(fmt::format(
        "{} not compared ({} without a known cost, {} without a baseline; one can be "
        "both); their known cost is {} USD. Charged with it, the saving is {} USD.",
        Count(apart, "exchange is", "exchanges are"), total.without_cost, total.without_baseline,
        FormatUsd(total.other_cost), FormatUsd(saved(total) - total.other_cost)));
  }
  NoteEstimates(report, total);
  return report;
}

}  // namespace triage::reports
