#include "feedback/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <ranges>
#include <span>

namespace triage::feedback {
namespace {

constexpr double kNearFrom = 0.80;   // vLLM Semantic Router's reask threshold, routing.md 2.5
constexpr std::size_t kOpening = 2;  // content words that a definition begins with
constexpr std::size_t kDenied = 4;   // words behind a negation that it may be about

/// A set of word stems: open addressing, for as many as a scan may have.
class Stems {
 public:
  bool Add(std::uint32_t stem) {
    std::uint32_t& slot = Slot(stem);
    if (slot != 0) return false;
    slot = Filled(stem);
    ++size_;
    return true;
  }

  bool Has(std::uint32_t stem) const { return const_cast<Stems*>(this)->Slot(stem) != 0; }

  std::size_t size() const { return size_; }

 private:
  static std::uint32_t Filled(std::uint32_t stem) { return stem == 0 ? 1 : stem; }

  std::uint32_t& Slot(std::uint32_t stem) {
    std::size_t at = stem >> 7U;
    while (slots_[at % slots_.size()] != 0 && slots_[at % slots_.size()] != Filled(stem)) ++at;
    return slots_[at % slots_.size()];
  }

  static_assert(Scan::kMostWords < 2'048);
  std::array<std::uint32_t, 2'048> slots_{};
  std::size_t size_ = 0;
};

double Cosine(const Scan& a, const Scan& b) {
  std::uint64_t dot = 0;
  std::uint64_t a2 = 0;
  std::uint64_t b2 = 0;
  for (std::size_t i = 0; i < Scan::kBuckets; ++i) {
    const std::uint32_t x = a.grams()[i];
    const std::uint32_t y = b.grams()[i];
    dot += x * y;
    a2 += x * x;
    b2 += y * y;
  }
  if (a2 == 0 || b2 == 0) return 0;
  return static_cast<double>(dot) / std::sqrt(static_cast<double>(a2) * static_cast<double>(b2));
}

double Share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void SimilarityFeatures(double cosine, bool identical, Features& f) {
  f[Feature::kSimilar] = cosine;
  f[Feature::kIdentical] = identical ? 1 : 0;
  f[Feature::kNear] = !identical && cosine >= kNearFrom ? 1 : 0;
}

void LengthFeature(std::size_t previous, std::size_t turn, Features& f) {
  if (previous == 0 || turn == 0) return;
  const double ratio = static_cast<double>(turn) / static_cast<double>(previous);
  f[Feature::kLonger] = std::clamp(std::log(ratio) / std::log(3.0), -1.0, 1.0);
}

/// Whether the two turns differ in nothing but what stands in quotation marks or code.
bool SameButQuotes(std::span<const Scan::Word> a, std::span<const Scan::Word> b) {
  const auto own = [](const Scan::Word& word) { return !word.quoted; };
  const auto stem = [](const Scan::Word& word) { return word.stem; };
  auto own_a = a | std::views::filter(own) | std::views::transform(stem);
  auto own_b = b | std::views::filter(own) | std::views::transform(stem);
  return std::ranges::any_of(a, std::not_fn(own)) && std::ranges::any_of(b, std::not_fn(own)) &&
         std::ranges::any_of(a, own) && std::ranges::equal(own_a, own_b);
}

/// Same frame, other filling: the texts begin and end with the same words, those make up a third of
/// both, and what stands between has nothing in common.
bool SameFrame(std::span<const Scan::Word> a, std::span<const Scan::Word> b) {
  if (SameButQuotes(a, b)) return true;
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t front = 0;
  while (front < shorter && a[front].stem == b[front].stem) ++front;
  std::size_t back = 0;
  while (back < shorter - front && a[a.size() - 1 - back].stem == b[b.size() - 1 - back].stem) {
    ++back;
  }
  const std::size_t frame = front + back;
  if (frame == a.size() || frame == b.size() || frame < 2 ||
      frame * 3 < std::max(a.size(), b.size())) {
    return false;
  }
  Stems inner;
  for (const Scan::Word& word : a.subspan(front, a.size() - frame)) inner.Add(word.stem);
  const auto filling = b.subspan(front, b.size() - frame);
  return std::ranges::any_of(filling, [](const auto& w) { return w.content || w.number; }) &&
         std::ranges::none_of(filling,
                              [&](const auto& w) { return w.content && inner.Has(w.stem); });
}

/// Whether the answer is one: vague ones repeat the question's words, define its subject and hold
/// no figures.
void AnswerFeatures(const Stems& before, const Scan& answer, Features& f) {
  Stems echoed;
  std::size_t content = 0;
  bool opens = false;
  bool specific = answer.code();
  for (const Scan::Word& word : answer.words()) {
    if (!word.content) continue;
    const bool repeated = before.Has(word.stem);
    if (repeated) echoed.Add(word.stem);
    opens = opens || (content < kOpening && repeated);
    specific = specific || (word.number && !repeated);
    ++content;
  }
  f[Feature::kAnswerEcho] = Share(echoed.size(), before.size());
  f[Feature::kAnswerOpens] = opens ? 1 : 0;
  f[Feature::kAnswerSpecific] = specific ? 1 : 0;
  f[Feature::kAnswerAsked] = answer.ends_with_question() ? 1 : 0;
}

}  // namespace

void Compare(const Scan& previous, const Scan& answer, const Scan& turn, Features& f) {
  const bool identical = turn.normalised() == previous.normalised() && !turn.folded().empty();
  SimilarityFeatures(Cosine(previous, turn), identical, f);
  LengthFeature(previous.bytes(), turn.bytes(), f);
  Stems before;
  Stems said;
  for (const Scan::Word& word : previous.words()) {
    if (word.content) before.Add(word.stem);
  }
  for (const Scan::Word& word : answer.words()) {
    if (word.content) said.Add(word.stem);
  }
  Stems seen;
  std::size_t kept = 0;
  std::size_t fresh = 0;
  std::size_t from_answer = 0;
  std::size_t entities = 0;
  std::size_t new_entities = 0;
  std::size_t denied = 0;  // words that the last negation may still be about
  bool negated = false;
  for (const Scan::Word& word : turn.words()) {
    denied = word.negation ? kDenied : denied - (denied > 0 ? 1 : 0);
    if (!word.content || !seen.Add(word.stem)) continue;
    const bool old = before.Has(word.stem);
    negated = negated || (denied > 0 && !old && said.Has(word.stem));
    if (old) {
      ++kept;
    } else if (said.Has(word.stem)) {
      ++from_answer;
    } else {
      ++fresh;
    }
    if (word.entity()) {
      ++entities;
      if (!old && !said.Has(word.stem)) ++new_entities;
    }
  }
  f[Feature::kKept] = Share(2 * kept, seen.size() + before.size());
  f[Feature::kCovered] = Share(kept, seen.size());
  f[Feature::kNewWords] = Share(fresh, seen.size());
  f[Feature::kFromAnswer] = Share(from_answer, seen.size());
  f[Feature::kNewEntities] = 2 * new_entities > entities ? 1 : 0;
  AnswerFeatures(before, answer, f);
  std::size_t old_entities = 0;
  std::size_t same_entities = 0;
  for (const Scan::Word& word : previous.words()) {
    if (!word.content || !word.entity()) continue;
    ++old_entities;
    if (seen.Has(word.stem)) ++same_entities;
  }
  f[Feature::kSameEntities] = Share(same_entities, old_entities);
  f[Feature::kTemplate] = !identical && SameFrame(previous.words(), turn.words()) ? 1 : 0;
  f[Feature::kAnswerNegated] = negated ? 1 : 0;
}

void Compare(const TurnSketch& previous, const TurnSketch& turn, Features& f) {
  const bool identical = previous.normalised == turn.normalised && turn.bytes > 0;
  // One-permutation hashing: equal bins over bins that are not empty in both.
  const auto jaccard = [](std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) {
    std::size_t equal = 0;
    std::size_t filled = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == TurnSketch::kEmpty && b[i] == TurnSketch::kEmpty) continue;
      ++filled;
      if (a[i] == b[i]) ++equal;
    }
    return Share(equal, filled);
  };
  const auto common = [](double share, std::size_t a, std::size_t b) {
    return std::min(share / (1 + share) * static_cast<double>(a + b),
                    static_cast<double>(std::min(a, b)));
  };
  const double grams =
      common(jaccard(previous.grams, turn.grams), previous.gram_count, turn.gram_count);
  const double lengths = std::sqrt(static_cast<double>(previous.gram_count) * turn.gram_count);
  SimilarityFeatures(identical ? 1 : lengths == 0 ? 0 : grams / lengths, identical, f);
  LengthFeature(previous.bytes, turn.bytes, f);
  const double words =
      common(jaccard(previous.words, turn.words), previous.word_count, turn.word_count);
  if (turn.word_count > 0) {
    f[Feature::kKept] = 2 * words / (previous.word_count + turn.word_count);
    f[Feature::kCovered] = words / turn.word_count;
    f[Feature::kNewWords] = 1 - f[Feature::kCovered];
  }
  const int same = std::popcount(previous.entities & turn.entities);
  const int now = std::popcount(turn.entities);
  const int then = std::popcount(previous.entities);
  f[Feature::kNewEntities] = 2 * (now - same) > now ? 1 : 0;
  f[Feature::kSameEntities] = then == 0 ? 0 : static_cast<double>(same) / then;
  f[Feature::kAnswerAsked] = previous.answer_asked ? 1 : 0;
  f[Feature::kAnswerOpens] = previous.answer_opens ? 1 : 0;
  f[Feature::kAnswerSpecific] = previous.answer_specific ? 1 : 0;
  f[Feature::kAnswerClueless] = previous.answer_clueless ? 1 : 0;
  f[Feature::kAnswerEcho] = previous.answer_echo;
}

