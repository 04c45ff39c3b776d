#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "learn/features.h"
#include "learn/linear.h"
#include "learn/trees.h"

namespace triage::learn {

inline constexpr std::size_t kMaxTiers = 8;

/// What the linear heads of a router with so many tiers stand for. All but the last are log-odds.
/// Per tier below the top: "not worse than the top tier"; up to four tiers also "better than the
/// top tier"; up to three tiers also, per tier, "its answer is right".
class Heads {
 public:
  explicit constexpr Heads(std::size_t tiers) : below_(tiers - 1) {}

  constexpr bool has_better() const { return below_ <= 3; }

  constexpr bool has_right() const { return below_ <= 2; }

  constexpr std::size_t not_worse(std::size_t tier) const { return tier; }

  constexpr std::size_t better(std::size_t tier) const { return below_ + tier; }

  constexpr std::size_t right(std::size_t tier) const { return 2 * below_ + tier; }

  /// Logarithm of the length of the top tier's answer.
  static constexpr std::size_t kLength = kHeads - 1;

 private:
  std::size_t below_;
};

/// Coarse kinds of request, told apart by shape alone. A router says nothing of its own about a
/// kind that it has hardly seen.
enum class Kind : std::uint8_t { kTools, kOptions, kScript, kCode, kMaths, kShort, kPlain, kCount };

inline constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);
inline constexpr std::uint32_t kLeastKindRows = 50;

std::string_view Name(Kind kind);

Kind KindOf(std::span<const float, kShapes> shape);

/// How much of the n-grams of a request training has not seen.
struct Unknown {
  float words = 1;  ///< share of single words
  float pairs = 1;  ///< the same of neighbours
};

Unknown UnknownShares(std::size_t words, std::size_t known_words, std::size_t pairs,
                      std::size_t known_pairs);

/// Inputs of the trees: the linear heads as probabilities, each tier's linear gain, the shape, what
/// is unknown.
inline constexpr std::size_t kColumns = kHeads + kMaxTiers - 1 + kShapes + 2;

using Inputs = std::array<float, kColumns>;

/// Raw gains times this are calibrated as if they were log-odds.
inline constexpr float kGainScale = 4;

constexpr std::size_t GainColumn(std::size_t tier) {
  return kHeads + tier;
}

/// The linear models' estimate of "score − the top tier's score", −1 .. 1: the mean of
/// P(better) − P(worse) and of P(right) − P(the top tier is right), as far as there are such heads.
float LinearGain(const HeadValues& heads, std::size_t tiers, std::size_t tier);

void FillInputs(const HeadValues& heads, std::size_t tiers, std::span<const float, kShapes> shape,
                const Unknown& unknown, std::span<float, kColumns> inputs);

/// What a tier loses or gains against the top tier, from the linear heads on.
struct GainModel {
  Trees trees;      ///< of what the linear gain leaves
  float trust = 0;  ///< share of the trees' advice that held on rows they had not seen, 0 .. 1
  std::array<float, kKinds> offset{};  ///< of a kind's gain, shrunk
  float prior = 0;                     ///< mean gain
  /// Expected gain = mean + slope × (raw − mean of raw), by least squares on unseen rows.
  float slope = 1;
  float centre = 0;

  float Raw(std::span<const float, kColumns> inputs, std::size_t tier, Kind kind) const {
    const float corrected = trust > 0 ? inputs[GainColumn(tier)] + trust * trees.Apply(inputs)
                                      : inputs[GainColumn(tier)];
    return corrected + offset[static_cast<std::size_t>(kind)];
  }

  float Expected(float raw) const { return prior + slope * (raw - centre); }
};

/// Per kind the mean of `rest` (what is left to explain), shrunk by n / (n + 50); 0 where that does
/// not bring the rows of the folds left out nearer.
std::array<float, kKinds> ChooseOffsets(std::span<const float> rest, std::span<const Kind> kinds,
                                        std::span<const int> folds);

}  // namespace triage::learn
