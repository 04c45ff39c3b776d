#include "judge/estimate.h"

#include <algorithm>
#include <cmath>

namespace triage::judge {

std::optional<double> RoganGladen(double reported, double sensitivity, double specificity) {
  const double power = sensitivity + specificity - 1;
  if (!(power > 0)) return std::nullopt;
  return std::clamp((reported + specificity - 1) / power, 0.0, 1.0);
}

std::optional<Estimate> Hajek(std::span<const Weighted> outcomes) {
  double weights = 0;
  double squares = 0;
  double sum = 0;
  const auto usable = [](const Weighted& w) { return w.probability > 0 && w.probability <= 1; };
  for (const Weighted& w : outcomes) {
    if (!usable(w)) continue;
    const double weight = 1 / w.probability;
    weights += weight;
    squares += weight * weight;
    sum += weight * w.value;
  }
  if (weights == 0) return std::nullopt;
  Estimate estimate{.mean = sum / weights, .effective = weights * weights / squares};
  double variance = 0;
  for (const Weighted& w : outcomes) {
    if (!usable(w)) continue;
    const double residual = (w.value - estimate.mean) / w.probability;
    variance += residual * residual;
  }
  estimate.standard_error = std::sqrt(variance) / weights;
  return estimate;
}

}  // namespace triage::judge