TurnSketch SketchScan(const Scan& scan, const Scan* answer) {
  TurnSketch sketch;
  sketch.normalised = scan.normalised();
  sketch.bytes = static_cast<std::uint32_t>(
      std::min<std::size_t>(scan.bytes(), std::numeric_limits<std::uint32_t>::max()));
  const auto put = [](std::span<std::uint16_t> bins, std::uint32_t value) {
    const std::uint32_t hash = value * 0x85EBCA6BU ^ (value * 0xC2B2AE35U) >> 16U;
    auto& bin = bins[(hash >> 8U) % bins.size()];
    bin = std::min(bin, static_cast<std::uint16_t>((hash * 0x9E3779B1U) >> 17U));
  };
  for (std::uint32_t i = 0; i < Scan::kBuckets; ++i) {
    if (scan.grams()[i] == 0) continue;
    ++sketch.gram_count;
    put(sketch.grams, i + 1);
  }
  Stems seen;
  for (const Scan::Word& word : scan.words()) {
    if (!word.content || !seen.Add(word.stem)) continue;
    put(sketch.words, word.stem);
    if (word.entity()) sketch.entities |= std::uint64_t{1} << (word.stem % 64);
  }
  sketch.word_count = static_cast<std::uint16_t>(seen.size());
  if (answer == nullptr) return sketch;
  Features f;
  AnswerFeatures(seen, *answer, f);
  sketch.answer_asked = f.Has(Feature::kAnswerAsked);
  sketch.answer_opens = f.Has(Feature::kAnswerOpens);
  sketch.answer_specific = f.Has(Feature::kAnswerSpecific);
  sketch.answer_echo = static_cast<float>(f[Feature::kAnswerEcho]);
  return sketch;
}

}  // namespace triage::feedback
