#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "replay/outage.h"

namespace triage::replay {
namespace {

std::string Share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "0 %";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string Plural(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

// Columns as wide as their widest cell; the first two to the left, figures to the right.
std::string Table(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i < left ? fmt::format(" {:<{}} ", row[i], widths[i])
                       : fmt::format(" {:>{}} ", row[i], widths[i]);
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string MovesText(const OutageReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"tier", "from", "to", "how", "exchanges", "USD/h now", "USD/h then"}};
  for (const Move& move : report.moves) {
    std::string to = move.to.empty() ? "(nobody)" : move.to;
    if (!move.to_tier.empty() && move.to_tier != move.tier) to += " in " + move.to_tier;
    rows.push_back({move.tier.empty() ? "(none)" : move.tier, move.from, to, move.why,
                    std::to_string(move.exchanges), FormatUsd(report.PerHour(move.cost_now)),
                    FormatUsd(report.PerHour(move.cost_then))});
  }
  return Table(rows, 4);
}

std::string LoadsText(const OutageReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"model", "busiest minute now", "then", "limit", "turned away", "429 now"}};
  for (const Load& load : report.loads) {
    rows.push_back({load.model, std::to_string(load.busiest_now), std::to_string(load.busiest_then),
                    load.per_minute ? std::to_string(*load.per_minute) : "unknown",
                    std::to_string(load.turned_away), std::to_string(load.refused_now)});
  }
  return Table(rows, 1);
}

void WriteUsd(JsonWriter& out, std::string_view key, NanoDollars amount) {
  out.Member(key, amount.value());
}

}  // namespace

std::string OutageText(const OutageReport& report) {
  std::string text =
      fmt::format("If {} were down: {} of {} ({}) would need another model.\n", report.provider,
                  report.affected, Plural(report.exchanges, "exchange"),
                  Share(report.affected, report.exchanges));
  if (report.affected == 0) return text;
  text += fmt::format(
      "  {} to another model of the same tier, {} to a higher tier, {} to nobody ({}).\n",
      report.fallback, report.promoted, report.lost, Share(report.lost, report.affected));
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
  WriteUsd(out, "cost_now_nusd_per_hour", report.PerHour(report.cost_now));
  WriteUsd(out, "cost_then_nusd_per_hour", report.PerHour(report.cost_then));
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
    WriteUsd(out, "cost_now_nusd", move.cost_now);
    WriteUsd(out, "cost_then_nusd", move.cost_then);
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
