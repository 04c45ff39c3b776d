#pragma once

#include <optional>
#include <span>

namespace triage::judge {

/// The true share of bad answers behind the share that an imperfect check reports (Rogan and
/// Gladen, 1978): (reported + specificity − 1) / (sensitivity + specificity − 1), kept within 0..1.
/// Nothing when the check is no better than chance.
std::optional<double> RoganGladen(double reported, double sensitivity, double specificity);

/// One outcome that was seen with a known probability.
struct Weighted {
  double value = 0;
  double probability = 1;  ///< in (0, 1]; others are passed over
};

struct Estimate {
  double mean = 0;
  double standard_error = 0;  ///< of the linearised ratio, outcomes taken as independent
  double effective = 0;       ///< Kish's effective number of outcomes
};

/// Hájek's ratio estimate, Σ(y/π) / Σ(1/π). Nothing without outcomes.
std::optional<Estimate> Hajek(std::span<const Weighted> outcomes);

}  // namespace triage::judge
