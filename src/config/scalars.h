#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "config/config.h"

namespace triage::config {

// Texts of the configuration as values; nothing when the text is not one. All are exact: no
// surrounding blanks, no signs, nothing left over.

/// Bytes: 512, 64KiB, 1.5MiB, 1GiB, 2TiB; also B and the decimal kB, MB, GB, TB.
std::optional<std::int64_t> ParseSize(std::string_view text);

/// 250us, 100ms, 60s, 5m, 1h, 2d, and 0. Whole milliseconds only.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// true/false, on/off, yes/no.
std::optional<bool> ParseBool(std::string_view text);

std::optional<std::int64_t> ParseInteger(std::string_view text);

/// A finite decimal number that is not negative.
std::optional<double> ParseNumber(std::string_view text);

/// host:port with host a name, an IPv4 address or an IPv6 address in brackets.
std::optional<Address> ParseAddress(std::string_view text);

/// http:// or https:// with a host, without user, query and fragment.
bool IsHttpUrl(std::string_view text);

/// A day of the calendar: 2024-07-23.
std::optional<std::chrono::sys_days> ParseDate(std::string_view text);

/// Letters, digits, '.', '_', '-'; not empty.
bool IsName(std::string_view text);

}  // namespace triage::config
