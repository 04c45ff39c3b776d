#include "config/scalars.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>

namespace triage::config {

namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsAlnum(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// A decimal number with at most three decimals times the factor of its unit, exact in integers.
std::optional<std::int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units,
                                          std::int64_t divisor) {
  std::size_t end = 0;
  std::int64_t thousandths = 0;
  int decimals = -1;
  bool digits = false;
  for (; end < text.size(); ++end) {
    char c = text[end];
    if (c == '.' && decimals < 0 && digits) {
      decimals = 0;
      continue;
    }
    if (!IsDigit(c)) break;
    digits = true;
    if (decimals >= 0 && ++decimals > 3) return std::nullopt;
    if (thousandths > std::numeric_limits<std::int64_t>::max() / 10'000) return std::nullopt;
    thousandths = thousandths * 10 + (c - '0');
  }
  if (!digits || decimals == 0) return std::nullopt;
  for (int i = std::max(decimals, 0); i < 3; ++i) thousandths *= 10;
  std::string_view suffix = text.substr(end);
  for (const Unit& unit : units) {
    if (suffix != unit.name) continue;
    __int128 scaled = static_cast<__int128>(thousandths) * unit.factor;
    __int128 whole = static_cast<__int128>(1000) * divisor;
    if (scaled % whole != 0) return std::nullopt;
    scaled /= whole;
    if (scaled > std::numeric_limits<std::int64_t>::max() / 1000) return std::nullopt;
    return static_cast<std::int64_t>(scaled);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> ParseSize(std::string_view text) {
  static constexpr std::array<Unit, 10> kUnits = {{{"", 1},
                                                   {"B", 1},
                                                   {"kB", 1000},
                                                   {"MB", 1'000'000},
                                                   {"GB", 1'000'000'000},
                                                   {"TB", 1'000'000'000'000},
                                                   {"KiB", std::int64_t{1} << 10},
                                                   {"MiB", std::int64_t{1} << 20},
                                                   {"GiB", std::int64_t{1} << 30},
                                                   {"TiB", std::int64_t{1} << 40}}};
  return ParseWithUnit(text, kUnits, 1);
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  static constexpr std::array<Unit, 6> kUnits = {{{"us", 1},
                                                  {"ms", 1000},
                                                  {"s", 1'000'000},
                                                  {"m", 60'000'000},
                                                  {"h", 3'600'000'000},
                                                  {"d", 86'400'000'000}}};
  if (text == "0") return std::chrono::milliseconds(0);
  auto value = ParseWithUnit(text, kUnits, 1000);
  constexpr std::int64_t kMost = 365LL * 86'400'000;  // a year: more is a slip of the keyboard
  if (!value || *value > kMost) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "off" || text == "no") return false;
  return std::nullopt;
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || !std::ranges::all_of(text, IsDigit)) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  if (text.empty() || !(IsDigit(text[0]) || text[0] == '.')) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Address> ParseAddress(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  auto port = ParseInteger(text.substr(colon + 1));
  if (!port || *port > 65'535) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
    auto allowed = [](char c) { return IsAlnum(c) || c == ':' || c == '.' || c == '%'; };
    if (!std::ranges::all_of(host, allowed)) return std::nullopt;
  } else {
    auto allowed = [](char c) { return IsAlnum(c) || c == '.' || c == '-' || c == '_'; };
    if (host.empty() || !std::ranges::all_of(host, allowed)) return std::nullopt;
  }
  return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

bool IsHttpUrl(std::string_view text) {
  if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return false;
  }
  std::string_view authority = text.substr(0, text.find('/'));
  if (authority.find('@') != std::string_view::npos) return false;
  auto bad = [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte >= 0x7f || c == '?' || c == '#' || c == '"' || c == '\\';
  };
  if (std::ranges::any_of(text, bad)) return false;
  bool has_port = authority.find(':') != std::string_view::npos && !authority.ends_with(']');
  return ParseAddress(has_port ? std::string(authority) : std::string(authority) + ":1")
      .has_value();
}

std::optional<std::chrono::sys_days> ParseDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = ParseInteger(text.substr(0, 4));
  const auto month = ParseInteger(text.substr(5, 2));
  const auto day = ParseInteger(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return IsAlnum(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace triage::config
