#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace triage::learn {

enum class CalibrationKind : std::uint8_t { kNone, kPlatt, kIsotonic };

std::string_view Name(CalibrationKind kind);

/// A rising map from a model's log-odds to a probability.
struct Calibration {
  CalibrationKind kind = CalibrationKind::kNone;
  float slope = 1;  ///< Platt: sigmoid(slope · z + offset)
  float offset = 0;
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
  Calibration map;         ///< the identity (sigmoid) when the fitted one did not help
  double loss_before = 0;  ///< held-out log-loss of the plain sigmoid
  double loss_after = 0;   ///< held-out log-loss of the fitted map
  bool accepted = false;
};

/// Platt below 1,000 labels, isotonic above. Fitted by folds and accepted only if the log-loss on
/// the folds left out falls; then fitted on everything. `folds` gives each row's fold; labels are 0
/// or 1.
CalibrationChoice ChooseCalibration(std::span<const float> log_odds, std::span<const char> labels,
                                    std::span<const int> folds);

/// Expected calibration error over `bins` bins of equal mass.
double CalibrationError(std::span<const float> probabilities, std::span<const char> labels,
                        int bins = 15);

}  // namespace triage::learn
