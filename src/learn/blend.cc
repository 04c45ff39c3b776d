#include "learn/blend.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace triage::learn {
namespace {

float Probability(float log_odds) {
  return 1 / (1 + std::exp(-std::clamp(log_odds, -30.0F, 30.0F)));
}

}  // namespace

std::string_view Name(Kind kind) {
  static constexpr std::array<std::string_view, kKinds> kNames = {
      "tool call", "multiple choice", "another script", "code", "maths", "short text", "text"};
  return kNames[static_cast<std::size_t>(kind)];
}

Kind KindOf(std::span<const float, kShapes> shape) {
  const auto of = [&](Shape which) { return shape[static_cast<std::size_t>(which)]; };
  // In units of Shape: see Features::Extract.
  constexpr float kTwoOptions = 0.2F;
  constexpr float kThreeNumbers = 0.28F;
  constexpr float kShortText = 0.61F;  // 160 bytes
  if (of(Shape::kTools) > 0) return Kind::kTools;
  if (of(Shape::kOptions) >= kTwoOptions) return Kind::kOptions;
  if (of(Shape::kOtherScript) > 0.5F) return Kind::kScript;
  if (of(Shape::kLatex) > 0 || of(Shape::kNumbers) > kThreeNumbers) {
    return of(Shape::kCode) > 0.3F && !(of(Shape::kLatex) > 0) ? Kind::kCode : Kind::kMaths;
  }
  if (of(Shape::kCode) > 0.2F) return Kind::kCode;
  return of(Shape::kLength) < kShortText ? Kind::kShort : Kind::kPlain;
}

Unknown UnknownShares(std::size_t words, std::size_t known_words, std::size_t pairs,
                      std::size_t known_pairs) {
  const auto missing = [](std::size_t all, std::size_t known) {
    return all > 0 ? 1 - static_cast<float>(known) / static_cast<float>(all) : 1.0F;
  };
  return {missing(words, known_words), missing(pairs, known_pairs)};
}

float LinearGain(const HeadValues& heads, std::size_t tiers, std::size_t tier) {
  const Heads plan(tiers);
  float gain = Probability(heads[plan.not_worse(tier)]) - 1;
  if (plan.has_better()) gain += Probability(heads[plan.better(tier)]);
  if (!plan.has_right()) return gain;
  return (gain + Probability(heads[plan.right(tier)]) - Probability(heads[plan.right(tiers - 1)])) /
         2;
}

void FillInputs(const HeadValues& heads, std::size_t tiers, std::span<const float, kShapes> shape,
                const Unknown& unknown, std::span<float, kColumns> inputs) {
  std::fill(inputs.begin(), inputs.end(), 0.0F);
  for (std::size_t h = 0; h < Heads::kLength; ++h) inputs[h] = Probability(heads[h]);
  inputs[Heads::kLength] = heads[Heads::kLength];
  for (std::size_t t = 0; t + 1 < tiers; ++t) inputs[GainColumn(t)] = LinearGain(heads, tiers, t);
  std::size_t at = kHeads + kMaxTiers - 1;
  for (const float value : shape) inputs[at++] = value;
  inputs[at++] = unknown.words;
  inputs[at] = unknown.pairs;
}

std::array<float, kKinds> ChooseOffsets(std::span<const float> rest, std::span<const Kind> kinds,
                                        std::span<const int> folds) {
  constexpr double kShrinkage = 50;
  std::array<float, kKinds> offsets{};
  const std::set<int> all_folds(folds.begin(), folds.end());
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const auto mean = [&](int without) {
      double sum = 0;
      double count = 0;
      for (std::size_t i = 0; i < rest.size(); ++i) {
        if (static_cast<std::size_t>(kinds[i]) != kind || folds[i] == without) continue;
        sum += double{rest[i]};
        ++count;
      }
      return static_cast<float>(sum / (count + kShrinkage));
    };
    double before = 0;
    double after = 0;
    for (const int fold : all_folds) {
      const float offset = mean(fold);
      for (std::size_t i = 0; i < rest.size(); ++i) {
        if (static_cast<std::size_t>(kinds[i]) != kind || folds[i] != fold) continue;
        before += double{rest[i]} * double{rest[i]};
        after += double{rest[i] - offset} * double{rest[i] - offset};
      }
    }
    if (after < before) offsets[kind] = mean(-1);
  }
  return offsets;
}

}  // namespace triage::learn
