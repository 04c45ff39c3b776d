#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/money.h"

namespace triage::judge {

/// What is known when a spot check could hold an answer back.
struct Intervention {
  double p_bad = 0;        ///< of this answer, before the check
  double sensitivity = 1;  ///< share of bad answers that the check finds
  NanoDollars stakes;      ///< what serving a bad answer costs
  NanoDollars retry_cost;  ///< what repairing a found one costs
  NanoDollars check_cost;
  std::chrono::milliseconds check_time{0};
  NanoDollars per_second;  ///< what a second of the client's waiting costs
};

/// Whether the check pays for itself: p_bad × sensitivity × (stakes − retry cost) > check cost +
/// time × its price.
bool WorthChecking(const Intervention& intervention);

/// Which finished answers are checked afterwards, to measure how good a tier is at a kind of work.
/// A stratum is a tier and a query type. Neyman's allocation with floors,
///   π = clip(K·σ·L/√c, floor, 1),
/// where σ = √(p(1−p)) of the stratum's share of bad answers up to now, L its mean stakes, c its
/// mean cost of a check, and K such that checks are expected to cost `share` of all spending.
/// Beyond that share nothing is checked, whatever the floors say. Safe from any thread.
class MeasurementSampler {
 public:
  struct Options {
    std::size_t query_types = 1;
    std::vector<double> floors;  ///< by tier, cheapest first; as many as there are tiers
    double share = 0.02;         ///< of all spending, for all checks together
    double prior_bad = 0.05;     ///< share of bad answers before anything was measured …
    double prior_weight = 20;    ///< … worth so many checks
  };

  /// 1 %, 0.5 % and 0.2 % for the first three tiers, as for the third above.
  static std::vector<double> DefaultFloors(std::size_t tiers);

  explicit MeasurementSampler(Options options);

  struct Answer {
    std::size_t tier = 0;
    std::size_t query_type = 0;
    NanoDollars cost;        ///< of its exchange, all attempts
    NanoDollars stakes;      ///< what a bad one costs
    NanoDollars check_cost;  ///< expected
  };

  struct Draw {
    bool check = false;
    /// With which it was to be drawn, also where it was not; 0 when the budget was used up.
    double probability = 0;
  };

  /// Counts an answer that was served and says whether to check it. `chance` is uniform in [0, 1).
  /// A drawn check is charged with its expected cost until Checked or Abandoned.
  Draw Ask(const Answer& answer, double chance);

  /// A check that was drawn has ended. `bad`: its verdict; nothing is learned from an unsure one
  /// (Abandoned), but its cost counts.
  void Checked(const Answer& answer, NanoDollars cost, bool bad);
  void Abandoned(const Answer& answer, NanoDollars cost);

  struct Totals {
    NanoDollars spending;  ///< of all answers, without checks
    NanoDollars checks;    ///< ended and under way
    std::int64_t answers = 0;
    std::int64_t drawn = 0;
    std::int64_t over_budget = 0;  ///< answers while the budget was used up
  };

  Totals totals() const;

 private:
  struct Stratum {
    std::int64_t answers = 0;
    double stakes = 0;      // sums of nano-dollars: weights of the allocation, not accounts
    double check_cost = 0;  // as above
    std::int64_t checked = 0;
    std::int64_t bad = 0;
  };

  double Probability(const Stratum& stratum, std::size_t tier) const;
  double Sigma(const Stratum& stratum) const;
  std::size_t Index(const Answer& answer) const;

  const Options options_;
  mutable std::mutex mutex_;
  std::vector<Stratum> strata_;
  double demand_ = 0;  // Σ over strata of answers × σ·L·√c: what the checks would cost at K = 1
  Totals totals_;
};

}  // namespace triage::judge
