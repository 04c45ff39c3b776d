#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reports/report.h"

namespace triage::reports {

enum class Format : std::uint8_t { kTable, kCsv, kJson, kHtml };

/// "table", "csv", "json", "html".
std::optional<Format> ParseFormat(std::string_view text);

/// Text in aligned columns for a terminal. Bytes that would control the terminal are shown as "?".
std::string RenderTable(const Report& report);

/// Header and rows alone in the same columns, each line behind two blanks.
std::string RenderRows(std::span<const Column> columns, std::span<const Row> rows);

/// RFC 4180: header and rows, without the total (it would be counted twice) and the notes. Money in
/// exact decimal dollars, unknown as an empty field. Text that a spreadsheet would run as a formula
/// gets an apostrophe in front.
std::string RenderCsv(const Report& report);

/// One object: title, range, rows, total, notes. Money in integer nano-dollars, unknown as null.
std::string RenderJson(const Report& report);

/// One page without outside references, with a bar chart as inline SVG. All text is escaped.
std::string RenderHtml(const Report& report);

std::string Render(const Report& report, Format format);

}  // namespace triage::reports
