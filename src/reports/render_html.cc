#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "reports/cells.h"
#include "reports/render.h"

namespace triage::reports {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 "
    "1rem;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #d8dee4;text-align:right}"
    "th.text,td.text{text-align:left}tfoot td{font-weight:600;border-top:2px solid #1b1f24}"
    "svg{width:100%;height:auto;margin:1rem 0}svg text{font:13px system-ui,sans-serif;fill:#1b1f24}"
    ".range,.notes{color:#57606a}";

// A chart of more bars tells less than the table below it.
constexpr std::size_t kMostBars = 20;
constexpr std::size_t kMostLabel = 34;

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

/// Cut to what fits beside a bar, between characters.
std::string Shorten(std::string text) {
  if (DisplayWidth(text) <= kMostLabel) return text;
  std::size_t characters = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (starts && ++characters > kMostLabel - 1) break;
    ++at;
  }
  return text.substr(0, at) + "…";
}

std::string Label(const Report& report, const Row& row) {
  std::string label;
  for (std::size_t i = 0; i < row.size() && report.columns[i].kind == ColumnKind::kText; ++i) {
    label += (label.empty() ? "" : " · ") + CellText(row[i]);
  }
  return label.empty() ? "all" : label;
}

/// For the length of a bar only; figures are printed from the cell itself.
double Magnitude(const Cell& cell) {
  if (const auto* money = std::get_if<NanoDollars>(&cell))
    return std::abs(static_cast<double>(money->value()));
  if (const auto* count = std::get_if<std::int64_t>(&cell))
    return std::abs(static_cast<double>(*count));
  return 0.0;
}

bool IsNegative(const Cell& cell) {
  const auto* money = std::get_if<NanoDollars>(&cell);
  return money != nullptr && money->value() < 0;
}

std::string Chart(const Report& report, std::size_t column) {
  std::vector<const Row*> rows;
  for (const Row& row : report.rows) rows.push_back(&row);
  std::ranges::sort(rows, [column](const Row* a, const Row* b) {
    const double of_a = Magnitude((*a)[column]);
    const double of_b = Magnitude((*b)[column]);
    return of_a != of_b ? of_a > of_b : a < b;
  });
  if (rows.size() > kMostBars) rows.resize(kMostBars);
  const double most = rows.empty() ? 0.0 : Magnitude((*rows[0])[column]);
  if (most <= 0.0) return "";
  std::string out = fmt::format("<svg viewBox=\"0 0 960 {}\" role=\"img\" aria-label=\"{}\">\n",
                                rows.size() * 26 + 24, Escape(report.columns[column].title));
  out += fmt::format("<text x=\"0\" y=\"14\">{}</text>\n", Escape(report.columns[column].title));
  std::size_t y = 24;
  for (const Row* row : rows) {
    const Cell& cell = (*row)[column];
    const double width = std::max(1.0, 480.0 * Magnitude(cell) / most);
    out += fmt::format(
        "<text x=\"260\" y=\"{}\" text-anchor=\"end\">{}</text>"
        "<rect x=\"270\" y=\"{}\" width=\"{:.1f}\" height=\"18\" fill=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
        y + 14, Escape(Shorten(Label(report, *row))), y, width,
        IsNegative(cell) ? "#cf222e" : "#0969da", 276.0 + width, y + 14, Escape(CellText(cell)));
    y += 26;
  }
  out += "</svg>\n";
  if (report.rows.size() > kMostBars) {
    out += fmt::format("<p class=\"notes\">The {} largest of {}.</p>\n", kMostBars,
                       report.rows.size());
  }
  return out;
}

std::string HtmlRow(const Report& report, const std::vector<std::string>& cells,
                    std::string_view tag) {
  std::string out = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool text = report.columns[i].kind == ColumnKind::kText;
    out += fmt::format("<{0}{1}>{2}</{0}>", tag, text ? " class=\"text\"" : "", Escape(cells[i]));
  }
  return out + "</tr>\n";
}

std::vector<std::string> Texts(const Row& row) {
  std::vector<std::string> texts;
  for (const Cell& cell : row) texts.push_back(CellText(cell));
  return texts;
}

}  // namespace

std::string RenderHtml(const Report& report) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" +
      Escape(report.title) + "</title>\n<style>" + std::string(kStyle) +
      "</style>\n</head>\n<body>\n<h1>" + Escape(report.title) + "</h1>\n<p class=\"range\">" +
      Escape(report.range) + "</p>\n";
  if (report.chart) out += Chart(report, *report.chart);
  std::vector<std::string> titles;
  for (const Column& column : report.columns) titles.push_back(column.title);
  out += "<table>\n<thead>\n" + HtmlRow(report, titles, "th") + "</thead>\n<tbody>\n";
  for (const Row& row : report.rows) out += HtmlRow(report, Texts(row), "td");
  std::vector<std::string> total = Texts(report.total);
  for (std::size_t i = 0; i < total.size(); ++i) {
    if (report.columns[i].kind == ColumnKind::kText) total[i] = i == 0 ? "total" : "";
  }
  out += "</tbody>\n<tfoot>\n" + HtmlRow(report, total, "td") + "</tfoot>\n</table>\n";
  for (const std::string& note : report.notes)
    out += "<p class=\"notes\">" + Escape(note) + "</p>\n";
  return out + "</body>\n</html>\n";
}

}  // namespace triage::reports
