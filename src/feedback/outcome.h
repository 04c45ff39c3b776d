#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "feedback/signals.h"

namespace triage::feedback {

enum class Kind : std::uint8_t { kThumb, kScore, kLabel, kCorrection, kOutcome };
enum class Reason : std::uint8_t { kNone, kSchema, kWrong, kIncomplete, kTone, kOther };

std::string_view Name(Kind kind);
/// Empty for kNone.
std::string_view Name(Reason reason);

/// What POST /v1/feedback says about an exchange.
struct Feedback {
  ExchangeId exchange = {};
  Kind kind = Kind::kThumb;
  /// thumb: −1 or 1; score: 0 to 1; outcome: 0 or 1; else 0.
  double number = 0;
  std::string text = {};  ///< of a label or correction
  Reason reason = Reason::kNone;
  std::string comment = {};
  bool retry = false;                ///< answer again, one tier up, in the reply
  std::string idempotency_key = {};  ///< empty = none given: exchange, kind and value stand for it

  bool operator==(const Feedback&) const = default;
};

struct FeedbackLimits {
  std::size_t body_bytes = 65'536;
  std::size_t label_bytes = 64;
  std::size_t correction_bytes = 32'768;
  std::size_t comment_bytes = 4'096;
  std::size_t key_bytes = 128;
};

/// Reads the body: one flat object, strictly. Errors: kInvalidRequest with the pointer at fault and
/// what to send instead; kTooLarge for the body or one of its texts. Nothing of the body's text
/// stands in an error.
Result<Feedback> ReadFeedback(std::string_view json, const FeedbackLimits& limits = {});

/// What an exchange's feedback teaches: how good the answer was, and how much that counts
/// (routing.md 2.18).
struct TrainingLabel {
  double good = 0;    ///< 0 to 1
  double weight = 0;  ///< a check by a person or an outcome counts 1

  bool operator==(const TrainingLabel&) const = default;
};

/// thumb, score, outcome: weight 1. correction: good 0, weight 1. label: good, correct, … 1; bad,
/// wrong, … 0; other words: none. A complaint about the tone alone counts .5: a higher tier need
/// not write more nicely.
std::optional<TrainingLabel> LabelOf(const Feedback& feedback);

/// The soft label of an implicit signal: good = 1 − p(dissatisfied), weight .3; of satisfaction
/// likewise. None when the turn says nothing about the model.
std::optional<TrainingLabel> LabelOf(const Reading& reading, const SignalOptions& options);

}  // namespace triage::feedback
