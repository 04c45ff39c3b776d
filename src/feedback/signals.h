#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "feedback/features.h"
#include "feedback/sketch.h"

namespace triage::feedback {

/// What a user's turn says about the answer before it.
enum class Signal : std::uint8_t {
  kNone,
  kRephrase,       ///< the same question in other words
  kRepeat,         ///< the same question in the same words, after reading the answer
  kCorrection,     ///< "no, that is wrong", "I meant …"
  kFrustration,    ///< anger or disappointment about the answer
  kAsksHuman,      ///< wants to talk to a person
  kSatisfaction,   ///< thanks, praise, "it works"
  kFollowUp,       ///< goes on from the answer
  kTopicChange,    ///< about something else
  kBusinessAnger,  ///< anger about a parcel, a bill, a delay: not about the answer
  kDuplicateSend,  ///< the same bytes again within seconds: a client's retry
};

inline constexpr std::size_t kSignals = 11;

/// snake_case word for ledger, metrics and explanations, e.g. "asks_human".
std::string_view Name(Signal signal);

/// A user's turn with what was before it. Views only; nothing is kept.
struct TurnPair {
  std::string_view previous;  ///< the user's turn before the answer
  std::string_view answer;    ///< empty = not known
  std::string_view turn;      ///< the user's new turn
  /// Since the answer had been fully sent; absent = not known.
  std::optional<std::chrono::milliseconds> gap = {};
  bool tool_retry = false;  ///< the client's user interface says "try again"
};

/// The same, where the history does not carry the previous turn (routing.md 2.5's weaker form).
struct SketchPair {
  TurnSketch previous = {};
  std::string_view turn;
  std::optional<std::chrono::milliseconds> gap = {};
  bool tool_retry = false;
};

struct Reading {
  /// Calibrated probability that the user is not satisfied with the answer (not with anything
  /// else), in a mix in which three turns of ten are so (bench/src/fit_feedback.py).
  double dissatisfied = 0;
  double satisfied = 0;  ///< 0 or how sure; only from words, never from silence
  Signal signal = Signal::kNone;
  /// May this turn label the model that answered? False for anger about the business and for
  /// duplicates: route by the first, ignore the second.
  bool label_model = true;
  std::string reason = {};  ///< one sentence for people; holds no text of the conversation
};

/// What to do with a reading.
enum class Act : std::uint8_t {
  kNothing,
  kLabel,     ///< soft label, and this turn's stakes doubled (routing.md 2.5: L × 2)
  kStakes,    ///< stakes doubled, no label: the anger is about the business
  kEscalate,  ///< one tier above the one that answered, with the caps of `Sessions`
};

std::string_view Name(Act act);

struct SignalOptions {
  double act = 0.65;
  double label = 0.40;
  double hand_off = 0.90;  ///< twice within ten turns: `Session::hand_off`
};

Act ActOn(const Reading& reading, const SignalOptions& options);

/// Reads turns: words from config/feedback/LANGUAGE.txt, weights from config/feedback/weights.txt.
/// Immutable, shared by all threads.
class SignalReader {
 public:
  /// Those that were built into the program.
  static const SignalReader& BuiltIn();

  /// Errors: kInvalidRequest with the line.
  static Result<SignalReader> Parse(std::string_view words, std::string_view weights);

  SignalReader(SignalReader&&) noexcept;
  SignalReader& operator=(SignalReader&&) noexcept;
  ~SignalReader();

  /// Pure and linear; of long texts only beginning and end are looked at, so that a turn of
  /// megabytes costs little more than one of 4 KB.
  Reading Read(const TurnPair& pair) const;
  Reading Read(const SketchPair& pair) const;

  /// What is kept of a turn for the second form. `answer`: what it got, where that is known.
  TurnSketch SketchOf(std::string_view text, std::string_view answer) const;

  /// What Read judges by; for training and tests.
  Features FeaturesOf(const TurnPair& pair) const;
  Features FeaturesOf(const SketchPair& pair) const;

 private:
  struct Data;
  explicit SignalReader(std::unique_ptr<const Data> data);
  std::unique_ptr<const Data> data_;
};

/// The texts of config/feedback/ when the program was built.
std::string BuiltInWords();
std::string_view BuiltInWeights();

/// With the built-in reader.
Reading ReadSignals(const TurnPair& pair);
Reading ReadSignals(const SketchPair& pair);

}  // namespace triage::feedback
