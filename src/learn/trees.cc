#include "learn/trees.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace triage::learn {
namespace {

constexpr std::size_t kBins = 64;

struct Cell {
  double sum = 0;
  std::uint32_t count = 0;
};

/// Values as bin numbers, column by column, and the upper borders of the bins.
struct Binned {
  std::vector<std::vector<float>> borders;
  std::vector<std::uint8_t> bins;  // columns × rows
};

Binned Bin(const Matrix& data, std::span<const std::uint32_t> order) {
  Binned binned;
  binned.borders.resize(data.columns);
  binned.bins.resize(data.columns * data.rows());
  std::vector<float> values(order.size());
  for (std::size_t column = 0; column < data.columns; ++column) {
    for (std::size_t i = 0; i < order.size(); ++i) values[i] = data.row(order[i])[column];
    std::sort(values.begin(), values.end());
    std::vector<float>& borders = binned.borders[column];
    for (std::size_t bin = 1; bin < kBins; ++bin) {
      const std::size_t at = bin * values.size() / kBins;
      if (at == 0 || !(values[at - 1] < values[at])) continue;
      borders.push_back(std::midpoint(values[at - 1], values[at]));
    }
    // A column of few distinct values has its steps between the quantiles.
    if (borders.empty() && values.front() < values.back()) {
      const auto next = std::upper_bound(values.begin(), values.end(), values.front());
      borders.push_back(std::midpoint(values.front(), *next));
    }
    std::uint8_t* const bins = binned.bins.data() + column * data.rows();
    for (const std::uint32_t row : order) {
      bins[row] = static_cast<std::uint8_t>(
          std::lower_bound(borders.begin(), borders.end(), data.row(row)[column]) -
          borders.begin());
    }
  }
  return binned;
}

struct Split {
  double gain = 0;
  std::uint8_t feature = 0;
  float threshold = std::numeric_limits<float>::infinity();  // everything goes left
  std::uint8_t bin = 255;
};

}  // namespace

Trees TrainTrees(const Matrix& data, std::span<const float> targets, std::span<const char> use,
                 const TreeOptions& options) {
  TRIAGE_CHECK(targets.size() == data.rows() && use.size() == data.rows());
  TRIAGE_CHECK(data.columns > 0 && data.columns <= 255);
  Trees model;
  std::vector<std::uint32_t> order;
  double mean = 0;
  for (std::uint32_t row = 0; row < data.rows(); ++row) {
    if (use[row] == 0) continue;
    order.push_back(row);
    mean += double{targets[row]};
  }
  if (order.empty()) return model;
  model.base = static_cast<float>(mean / static_cast<double>(order.size()));
  const Binned binned = Bin(data, order);
  std::vector<float> residual(data.rows());
  for (const std::uint32_t row : order) residual[row] = targets[row] - model.base;

  Random random(options.seed);
  std::vector<std::uint32_t> drawn;
  std::vector<std::uint8_t> columns;
  std::vector<std::uint8_t> node(data.rows());
  const double shrinkage = double{options.shrinkage};
  const auto score = [&](const Cell& cell) {
    return cell.sum * cell.sum / (static_cast<double>(cell.count) + shrinkage);
  };
  for (int round = 0; round < options.trees; ++round) {
    drawn.clear();
    columns.clear();
    for (const std::uint32_t row : order) {
      if (random.Uniform() < double{options.row_share}) drawn.push_back(row);
    }
    for (std::size_t column = 0; column < data.columns; ++column) {
      if (!binned.borders[column].empty() && random.Uniform() < double{options.column_share}) {
        columns.push_back(static_cast<std::uint8_t>(column));
      }
    }
    Tree tree;
    tree.threshold.fill(std::numeric_limits<float>::max());
    for (const std::uint32_t row : drawn) node[row] = 0;
    for (std::size_t first = 0; first < Tree::kNodes; first = 2 * first + 1) {
      const std::size_t width = first + 1;
      std::array<Split, 4> best;
      for (const std::uint8_t column : columns) {
        std::array<std::array<Cell, kBins>, 4> cells{};
        const std::uint8_t* const bins = binned.bins.data() + column * data.rows();
        for (const std::uint32_t row : drawn) {
          Cell& cell = cells[node[row] - first][bins[row]];
          cell.sum += double{residual[row]};
          ++cell.count;
        }
        for (std::size_t n = 0; n < width; ++n) {
          Cell all;
          for (const Cell& cell : cells[n]) {
            all.sum += cell.sum;
            all.count += cell.count;
          }
          Cell left;
          const std::vector<float>& borders = binned.borders[column];
          for (std::size_t bin = 0; bin < borders.size(); ++bin) {
            left.sum += cells[n][bin].sum;
            left.count += cells[n][bin].count;
            const Cell right{all.sum - left.sum, all.count - left.count};
            if (left.count < options.least_rows || right.count < options.least_rows) continue;
            const double gain = score(left) + score(right) - score(all);
            if (gain > best[n].gain) {
              best[n] = {gain, column, borders[bin], static_cast<std::uint8_t>(bin)};
            }
          }
        }
      }
      for (std::size_t n = 0; n < width; ++n) {
        if (best[n].gain <= 0) continue;
        tree.feature[first + n] = best[n].feature;
        tree.threshold[first + n] = best[n].threshold;
      }
      for (const std::uint32_t row : drawn) {
        const Split& split = best[node[row] - first];
        const bool right =
            split.gain > 0 && binned.bins[split.feature * data.rows() + row] > split.bin;
        node[row] = static_cast<std::uint8_t>(2 * node[row] + (right ? 2 : 1));
      }
    }
    std::array<Cell, Tree::kNodes + 1> leaves{};
    for (const std::uint32_t row : drawn) {
      Cell& leaf = leaves[node[row] - Tree::kNodes];
      leaf.sum += double{residual[row]};
      ++leaf.count;
    }
    for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      tree.leaf[leaf] = static_cast<float>(double{options.rate} * leaves[leaf].sum /
                                           (static_cast<double>(leaves[leaf].count) + shrinkage));
    }
    for (const std::uint32_t row : order) residual[row] -= tree.Apply(data.row(row));
    model.trees.push_back(tree);
  }
  return model;
}

}  // namespace triage::learn
