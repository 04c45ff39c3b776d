#pragma once

#include <cstdint>

#include "base/money.h"

namespace triage::feedback {

/// Prices of a model for what a conversation costs there. A class that a provider does not bill
/// apart has the price of fresh input.
struct TurnPrices {
  PricePerMillion input;
  PricePerMillion cache_read;
  PricePerMillion cache_write;
  PricePerMillion output;
};

/// Stay with the session's model, whose provider holds the prompt in its cache, or switch?
struct SwitchQuestion {
  TurnPrices current;
  TurnPrices candidate;
  std::int64_t input_tokens = 0;   ///< of this request
  std::int64_t output_tokens = 0;  ///< expected, of each turn
  /// Of `input_tokens`, what the current model's cache may hold (`Session::cached_tokens`).
  std::int64_t cached_tokens = 0;
  bool warm =
      true;  ///< the cache has not expired: the session's silence is below the provider's TTL
  int turns_after = 2;  ///< expected further turns
  /// Share of what may be cached that really is read from the cache, in permille: .77 to .91 were
  /// measured in agent sessions (routing.md 2.11), never all of it.
  int hit_permille = 850;
};

struct SwitchAnswer {
  NanoDollars stay;    ///< cost of this and the expected further turns with the current model
  NanoDollars change;  ///< … with the candidate, whose cache is cold
  /// Of the difference, what the current model's cache is worth for this request: what a cost
  /// estimate that knows no caches has to take off the current model's side.
  NanoDollars cache_value;

  /// What switching saves; negative = it costs.
  NanoDollars gain() const { return stay - change; }
};

/// routing.md 2.11, with I input, O output, K cached tokens and hit rate h, R turns after this:
///   stay   = h·K·read + (I − h·K)·write + O·out,  then R times  h·P·read + (P − h·P)·in + O·out
///   change = I·write′ + O·out′,                   then R times  h·P·read′ + (P − h·P)·in′ + O·out′
/// where P is the context that a turn finds (I + O, growing by O each turn); K = 0 when not warm.
/// Each side is rounded once. Negative figures count as none; turns_after at most 100.
SwitchAnswer WeighSwitch(const SwitchQuestion& question);

}  // namespace triage::feedback
