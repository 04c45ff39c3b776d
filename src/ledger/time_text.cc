#include "ledger/time_text.h"

#include <chrono>

#include <fmt/format.h>

namespace triage::ledger {

std::string DayText(std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string HourText(std::int64_t hour) {
  const std::int64_t day = std::chrono::floor<std::chrono::days>(std::chrono::hours{hour}).count();
  return fmt::format("{}T{:02}:00Z", DayText(day), hour - day * 24);
}

std::string TimeText(WallTime time) {
  const std::chrono::sys_days day = std::chrono::floor<std::chrono::days>(time);
  const std::int64_t micros = (time - day).count();
  const std::int64_t seconds = micros / 1'000'000;
  return fmt::format("{}T{:02}:{:02}:{:02}.{:06}Z", DayText(day.time_since_epoch().count()),
                     seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1'000'000);
}

}  // namespace triage::ledger
