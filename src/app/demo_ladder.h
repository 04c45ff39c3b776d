#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/demo_load.h"
#include "app/demo_report.h"
#include "app/demo_traffic.h"
#include "base/error.h"
#include "base/money.h"
#include "ledger/record.h"
#include "simulate/latency.h"
#include "simulate/recorded.h"

namespace triage::app {

/// A tier of the demo: the recorded model behind it, what it costs, how fast it is simulated to be.
struct DemoRung {
  DemoTier tier;
  simulate::ModelSpec spec;
  PricePerMillion input;
  PricePerMillion output;
  std::vector<std::string>
      hosts;  ///< one simulated provider each; the chain of the tier in this order
};

/// The demo's tiers, cheapest first, with the prices of prices.json. Errors as learn::ReadPrices,
/// kNotFound for a model without a price.
Result<std::vector<DemoRung>> MakeLadder(const std::filesystem::path& prices_file);

/// Where a simulated provider listens.
struct DemoEndpoint {
  std::string
      host;  ///< as in DemoRung::hosts; the configuration's names of its provider and its model
  std::uint16_t port = 0;
};

/// The gateway's configuration: all of the ladder, no policies.
std::string DemoConfig(std::span<const DemoRung> ladder, std::span<const DemoEndpoint> endpoints,
                       std::uint16_t port, const std::filesystem::path& ledger);

/// What each tier's model answered, with its cost and its simulated latency.
std::vector<TierOutcome> RecordedOutcomes(const simulate::RecordedQuestion& question,
                                          std::span<const DemoRung> ladder, std::uint64_t seed);

/// Cost of an answer at a rung's prices, rounded once.
NanoDollars AnswerCost(const DemoRung& rung, std::int64_t prompt_tokens,
                       std::int64_t output_tokens);

/// Joins a reply with its question and its entry on the ledger (null = there is none, which no cost
/// agrees with). `speed` turns measured time into simulated time.
DemoOutcome JoinOutcome(const simulate::RecordedQuestion& question,
                        const simulate::RecordedAnswers& recorded, const DemoReply& reply,
                        const ledger::Exchange* exchange, std::span<const DemoRung> ladder,
                        std::uint64_t seed, double speed);

}  // namespace triage::app
