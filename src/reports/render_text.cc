#include <algorithm>

#include <fmt/format.h>

#include "reports/cells.h"
#include "reports/render.h"

namespace triage::reports {
namespace {

constexpr std::string_view kUnknown = "—";

std::string Printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return text;
}

using Cells = std::vector<std::string>;

Cells Titles(std::span<const Column> columns) {
  Cells titles;
  for (const Column& column : columns) titles.push_back(column.title);
  return titles;
}

Cells Texts(const Row& row) {
  Cells texts;
  for (const Cell& cell : row) texts.push_back(Printable(CellText(cell)));
  return texts;
}

std::vector<std::size_t> Widths(const std::vector<Cells>& lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], DisplayWidth(line[i]));
  }
  return widths;
}

std::string Line(const Cells& cells, std::span<const Column> columns,
                 const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string padding(widths[i] - DisplayWidth(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns[i].kind == ColumnKind::kText ? cells[i] + padding : padding + cells[i];
  }
  line.resize(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string CsvField(std::string text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

/// Spreadsheets run a field that begins with one of these as a formula, quoted or not (OWASP, CSV
/// injection).
std::string Harmless(const std::string& text) {
  if (text.empty() || std::string_view("=+-@\t\r").find(text[0]) == std::string_view::npos)
    return text;
  return "'" + text;
}

std::string CsvText(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return CsvField(Harmless(*text));
  if (const auto* count = std::get_if<std::int64_t>(&cell)) return std::to_string(*count);
  if (const auto* money = std::get_if<NanoDollars>(&cell)) return FormatUsd(*money);
  if (const auto* share = std::get_if<Share>(&cell)) return fmt::format("{:.6f}", share->value);
  return "";
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string CellText(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return text->empty() ? "(none)" : *text;
  if (const auto* count = std::get_if<std::int64_t>(&cell)) return std::to_string(*count);
  if (const auto* money = std::get_if<NanoDollars>(&cell)) return FormatUsd(*money);
  if (const auto* share = std::get_if<Share>(&cell))
    return fmt::format("{:.1f} %", share->value * 100.0);
  return std::string(kUnknown);
}

std::optional<Format> ParseFormat(std::string_view text) {
  if (text == "table") return Format::kTable;
  if (text == "csv") return Format::kCsv;
  if (text == "json") return Format::kJson;
  if (text == "html") return Format::kHtml;
  return std::nullopt;
}

std::string Render(const Report& report, Format format) {
  switch (format) {
    case Format::kTable: return RenderTable(report);
    case Format::kCsv: return RenderCsv(report);
    case Format::kJson: return RenderJson(report);
    case Format::kHtml: return RenderHtml(report);
  }
  return RenderTable(report);
}

std::string RenderTable(const Report& report) {
  std::vector<Cells> lines = {Titles(report.columns)};
  for (const Row& row : report.rows) lines.push_back(Texts(row));
  lines.push_back(Texts(report.total));
  // Where a total means nothing there is nothing to print; under the first column it says what the
  // line is.
  for (std::size_t i = 0; i < report.total.size(); ++i) {
    if (std::holds_alternative<std::monostate>(report.total[i]) &&
        report.columns[i].kind == ColumnKind::kText) {
      lines.back()[i] = i == 0 ? "total" : "";
    }
  }
  const std::vector<std::size_t> widths = Widths(lines);
  std::size_t whole = 0;
  for (const std::size_t width : widths) whole += width + (whole > 0 ? 2 : 0);
  const std::string rule = std::string(whole, '-') + "\n";

  std::string out =
      report.title + "\n" + report.range + "\n\n" + Line(lines[0], report.columns, widths) + rule;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (i + 1 == lines.size() && !report.rows.empty()) out += rule;
    out += Line(lines[i], report.columns, widths);
  }
  if (!report.notes.empty()) out += "\n";
  for (const std::string& note : report.notes) out += note + "\n";
  return out;
}

std::string RenderRows(std::span<const Column> columns, std::span<const Row> rows) {
  std::vector<Cells> lines = {Titles(columns)};
  for (const Row& row : rows) lines.push_back(Texts(row));
  const std::vector<std::size_t> widths = Widths(lines);
  std::string out;
  for (const Cells& line : lines) out += "  " + Line(line, columns, widths);
  return out;
}

std::string RenderCsv(const Report& report) {
  std::string out;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (i > 0) out += ',';
    out += CsvField(report.columns[i].key +
                    (report.columns[i].kind == ColumnKind::kMoney ? "_usd" : ""));
  }
  out += "\r\n";
  for (const Row& row : report.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += ',';
      out += CsvText(row[i]);
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace triage::reports
