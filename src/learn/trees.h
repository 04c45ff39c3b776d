#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace triage::learn {

/// A complete binary tree of depth 3: nodes 0; 1, 2; 3 .. 6, then eight leaves. A row goes right
/// where its feature exceeds the node's threshold.
struct Tree {
  static constexpr std::size_t kNodes = 7;
  std::array<std::uint8_t, kNodes> feature{};
  std::array<float, kNodes> threshold{};
  std::array<float, kNodes + 1> leaf{};

  float Apply(std::span<const float> features) const {
    std::size_t node = 0;
    for (int level = 0; level < 3; ++level) {
      node = 2 * node + (features[feature[node]] > threshold[node] ? 2 : 1);
    }
    return leaf[node - kNodes];
  }
};

/// Gradient-boosted trees for squared loss.
struct Trees {
  float base = 0;
  std::vector<Tree> trees;

  float Apply(std::span<const float> features) const {
    float sum = base;
    for (const Tree& tree : trees) sum += tree.Apply(features);
    return sum;
  }
};

/// Rows of equally many features, one after another.
struct Matrix {
  std::size_t columns = 0;
  std::vector<float> values;

  std::size_t rows() const { return columns > 0 ? values.size() / columns : 0; }

  std::span<const float> row(std::size_t i) const {
    return std::span(values).subspan(i * columns, columns);
  }

  std::span<float> row(std::size_t i) { return std::span(values).subspan(i * columns, columns); }
};

struct TreeOptions {
  int trees = 150;
  float rate = 0.05F;         ///< share of each tree's advice that is taken
  float row_share = 0.7F;     ///< of the rows, drawn for each tree
  float column_share = 0.3F;  ///< of the features, drawn for each tree
  float shrinkage = 20;       ///< added to a leaf's count
  std::size_t least_rows = 60;
  std::uint64_t seed = 1;
};

/// Stochastic gradient boosting (Friedman, 2002) over at most 64 quantile bins a feature. Only rows
/// marked in `use` are seen; at most 255 columns. Deterministic.
Trees TrainTrees(const Matrix& data, std::span<const float> targets, std::span<const char> use,
                 const TreeOptions& options);

}  // namespace triage::learn
