#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "ledger/reader.h"
#include "ledger/record.h"

namespace triage::ledger {

/// Which row of the hourly sums something counts in.
struct RollupKey {
  std::int64_t hour = 0;  ///< hours since the Unix epoch
  std::string user;
  std::string team;
  std::string feature;
  std::string query_type;
  std::string tier;
  std::string provider;
  std::string model;

  auto operator<=>(const RollupKey&) const = default;
};

/// Hours since the Unix epoch of the hour that holds `time`.
std::int64_t HourOf(WallTime time);

/// Number of attempts of `exchange` whose cost is not known.
std::int64_t UnknownCosts(const Exchange& exchange);

/// Adds what `exchange` changes in the hourly sums; see Sums for what stands where.
void AddRollups(const Exchange& exchange, std::map<RollupKey, Sums>& sums);

}  // namespace triage::ledger
