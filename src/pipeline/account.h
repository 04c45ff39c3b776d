#pragma once

#include <cstdint>
#include <optional>

#include "dispatch/dispatch.h"
#include "ledger/record.h"
#include "llm/provider.h"
#include "prices/model_prices.h"

namespace triage::pipeline {

/// What an attempt cost and on what tokens.
struct Account {
  std::optional<llm::Usage> usage;
  std::optional<NanoDollars> cost;  ///< nothing = unknown
  bool estimated = false;
};

/// An attempt that failed before an answer began. Refused calls (no connection, an error status)
/// are free with every provider in the catalogue; one that was cut off while the provider worked
/// may be billed, so its input is estimated.
Account AccountForFailure(const prices::ModelPrices& prices, const Error& error,
                          std::int64_t tokens_in, const prices::Terms& terms = {});

/// The attempt that answered: the provider's own usage, else an estimate from the bytes that were
/// relayed.
Account AccountForAnswer(const prices::ModelPrices& prices, const llm::ReplySummary& summary,
                         std::int64_t tokens_in, std::uint64_t relayed_bytes,
                         const prices::Terms& terms = {});

/// The same tokens at another model's prices; cached tokens count as fresh ones, because the cache
/// is the serving model's. Modelled, not measured: the other model's tokenizer and length of answer
/// would differ.
std::optional<NanoDollars> BaselineCost(const prices::ModelPrices& prices, const llm::Usage& usage,
                                        const prices::Terms& terms = {});

}  // namespace triage::pipeline
