#include "learn/linear.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace triage::learn {

void SparseRows::Add(const Features& features) {
  buckets_.insert(buckets_.end(), features.words().begin(), features.words().end());
  begin_.push_back(buckets_.size());
  buckets_.insert(buckets_.end(), features.chars().begin(), features.chars().end());
  begin_.push_back(buckets_.size());
  auto& shape = shape_.emplace_back();
  std::copy(features.shape().begin(), features.shape().end(), shape.begin());
}

std::span<const std::uint32_t> SparseRows::words(std::size_t row) const {
  return std::span(buckets_).subspan(begin_[2 * row], begin_[2 * row + 1] - begin_[2 * row]);
}

std::span<const std::uint32_t> SparseRows::chars(std::size_t row) const {
  return std::span(buckets_).subspan(begin_[2 * row + 1],
                                     begin_[2 * row + 2] - begin_[2 * row + 1]);
}

void SparseRows::Weigh(std::span<const char> use, std::uint32_t min_rows) {
  std::vector<std::uint32_t> frequency(kBuckets);
  double used = 0;
  for (std::size_t row = 0; row < size(); ++row) {
    if (use[row] == 0) continue;
    ++used;
    for (const std::uint32_t bucket : words(row)) ++frequency[bucket];
    for (const std::uint32_t bucket : chars(row)) ++frequency[bucket];
  }
  idf_.assign(kBuckets, 0);
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (frequency[bucket] < min_rows) continue;
    idf_[bucket] = static_cast<float>(std::log((1 + used) / (1.0 + frequency[bucket])) + 1);
  }
  const auto norm = [this](std::span<const std::uint32_t> list) {
    float sum = 0;
    for (const std::uint32_t bucket : list) sum += idf_[bucket] * idf_[bucket];
    return sum > 0 ? 1 / std::sqrt(sum) : 0.0F;
  };
  word_norm_.resize(size());
  char_norm_.resize(size());
  for (std::size_t row = 0; row < size(); ++row) {
    word_norm_[row] = norm(words(row));
    char_norm_[row] = norm(chars(row));
  }
}

HeadValues LinearModel::Predict(const SparseRows& rows, std::size_t row) const {
  HeadValues sum{};
  const auto add = [&](std::span<const std::uint32_t> list, float norm) {
    for (const std::uint32_t bucket : list) {
      const float value = rows.idf()[bucket] * norm;
      for (std::size_t h = 0; h < kHeads; ++h) sum[h] += value * buckets[bucket][h];
    }
  };
  add(rows.words(row), rows.word_norm(row));
  add(rows.chars(row), rows.char_norm(row));
  for (std::size_t i = 0; i < kShapes; ++i) {
    for (std::size_t h = 0; h < kHeads; ++h) sum[h] += rows.shape(row)[i] * shape[i][h];
  }
  return sum;
}

namespace {

/// Maximises the dual in one coordinate: alpha in (0, C) with log(alpha / (C - alpha)) + q (alpha -
/// old) + margin = 0. In u = logit(alpha / C) the left side rises with slope in [1, 1 + qC/4]:
/// Newton's steps are safe.
float LogisticAlpha(float old, float margin, float q, float c) {
  float u = -margin;
  for (int step = 0; step < 6; ++step) {
    const float p = 1 / (1 + std::exp(-u));
    const float gap = u + q * (c * p - old) + margin;
    if (std::abs(gap) < 1e-4F) break;
    u -= gap / (1 + q * c * p * (1 - p));
  }
  return c / (1 + std::exp(-u));
}

}  // namespace

LinearModel TrainLinear(const SparseRows& rows, std::span<const HeadValues> targets,
                        std::span<const char> use, const LinearOptions& options) {
  TRIAGE_CHECK(targets.size() == rows.size() && use.size() == rows.size());
  LinearModel model;
  model.buckets.assign(kBuckets, HeadValues{});
  std::vector<std::size_t> order;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (use[row] != 0) order.push_back(row);
  }
  std::vector<HeadValues> dual(rows.size(), HeadValues{});  // signed: y·alpha
  Random random(options.seed);
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    for (const std::size_t row : order) {
      const HeadValues z = model.Predict(rows, row);
      float q = (rows.word_norm(row) > 0 ? 1.0F : 0.0F) + (rows.char_norm(row) > 0 ? 1.0F : 0.0F);
      for (const float value : rows.shape(row)) q += value * value;
      HeadValues step{};
      for (std::size_t h = 0; h < kHeads; ++h) {
        const float target = targets[row][h];
        if (options.kinds[h] == HeadKind::kUnused || std::isnan(target)) continue;
        float& alpha = dual[row][h];
        const float c = options.strength[h];
        if (options.kinds[h] == HeadKind::kSquared) {
          step[h] = (target - z[h] - alpha / c) / (q + 1 / c);
        } else {
          const float sign = target >= 0.5F ? 1.0F : -1.0F;
          step[h] = sign * LogisticAlpha(sign * alpha, sign * z[h], q, c) - alpha;
        }
        alpha += step[h];
      }
      const auto update = [&](std::span<const std::uint32_t> list, float norm) {
        for (const std::uint32_t bucket : list) {
          const float value = rows.idf()[bucket] * norm;
          for (std::size_t h = 0; h < kHeads; ++h) model.buckets[bucket][h] += value * step[h];
        }
      };
      update(rows.words(row), rows.word_norm(row));
      update(rows.chars(row), rows.char_norm(row));
      for (std::size_t i = 0; i < kShapes; ++i) {
        for (std::size_t h = 0; h < kHeads; ++h) model.shape[i][h] += rows.shape(row)[i] * step[h];
      }
    }
  }
  return model;
}

}  // namespace triage::learn
