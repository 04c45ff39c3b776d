#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ledger/record.h"

namespace triage::ledger {

/// An exchange as it was written. `exchange.features` stays empty: the learning store keeps them.
struct StoredExchange {
  Exchange exchange;
  std::string decision_json;       ///< the text of DecisionJson at the time of writing
  std::vector<Feedback> feedback;  ///< in the order in which it came; without features
};

/// What reports group by. Hours and days are UTC and written as RFC 3339: "2026-11-24T05:00Z",
/// "2026-11-24".
enum class Dimension : std::uint8_t {
  kUser,
  kTeam,
  kFeature,
  kQueryType,
  kTier,
  kModel,
  kProvider,
  kHour,
  kDay
};

inline constexpr std::array kAllDimensions{
    Dimension::kUser,      Dimension::kTeam, Dimension::kFeature,
    Dimension::kQueryType, Dimension::kTier, Dimension::kModel,
    Dimension::kProvider,  Dimension::kHour, Dimension::kDay};

/// "user", "team", "feature", "query_type", "tier", "model", "provider", "hour", "day".
std::string_view Name(Dimension dimension);
std::optional<Dimension> ParseDimension(std::string_view text);

/// From the hour that holds `from` to the end of the hour that holds `to`: rollups are kept by the
/// hour.
struct TimeRange {
  WallTime from;
  WallTime to;
};

/// Sums of one group. Attempts and their cost stand under the tier, provider and model that did the
/// work; exchanges and everything compared with the baseline stand under those that gave the final
/// answer (empty when none did).
struct Sums {
  std::int64_t exchanges = 0;
  std::int64_t failed = 0;     ///< exchanges with an error
  std::int64_t escalated = 0;  ///< exchanges that moved up after an answer was judged
  std::int64_t attempts = 0;
  llm::Usage tokens;                ///< of attempts with known usage, estimates included
  NanoDollars cost;                 ///< of attempts with known cost, estimates included
  std::int64_t unknown_cost = 0;    ///< attempts without a known cost
  std::int64_t estimated_cost = 0;  ///< attempts whose cost rests on an estimate
  NanoDollars baseline;             ///< of exchanges with a baseline

  // Like with like: exchanges that have a baseline and a known cost for every attempt.
  std::int64_t compared = 0;
  NanoDollars compared_cost;
  NanoDollars compared_baseline;
  std::int64_t without_cost = 0;      ///< exchanges with an attempt of unknown cost
  std::int64_t without_baseline = 0;  ///< exchanges without a baseline; may overlap with the former
  NanoDollars other_cost;             ///< known cost of exchanges that are not compared

  Sums& operator+=(const Sums& other);
};

struct Group {
  std::vector<std::string> keys;  ///< one per dimension asked for, in that order
  Sums sums;
};

/// One line of the list of recent exchanges.
struct ExchangeSummary {
  ExchangeId id;
  WallTime time;
  std::string user;
  std::string team;
  std::string feature;
  std::string query_type;
  std::string requested_model;
  std::string tier;
  std::string model;
  int status = 0;
  std::string error;
  int escalations = 0;
  NanoDollars cost;
  bool cost_complete = true;
  std::optional<NanoDollars> baseline_cost;
  std::chrono::microseconds total{0};
};

/// What reports and `explain` may ask of a ledger. Safe from any thread; blocks on disk, so never
/// called on an I/O thread. Failures are kIo.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Nothing when there is no such exchange.
  virtual Result<std::optional<StoredExchange>> FindExchange(const ExchangeId& id) = 0;

  /// Sums over `range`, one per combination of the dimensions that occurs, ordered by its keys.
  /// Without dimensions exactly one group.
  virtual Result<std::vector<Group>> Aggregate(const TimeRange& range,
                                               std::span<const Dimension> by) = 0;

  /// Calls `visit` with every exchange whose time is in [range.from, range.to], oldest first, to
  /// the microsecond. What is written meanwhile may be left out.
  virtual Result<void> Visit(const TimeRange& range,
                             const std::function<void(const StoredExchange&)>& visit) = 0;

  /// The latest exchanges, newest first, at most `most`; only those older than `before` when it is
  /// given.
  virtual Result<std::vector<ExchangeSummary>> Recent(std::size_t most,
                                                      std::optional<ExchangeId> before) = 0;
};

}  // namespace triage::ledger
