#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "replay/outage.h"
#include "reports/cells.h"
#include "reports/render.h"

namespace triage::replay {
namespace {

using reports::CellText;
using reports::ColumnKind;
using reports::RenderRows;
using reports::Row;
using reports::Share;

std::string ShareText(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "0 %";
  return CellText(Share{static_cast<double>(part) / static_cast<double>(whole)});
}

std::string Plural(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string MovesText(const OutageReport& report) {
  static const std::vector<reports::Column> columns = {
      {.key = "tier", .title = "tier"},
      {.key = "from", .title = "from"},
      {.key = "to", .title = "to"},
      {.key = "how", .title = "how"},
      {.key = "exchanges", .title = "exchanges", .kind = ColumnKind::kCount},
      {.key = "now", .title = "USD/h now", .kind = ColumnKind::kMoney},
      {.key = "then", .title = "USD/h then", .kind = ColumnKind::kMoney}};
  std::vector<Row> rows;
  for (const Move& move : report.moves) {
    std::string to = move.to.empty() ? "(nobody)" : move.to;
    if (!move.to_tier.empty() && move.to_tier != move.tier) to += " in " + move.to_tier;
    rows.push_back({move.tier, move.from, to, move.why, move.exchanges,
                    report.PerHour(move.cost_now), report.PerHour(move.cost_then)});
  }
  return RenderRows(columns, rows);
}

std::string LoadsText(const OutageReport& report) {
  static const std::vector<reports::Column> columns = {
      {.key = "model", .title = "model"},
      {.key = "now", .title = "busiest minute now", .kind = ColumnKind::kCount},
      {.key = "then", .title = "then", .kind = ColumnKind::kCount},
      {.key = "limit", .title = "limit", .kind = ColumnKind::kCount},
      {.key = "turned_away", .title = "turned away", .kind = ColumnKind::kCount},
      {.key = "refused", .title = "429 now", .kind = ColumnKind::kCount}};
  std::vector<Row> rows;
  for (const Load& load : report.loads) {
    Row& row = rows.emplace_back(Row{load.model, load.busiest_now, load.busiest_then, "unknown",
                                     load.turned_away, load.refused_now});
    if (load.per_minute) row[3] = *load.per_minute;
  }
  return RenderRows(columns, rows);
}

}  // namespace

std::string OutageText(const OutageReport& report) {
  std::string text =
      fmt::format("If {} were down: {} of {} ({}) would need another model.\n", report.provider,
                  report.affected, Plural(report.exchanges, "exchange"),
                  ShareText(report.affected, report.exchanges));
  if (report.affected == 0) return text;
  text += fmt::format(
      "  {} to another model of the same tier, {} to a higher tier, {} to nobody ({}).\n",
      report.fallback, report.promoted, report.lost, ShareText(report.lost, report.affected));
  text +=
      fmt::format("  Cost: ${} an hour instead of ${}", FormatUsd(report.PerHour(report.cost_then)),
                  FormatUsd(report.PerHour(report.cost_now)));
  if (report.lost > 0) text += "; what nobody answers costs nothing";
  if (report.unknown_cost > 0)
    text += fmt::format("; without {} of unknown cost", Plural(report.unknown_cost, "exchange"));
  text += ".\n\nWhere they go\n" + MovesText(report);
  if (!report.loads.empty())
    text += "\nWhat the others would bear (requests a minute)\n" + LoadsText(report);
  for (const TierLoad& tier : report.promotion) {
    text += fmt::format("\nTier {} would take over {} and turn away {} by its cap on promotions.",
                        tier.tier, tier.promoted, tier.turned_away);
  }
  if (!report.promotion.empty()) text += "\n";
  text +=
      "\nAn estimate: answers as long as they were, prompts uncached at their new place, everybody "
      "else well.\n";
  return text;
}

std::string OutageJson(const OutageReport& report) {
  JsonWriter out;
  out.Begin('{');
  out.Member("provider", report.provider);
  out.Member("seconds",
             std::chrono::duration_cast<std::chrono::seconds>(report.range.to - report.range.from)
                 .count());
  out.Member("exchanges", report.exchanges);
  out.Member("affected", report.affected);
  out.Member("fallback", report.fallback);
  out.Member("promoted", report.promoted);
  out.Member("lost", report.lost);
  out.Member("unknown_cost", report.unknown_cost);
  out.Member("cost_now_nusd_per_hour", report.PerHour(report.cost_now).value());
  out.Member("cost_then_nusd_per_hour", report.PerHour(report.cost_then).value());
  out.Key("moves");
  out.Begin('[');
  for (const Move& move : report.moves) {
    out.Begin('{');
    out.Member("tier", move.tier);
    out.Member("from", move.from);
    out.Member("to_tier", move.to_tier);
    out.Member("to", move.to);
    out.Member("why", move.why);
    out.Member("exchanges", move.exchanges);
    out.Member("unknown_cost", move.unknown_cost);
    out.Member("cost_now_nusd", move.cost_now.value());
    out.Member("cost_then_nusd", move.cost_then.value());
    out.End('}');
  }
  out.End(']');
  out.Key("loads");
  out.Begin('[');
  for (const Load& load : report.loads) {
    out.Begin('{');
    out.Member("model", load.model);
    out.Member("provider", load.provider);
    out.Member("busiest_minute_now", load.busiest_now);
    out.Member("busiest_minute_then", load.busiest_then);
    out.Key("per_minute");
    load.per_minute ? out.Integer(*load.per_minute) : out.Null();
    out.Member("turned_away", load.turned_away);
    out.Member("refused_now", load.refused_now);
    out.End('}');
  }
  out.End(']');
  out.Key("promotion");
  out.Begin('[');
  for (const TierLoad& tier : report.promotion) {
    out.Begin('{');
    out.Member("tier", tier.tier);
    out.Member("promoted", tier.promoted);
    out.Member("turned_away", tier.turned_away);
    out.End('}');
  }
  out.End(']');
  out.End('}');
  return out.Take();
}

}  // namespace triage::replay
