#include "pipeline/account.h"

namespace triage::pipeline {
namespace {

Account Estimated(const prices::ModelPrices& prices, std::int64_t input, std::int64_t output,
                  const prices::Terms& terms) {
  llm::Usage usage{.fresh_input = input, .output = output};
  usage.estimated = true;
  return {.usage = usage, .cost = prices::Cost(prices, usage, terms), .estimated = true};
}

}  // namespace

Account AccountForFailure(const prices::ModelPrices& prices, const Error& error,
                          std::int64_t tokens_in, const prices::Terms& terms) {
  const bool worked = error.code == ErrorCode::kTimeout || error.code == ErrorCode::kCancelled ||
                      (error.upstream_status >= 200 && error.upstream_status < 300);
  if (worked) return Estimated(prices, tokens_in, 0, terms);
  return {.usage = {}, .cost = NanoDollars(0), .estimated = false};
}

Account AccountForAnswer(const prices::ModelPrices& prices, const llm::ReplySummary& summary,
                         std::int64_t tokens_in, std::uint64_t relayed_bytes,
                         const prices::Terms& terms) {
  if (summary.usage) {
    return {.usage = summary.usage,
            .cost = prices::Cost(prices, *summary.usage, terms),
            .estimated = false};
  }
  // Providers stream about one token an event; the bytes of a stream are mostly framing.
  const std::int64_t output = summary.events > 0
                                  ? summary.events
                                  : prices::EstimateTokens(static_cast<std::size_t>(relayed_bytes));
  return Estimated(prices, tokens_in, output, terms);
}

std::optional<NanoDollars> BaselineCost(const prices::ModelPrices& prices, const llm::Usage& usage,
                                        const prices::Terms& terms) {
  const llm::Usage same{.fresh_input = usage.TotalInput(), .output = usage.TotalOutput()};
  return prices::Cost(prices, same, terms);
}

}  // namespace triage::pipeline
