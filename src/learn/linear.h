#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "learn/features.h"

namespace triage::learn {

/// Linear models that are trained together on the same rows: one pass updates all of them.
inline constexpr std::size_t kHeads = 8;

using HeadValues = std::array<float, kHeads>;

enum class HeadKind : std::uint8_t { kUnused, kLogistic, kSquared };

/// Training rows in compressed form. Values are idf × (1 / length of the group's idf vector), so
/// that each of the two n-gram groups of a row has length 1.
class SparseRows {
 public:
  void Add(const Features& features);
  /// Inverse document frequencies from the rows `use` marks, buckets in fewer than `min_rows` rows
  /// left out; then row norms. Call once, after the last Add.
  void Weigh(std::span<const char> use, std::uint32_t min_rows);

  std::size_t size() const { return shape_.size(); }

  std::span<const std::uint32_t> words(std::size_t row) const;
  std::span<const std::uint32_t> chars(std::size_t row) const;

  const std::array<float, kShapes>& shape(std::size_t row) const { return shape_[row]; }

  /// 0 = unknown bucket.
  const std::vector<float>& idf() const { return idf_; }

  float word_norm(std::size_t row) const { return word_norm_[row]; }

  float char_norm(std::size_t row) const { return char_norm_[row]; }

 private:
  std::vector<std::uint32_t> buckets_;
  std::vector<std::size_t> begin_{0};  // two entries a row: words, chars
  std::vector<std::array<float, kShapes>> shape_;
  std::vector<float> idf_;
  std::vector<float> word_norm_;
  std::vector<float> char_norm_;
};

struct LinearModel {
  std::vector<HeadValues> buckets;  ///< kBuckets, idf not folded in
  std::array<HeadValues, kShapes> shape{};

  HeadValues Predict(const SparseRows& rows, std::size_t row) const;
};

struct LinearOptions {
  std::array<HeadKind, kHeads> kinds{};
  std::array<float, kHeads> strength{};  ///< C: larger = less regularised
  int epochs = 10;
  std::uint64_t seed = 1;
};

/// L2-regularised logistic and squared loss by stochastic dual coordinate ascent (Shalev-Shwartz
/// and Zhang, 2013; liblinear's dual solvers). `targets` holds one value per row and head, NaN
/// where unknown: labels 0..1 for logistic heads. Only rows marked in `use` are seen.
/// Deterministic.
LinearModel TrainLinear(const SparseRows& rows, std::span<const HeadValues> targets,
                        std::span<const char> use, const LinearOptions& options);

}  // namespace triage::learn
