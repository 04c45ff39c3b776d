#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace triage::feedback {

/// What a turn and the one before it are judged by. Each is between 0 and 1, so that a weight says
/// how much the thing counts. Names are those of config/feedback/weights.txt.
enum class Feature : std::uint8_t {
  kBias,
  // Both turns against each other.
  kSimilar,       ///< cosine of character 3-gram counts
  kNear,          ///< that cosine is at least .8, and the texts are not identical
  kIdentical,     ///< the same after normalising
  kKept,          ///< Dice of content words
  kCovered,       ///< share of the turn's content words that the previous one had
  kNewWords,      ///< share of its content words that neither turn nor answer had
  kFromAnswer,    ///< share of its content words that only the answer had
  kNewEntities,   ///< more than half of its numbers and names are new
  kSameEntities,  ///< share of the previous one's numbers and names that come again
  kTemplate,      ///< same frame, other filling
  kLonger,        ///< three times as long as the previous one: 1; a third: −1
  kShort,         ///< three words or less, none of which complains
  // Words. In a long text one of them counts for less.
  kEdit,         ///< "I meant", "let me rephrase"
  kOpeningNo,    ///< begins with a no that stands for itself
  kWrong,        ///< "that's wrong", "falsch", "не так"
  kAgain,        ///< "again", "still", "as I said"
  kUnhelpful,    ///< "useless", "you don't understand"
  kFrustration,  ///< anger about anything
  kProfanity,
  kHuman,          ///< wants a person
  kSatisfied,      ///< thanks, praise
  kBut,            ///< "but", "however"
  kBusiness,       ///< parcel, refund, invoice
  kThey,           ///< speaks of third persons
  kBusinessAnger,  ///< anger and business together, no word on the answer
  kFollow,         ///< begins as a follow-up: "and", "what about"
  kTopic,          ///< announces another matter
  kAdjust,         ///< asks for another form: "shorter", "more formal"
  kYourAnswer,     ///< speaks of the answer: "you said", "your answer"
  // Form.
  kQuestion,  ///< has a question mark
  kCaps,      ///< more than .6 capitals in more than 8 letters
  kMarks,     ///< !! or ??
  kUpset,     ///< emoji: angry, weary
  kHappy,     ///< emoji: thumbs up, hearts
  // The answer in between.
  kAnswerAsked,     ///< ended with a question
  kAnswerNegated,   ///< the turn denies what it said
  kAnswerEcho,      ///< share of the previous turn's content words that it repeated
  kAnswerOpens,     ///< begins with one of them, as a definition does
  kAnswerSpecific,  ///< has numbers or code that the question had not
  kAnswerClueless,  ///< has not understood, is sorry, sends elsewhere
  // Time.
  kQuick,      ///< came within 30 s of the answer
  kLate,       ///< came later than 300 s
  kToolRetry,  ///< the client's "try again"
  kCount,
};

inline constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::kCount);

std::string_view Name(Feature feature);
std::optional<Feature> ParseFeature(std::string_view name);

class Features {
 public:
  double& operator[](Feature feature) { return values_[static_cast<std::size_t>(feature)]; }

  double operator[](Feature feature) const { return values_[static_cast<std::size_t>(feature)]; }

  bool Has(Feature feature) const { return (*this)[feature] > 0; }

 private:
  std::array<double, kFeatures> values_{};
};

}  // namespace triage::feedback
