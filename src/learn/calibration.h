#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace triage::learn {

enum class CalibrationKind : std::uint8_t { kNone, kPlatt, kIsotonic, kConstant };

std::string_view Name(CalibrationKind kind);

/// A rising map from a model's log-odds to a probability.
struct Calibration {
  CalibrationKind kind = CalibrationKind::kNone;
  float slope = 1;       ///< Platt: sigmoid(slope · z + offset)
  float offset = 0;      ///< constant: sigmoid(offset), the base rate
  std::vector<float> z;  ///< isotonic: knots, rising; linear between, constant outside
  std::vector<float> p;

  float Apply(float log_odds) const;
};

/// Platt scaling with Platt's smoothed targets, by Newton's method (Lin, Lin and Weng, 2007).
Calibration FitPlatt(std::span<const float> log_odds, std::span<const char> labels);

/// Pool adjacent violators on blocks of at least 50 labels, clipped to [.005, .995], joined
/// linearly.
Calibration FitIsotonic(std::span<const float> log_odds, std::span<const char> labels);

/// Mean negative log-likelihood of `labels` under `map`.
double LogLoss(std::span<const float> log_odds, std::span<const char> labels,
               const Calibration& map);

struct CalibrationChoice {
  Calibration map;         ///< constant when no fitted one helped
  double loss_before = 0;  ///< held-out log-loss of the base rate
  double loss_after = 0;   ///< held-out log-loss of the chosen map
  bool accepted = false;   ///< the scores are of use
};

/// Platt, from 1,000 labels on isotonic too: the one with the least log-loss on the folds left out,
/// fitted on everything; the base rate if neither beats it there. `folds` gives each row's fold;
/// labels are 0 or 1.
CalibrationChoice ChooseCalibration(std::span<const float> log_odds, std::span<const char> labels,
                                    std::span<const int> folds);

/// Expected calibration error over `bins` bins of equal mass.
double CalibrationError(std::span<const float> probabilities, std::span<const char> labels,
                        int bins = 15);

}  // namespace triage::learn
