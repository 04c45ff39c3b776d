#include "reports/since.h"

#include <chrono>
#include <optional>
#include <string>

namespace triage::reports {
namespace {

std::optional<int> ParseDigits(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<WallTime> ParseDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::optional<int> year = ParseDigits(text.substr(0, 4), 4);
  const std::optional<int> month = ParseDigits(text.substr(5, 2), 2);
  const std::optional<int> day = ParseDigits(text.substr(8, 2), 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date));
}

}  // namespace

Result<WallTime> ParseSince(std::string_view text, WallTime now) {
  if (const std::optional<WallTime> date = ParseDate(text)) return *date;
  if (!text.empty()) {
    // Five digits: 99,999 days are 270 years, which fits every clock type in use.
    const std::optional<int> count = ParseDigits(text.substr(0, text.size() - 1), 5);
    if (count && text.back() == 'd') return now - std::chrono::days(*count);
    if (count && text.back() == 'h') return now - std::chrono::hours(*count);
  }
  return Error{.code = ErrorCode::kInvalidRequest,
               .message = "'" + std::string(text) +
                          "' is not a time to start from: expected days (7d), hours (24h) or "
                          "a date (2026-11-24)"};
}

}  // namespace triage::reports
