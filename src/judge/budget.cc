#include "judge/budget.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace triage::judge {
namespace {

std::int64_t Millionths(double probability) {
  if (!(probability > 0)) return 0;
  return std::llround(std::min(probability, 1.0) * 1e6);
}

}  // namespace

bool WorthChecking(const Intervention& i) {
  const __int128 lost = static_cast<__int128>(i.stakes.value()) - i.retry_cost.value();
  if (lost <= 0) return false;
  // In nano-dollars × 10^12: millionths twice on the left, milliseconds of a price per second on
  // the right.
  const __int128 gain = lost * Millionths(i.p_bad) * Millionths(i.sensitivity);
  const __int128 waiting = static_cast<__int128>(i.per_second.value()) * i.check_time.count();
  constexpr __int128 kBillion = 1'000'000'000;
  const __int128 price =
      static_cast<__int128>(i.check_cost.value()) * 1000 * kBillion + waiting * kBillion;
  return gain > price;
}

std::vector<double> MeasurementSampler::DefaultFloors(std::size_t tiers) {
  std::vector<double> floors(tiers, 0.002);
  if (tiers > 0) floors[0] = 0.01;
  if (tiers > 1) floors[1] = 0.005;
  return floors;
}

MeasurementSampler::MeasurementSampler(Options options)
    : options_(std::move(options)), strata_(options_.floors.size() * options_.query_types) {
  TRIAGE_CHECK(!strata_.empty());
}

std::size_t MeasurementSampler::Index(const Answer& answer) const {
  const std::size_t tier = std::min(answer.tier, options_.floors.size() - 1);
  return tier * options_.query_types + std::min(answer.query_type, options_.query_types - 1);
}

double MeasurementSampler::Sigma(const Stratum& stratum) const {
  const double p = (static_cast<double>(stratum.bad) + options_.prior_bad * options_.prior_weight) /
                   (static_cast<double>(stratum.checked) + options_.prior_weight);
  return std::sqrt(p * (1 - p));
}

double MeasurementSampler::Probability(const Stratum& stratum, std::size_t tier) const {
  const auto answers = static_cast<double>(stratum.answers);
  const double stakes = stratum.stakes / answers;
  const double cost = std::max(stratum.check_cost / answers, 1.0);
  const double budget = options_.share * static_cast<double>(totals_.spending.value());
  const double scale = demand_ > 0 ? budget / demand_ : 0;
  const double wanted = scale * Sigma(stratum) * stakes / std::sqrt(cost);
  return std::clamp(wanted, options_.floors[tier], 1.0);
}

MeasurementSampler::Draw MeasurementSampler::Ask(const Answer& answer, double chance) {
  const std::lock_guard lock(mutex_);
  const std::size_t index = Index(answer);
  Stratum& stratum = strata_[index];
  const auto demand = [&] {
    if (stratum.answers == 0) return 0.0;
    // n · σ·(ΣL/n)·√(Σc/n)
    const auto answers = static_cast<double>(stratum.answers);
    return Sigma(stratum) * stratum.stakes * std::sqrt(stratum.check_cost / answers);
  };
  const double before = demand();
  ++stratum.answers;
  stratum.stakes += static_cast<double>(answer.stakes.value());
  stratum.check_cost += static_cast<double>(std::max<std::int64_t>(answer.check_cost.value(), 1));
  demand_ += demand() - before;
  ++totals_.answers;
  totals_.spending += answer.cost;

  const auto allowed =
      static_cast<std::int64_t>(options_.share * static_cast<double>(totals_.spending.value()));
  if ((totals_.checks + answer.check_cost).value() > allowed) {
    ++totals_.over_budget;
    return {};
  }
  Draw draw{.check = false, .probability = Probability(stratum, index / options_.query_types)};
  draw.check = chance < draw.probability;
  if (draw.check) {
    ++totals_.drawn;
    totals_.checks += answer.check_cost;
  }
  return draw;
}

void MeasurementSampler::Checked(const Answer& answer, NanoDollars cost, bool bad) {
  const std::lock_guard lock(mutex_);
  Stratum& stratum = strata_[Index(answer)];
  const double before = Sigma(stratum);
  ++stratum.checked;
  if (bad) ++stratum.bad;
  const auto answers = static_cast<double>(std::max<std::int64_t>(stratum.answers, 1));
  demand_ += (Sigma(stratum) - before) * stratum.stakes * std::sqrt(stratum.check_cost / answers);
  totals_.checks += cost - answer.check_cost;
}

void MeasurementSampler::Abandoned(const Answer& answer, NanoDollars cost) {
  const std::lock_guard lock(mutex_);
  totals_.checks += cost - answer.check_cost;
}

MeasurementSampler::Totals MeasurementSampler::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace triage::judge
