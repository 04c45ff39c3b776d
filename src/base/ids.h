#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace triage {

/// Identifies an exchange: 48 bits of Unix milliseconds, then 80 random bits (ULID), so that ids
/// sort by time.
struct ExchangeId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const ExchangeId&) const = default;

  static ExchangeId Make(WallTime now, Random& random);

  /// 26 characters of Crockford's base 32.
  std::string Text() const;

  /// Nothing when `text` is not what `Text` gives (letters may be lower case).
  static std::optional<ExchangeId> Parse(std::string_view text);
};

}  // namespace triage
