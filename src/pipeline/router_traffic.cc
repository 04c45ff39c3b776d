#include "pipeline/router_traffic.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace triage::pipeline {
namespace {

constexpr std::uint32_t kRenewEvery = 64;  // requests; a renewal looks at every bin

bool HasBandStep(const decide::Decision& decision) {
  return std::ranges::any_of(decision.steps, [](const decide::Step& step) {
    return step.kind == decide::StepKind::kBand;
  });
}

}  // namespace

RouterTraffic::RouterTraffic(std::vector<std::optional<double>> share_above, double band)
    : band_(band) {
  double reaches = 1;  // share of the requests that reach the boundary
  for (const std::optional<double>& share : share_above) {
    auto boundary = std::make_unique<Boundary>();
    if (share) {
      boundary->share = std::min(*share / reaches, 1.0);
      reaches = std::min(*share, reaches);
    }
    boundaries_.push_back(std::move(boundary));
  }
}

std::optional<double> RouterTraffic::Threshold(std::size_t tier) const {
  const double threshold = boundaries_[tier]->threshold.load(std::memory_order_relaxed);
  if (threshold < 0) return std::nullopt;
  return threshold;
}

RouterTraffic::Band RouterTraffic::Note(const decide::Decision& decision) {
  for (std::size_t t = 0; t < boundaries_.size() && t < decision.tiers.size(); ++t) {
    const decide::TierView& view = decision.tiers[t];
    if (!view.sufficiency) return Band::kUnknown;
    Add(*boundaries_[t], *view.sufficiency);
    if (view.threshold && *view.sufficiency > *view.threshold + band_) break;
  }
  if (HasBandStep(decision)) in_band_.fetch_add(1, std::memory_order_relaxed);
  if (decided_.fetch_add(1, std::memory_order_relaxed) + 1 != kWindow) return Band::kUnknown;
  decided_.store(0, std::memory_order_relaxed);
  const double share =
      static_cast<double>(in_band_.exchange(0, std::memory_order_relaxed)) / kWindow;
  if (share < kEmptyBand) return Band::kEmpty;
  return share > kOverfullBand ? Band::kOverfull : Band::kFine;
}

void RouterTraffic::Add(Boundary& boundary, double sufficiency) const {
  if (!boundary.share) return;
  const auto bin = static_cast<std::size_t>(std::lround(sufficiency * kBins));
  boundary.bins[std::min(bin, kBins)].fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t count = boundary.count.fetch_add(1, std::memory_order_relaxed) + 1;
  if (count >= kEnough && count % kRenewEvery == 0) Renew(boundary);
}

// Two threads that renew at once both come to a right threshold; a halving that happens twice only
// forgets sooner.
void RouterTraffic::Renew(Boundary& boundary) const {
  std::uint64_t total = 0;
  for (const auto& bin : boundary.bins) total += bin.load(std::memory_order_relaxed);
  const auto wanted = static_cast<std::uint64_t>(*boundary.share * static_cast<double>(total));
  std::uint64_t below = 0;
  std::size_t at = 0;
  // The largest value of which no more than the share lie at or below it.
  for (; at <= kBins; ++at) {
    below += boundary.bins[at].load(std::memory_order_relaxed);
    if (below > wanted) break;
  }
  // In the gap below that bin; the band above the threshold escalates as well.
  const double edge = (static_cast<double>(at) - 0.5) / kBins;
  boundary.threshold.store(std::clamp(edge - band_, 0.0, 1.0), std::memory_order_relaxed);
  if (total < kWindow) return;
  for (auto& bin : boundary.bins) {
    bin.store(bin.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
  }
}

}  // namespace triage::pipeline
