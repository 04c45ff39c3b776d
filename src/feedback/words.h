#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "detect/lexicon.h"
#include "feedback/scan.h"

namespace triage::feedback {

/// What words of config/feedback/en.txt stand for.
enum class Marker : std::uint8_t {
  kEdit,
  kOpeningNo,
  kWrong,
  kAgain,
  kUnhelpful,
  kFrustration,
  kProfanity,
  kHuman,
  kSatisfied,
  kBut,
  kBusiness,
  kThey,
  kFollow,
  kTopic,
  kAdjust,
  kYourAnswer,
  kNegation,
  kClueless,
  kFunction,
  kIgnore,
  kCount,
};

inline constexpr std::size_t kMarkers = static_cast<std::size_t>(Marker::kCount);

/// How often each kind of marker stands in a turn.
class Marks {
 public:
  int operator[](Marker marker) const { return counts_[static_cast<std::size_t>(marker)]; }

  int& operator[](Marker marker) { return counts_[static_cast<std::size_t>(marker)]; }

  /// Takes away what `previous` had too: words of a form that is used again are no news. What the
  /// turns are about stays.
  void Without(const Marks& previous);

 private:
  std::array<int, kMarkers> counts_{};
};

/// The words by which turns are judged, of all languages at once: a turn need not say which one it
/// is in, and people mix them.
class Words {
 public:
  /// `text` as config/feedback/en.txt describes it. Errors: kInvalidRequest with the line.
  static Result<Words> Parse(std::string_view text);

  /// Counts markers and takes function words out of the scan's content words.
  Marks Find(Scan& scan) const;

 private:
  detect::Lexicon lexicon_;
};

}  // namespace triage::feedback
