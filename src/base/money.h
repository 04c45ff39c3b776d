#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace triage {

/// An amount of money in integer nano-dollars (1e-9 USD). The only representation of money in
/// Triage.
class NanoDollars {
 public:
  constexpr NanoDollars() = default;

  constexpr explicit NanoDollars(std::int64_t value) : value_(value) {}

  constexpr std::int64_t value() const { return value_; }

  constexpr auto operator<=>(const NanoDollars&) const = default;

  constexpr NanoDollars operator+(NanoDollars other) const {
    return NanoDollars(value_ + other.value_);
  }

  constexpr NanoDollars operator-(NanoDollars other) const {
    return NanoDollars(value_ - other.value_);
  }

  constexpr NanoDollars operator-() const { return NanoDollars(-value_); }

  constexpr NanoDollars& operator+=(NanoDollars other) {
    value_ += other.value_;
    return *this;
  }

 private:
  std::int64_t value_ = 0;
};

/// A price: integer nano-dollars per million tokens. 0.18 USD per million tokens is 180,000,000.
struct PricePerMillion {
  std::int64_t nano_dollars = 0;

  constexpr auto operator<=>(const PricePerMillion&) const = default;
};

/// A part of a whole, exact to nine decimals: 0.5 is 500,000,000.
struct Share {
  static constexpr std::int64_t kWhole = 1'000'000'000;

  std::int64_t billionths = kWhole;

  constexpr auto operator<=>(const Share&) const = default;
};

/// Sums `tokens × price` over token classes in 128 bits, to be rounded half-up once per attempt.
class CostSum {
 public:
  void Add(std::int64_t tokens, PricePerMillion price) {
    sum_ += static_cast<__int128>(tokens) * price.nano_dollars;
  }

  /// `count` times a price for a whole thing: a request, an image.
  void AddEach(std::int64_t count, NanoDollars price) {
    sum_ += static_cast<__int128>(count) * price.value() * kMillion;
  }

  /// The share of the sum that is charged, in nano-dollars, rounded half-up; saturates at the ends
  /// of 64 bits.
  NanoDollars Rounded(Share charged = {}) const;

 private:
  static constexpr std::int64_t kMillion = 1'000'000;

  __int128 sum_ = 0;  // nano-dollars × 1e6
};

/// "0.18" (USD per million tokens, at most 9 decimals, not negative) → price. Exact: no floating
/// point is involved.
Result<PricePerMillion> ParsePrice(std::string_view usd_per_million);

/// Exact decimal dollars with all digits that matter: 1234567 → "0.001234567"; at least two
/// decimals.
std::string FormatUsd(NanoDollars amount);

}  // namespace triage
