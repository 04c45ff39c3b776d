#include "base/money.h"

#include <algorithm>
#include <limits>

namespace triage {

NanoDollars CostSum::Rounded(Share charged) const {
  // A whole attempt stays below 1e25 (1e9 tokens at 1e15 a million, in six classes), so that the
  // product with a share stays below 1e34 and 128 bits hold it.
  const bool whole = charged.billionths == Share::kWhole;
  const __int128 unit = whole ? __int128{kMillion} : __int128{kMillion} * Share::kWhole;
  __int128 shifted = (whole ? sum_ : sum_ * charged.billionths) + unit / 2;
  __int128 quotient = shifted / unit;
  // Division truncates towards zero; half-up means towards plus infinity.
  if (shifted < 0 && shifted % unit != 0) --quotient;
  constexpr __int128 kMax = std::numeric_limits<std::int64_t>::max();
  constexpr __int128 kMin = std::numeric_limits<std::int64_t>::min();
  return NanoDollars(static_cast<std::int64_t>(std::clamp(quotient, kMin, kMax)));
}

Result<PricePerMillion> ParsePrice(std::string_view text) {
  auto invalid = [&] {
    return Error{
        .code = ErrorCode::kInvalidRequest,
        .message = "'" + std::string(text) +
                   "' is not a price: expected USD per million tokens such as 0.18, not negative, "
                   "at most 9 decimals"};
  };
  constexpr std::int64_t kMaxDollars = 1'000'000;
  std::int64_t dollars = 0;
  std::int64_t fraction = 0;
  int decimals = -1;
  bool digits = false;
  for (char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') return invalid();
    digits = true;
    if (decimals < 0) {
      dollars = dollars * 10 + (c - '0');
      if (dollars > kMaxDollars) return invalid();
    } else {
      if (++decimals > 9) return invalid();
      fraction = fraction * 10 + (c - '0');
    }
  }
  if (!digits) return invalid();
  for (int i = std::max(decimals, 0); i < 9; ++i) fraction *= 10;
  return PricePerMillion{dollars * 1'000'000'000 + fraction};
}

std::string FormatUsd(NanoDollars amount) {
  bool negative = amount.value() < 0;
  auto magnitude = static_cast<std::uint64_t>(amount.value());
  if (negative) magnitude = 0 - magnitude;
  std::string fraction = std::to_string(magnitude % 1'000'000'000);
  fraction.insert(0, 9 - fraction.size(), '0');
  while (fraction.size() > 2 && fraction.back() == '0') fraction.pop_back();
  return (negative ? "-" : "") + std::to_string(magnitude / 1'000'000'000) + "." + fraction;
}

}  // namespace triage
