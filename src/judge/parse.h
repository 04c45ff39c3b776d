#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "judge/framing.h"
#include "llm/answer.h"

namespace triage::judge {

/// From a model's own probability to how often it came true: piecewise linear between knots, flat
/// outside of them. Without knots the identity.
class Calibration {
 public:
  using Knot = std::pair<double, double>;  ///< stated, observed

  Calibration() = default;

  /// kInvalidRequest unless all are within 0..1, the stated ones grow and the observed ones do not
  /// fall.
  static Result<Calibration> Make(std::vector<Knot> knots);

  double operator()(double stated) const;

 private:
  std::vector<Knot> knots_;
};

struct RoutingVerdict {
  double probability = 0;  ///< that a small model's answer is acceptable; calibrated
  std::string crux;        ///< what the model finds hard; may be empty. Untrusted text
};

struct SpotCheckVerdict {
  Verdict verdict = Verdict::kOk;
  std::optional<Span> span;  ///< the piece of the answer that is wrong, where the model says one
  double p_bad = 0;          ///< that the answer is not acceptable; calibrated
};

/// Reads the answer to AskRouting's question. Nothing ("unsure") unless it is exactly of the form
/// that was asked for: one label with its log-probabilities, or one JSON object with the asked
/// fields, each once and in its range.
std::optional<RoutingVerdict> ReadRouting(const llm::Answer& answer, const Question& question,
                                          const Calibration& calibration = {});

/// The same for AskSpotCheck. A verdict that contradicts its own probability ("ok" at p_bad > 0.5,
/// a fault at p_bad < 0.5) is nothing too.
std::optional<SpotCheckVerdict> ReadSpotCheck(const llm::Answer& answer, const Question& question,
                                              const Calibration& calibration = {});

}  // namespace triage::judge
