#include "learn/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"

namespace triage::learn {
namespace {

constexpr std::size_t kIsotonicFrom = 1000;
constexpr std::size_t kBlock = 50;
constexpr float kFloor = 0.005F;

double Sigmoid(double z) {
  return 1 / (1 + std::exp(-z));
}

std::vector<std::size_t> Sorted(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] != values[b] ? values[a] < values[b] : a < b;
  });
  return order;
}

}  // namespace

std::string_view Name(CalibrationKind kind) {
  switch (kind) {
    case CalibrationKind::kNone: return "none";
    case CalibrationKind::kPlatt: return "platt";
    case CalibrationKind::kIsotonic: return "isotonic";
    case CalibrationKind::kConstant: return "base rate";
  }
  return "none";
}

float Calibration::Apply(float log_odds) const {
  if (kind == CalibrationKind::kConstant) return static_cast<float>(Sigmoid(double{offset}));
  if (kind != CalibrationKind::kIsotonic) {
    return static_cast<float>(Sigmoid(double{slope} * log_odds + double{offset}));
  }
  if (z.empty()) return 0.5F;
  const auto above = std::lower_bound(z.begin(), z.end(), log_odds);
  if (above == z.begin()) return p.front();
  if (above == z.end()) return p.back();
  const auto i = static_cast<std::size_t>(above - z.begin());
  const float width = z[i] - z[i - 1];
  const float t = width > 0 ? (log_odds - z[i - 1]) / width : 1;
  return p[i - 1] + t * (p[i] - p[i - 1]);
}

Calibration FitPlatt(std::span<const float> log_odds, std::span<const char> labels) {
  const auto positives = static_cast<double>(std::count(labels.begin(), labels.end(), char{1}));
  const double negatives = static_cast<double>(labels.size()) - positives;
  const double high = (positives + 1) / (positives + 2);
  const double low = 1 / (negatives + 2);
  double a = 1;
  double b = 0;
  const auto loss = [&](double slope, double offset) {
    double sum = 0;
    for (std::size_t i = 0; i < log_odds.size(); ++i) {
      const double u = slope * log_odds[i] + offset;
      const double target = labels[i] != 0 ? high : low;
      sum += std::log1p(std::exp(-std::abs(u))) + std::max(u, 0.0) - target * u;
    }
    return sum;
  };
  double now = loss(a, b);
  for (int step = 0; step < 50; ++step) {
    double ga = 0;
    double gb = 0;
    double haa = 1e-3;
    double hab = 0;
    double hbb = 1e-3;
    for (std::size_t i = 0; i < log_odds.size(); ++i) {
      const double x = log_odds[i];
      const double prob = Sigmoid(a * x + b);
      const double gap = prob - (labels[i] != 0 ? high : low);
      const double weight = prob * (1 - prob);
      ga += gap * x;
      gb += gap;
      haa += weight * x * x;
      hab += weight * x;
      hbb += weight;
    }
    const double det = haa * hbb - hab * hab;
    if (!(det > 1e-12)) break;
    const double da = (hbb * ga - hab * gb) / det;
    const double db = (haa * gb - hab * ga) / det;
    double scale = 1;
    while (scale > 1e-6 && loss(a - scale * da, b - scale * db) > now) scale /= 2;
    a -= scale * da;
    b -= scale * db;
    const double next = loss(a, b);
    if (now - next < 1e-9) break;
    now = next;
  }
  Calibration map;
  map.kind = CalibrationKind::kPlatt;
  map.slope = static_cast<float>(std::max(a, 1e-3));  // never falling
  map.offset = static_cast<float>(b);
  return map;
}

Calibration FitIsotonic(std::span<const float> log_odds, std::span<const char> labels) {
  struct Block {
    double z_sum = 0;
    double positives = 0;
    double count = 0;
  };

  std::vector<Block> blocks;
  const std::vector<std::size_t> order = Sorted(log_odds);
  Block open;
  for (std::size_t i = 0; i < order.size(); ++i) {
    open.z_sum += double{log_odds[order[i]]};
    open.positives += labels[order[i]] != 0 ? 1 : 0;
    ++open.count;
    const bool tie = i + 1 < order.size() && log_odds[order[i + 1]] == log_odds[order[i]];
    if ((open.count < kBlock || tie) && i + 1 < order.size()) continue;
    if (i + 1 == order.size() && open.count < kBlock && !blocks.empty()) {
      blocks.back().z_sum += open.z_sum;
      blocks.back().positives += open.positives;
      blocks.back().count += open.count;
    } else {
      blocks.push_back(open);
    }
    open = {};
    while (blocks.size() > 1) {
      Block& left = blocks[blocks.size() - 2];
      const Block& right = blocks.back();
      if (left.positives / left.count < right.positives / right.count) break;
      left.z_sum += right.z_sum;
      left.positives += right.positives;
      left.count += right.count;
      blocks.pop_back();
    }
  }
  Calibration map;
  map.kind = CalibrationKind::kIsotonic;
  for (const Block& block : blocks) {
    map.z.push_back(static_cast<float>(block.z_sum / block.count));
    map.p.push_back(
        std::clamp(static_cast<float>(block.positives / block.count), kFloor, 1 - kFloor));
  }
  return map;
}

double LogLoss(std::span<const float> log_odds, std::span<const char> labels,
               const Calibration& map) {
  if (labels.empty()) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double p = std::clamp(double{map.Apply(log_odds[i])}, 1e-6, 1 - 1e-6);
    sum -= std::log(labels[i] != 0 ? p : 1 - p);
  }
  return sum / static_cast<double>(labels.size());
}

namespace {

Calibration FitConstant(std::span<const float>, std::span<const char> labels) {
  const auto positives = static_cast<double>(std::count(labels.begin(), labels.end(), char{1}));
  const double negatives = static_cast<double>(labels.size()) - positives;
  Calibration map;
  map.kind = CalibrationKind::kConstant;
  map.offset = static_cast<float>(std::log((positives + 1) / (negatives + 1)));
  return map;
}

}  // namespace

CalibrationChoice ChooseCalibration(std::span<const float> log_odds, std::span<const char> labels,
                                    std::span<const int> folds) {
  TRIAGE_CHECK(log_odds.size() == labels.size() && folds.size() == labels.size());
  CalibrationChoice choice;
  choice.map = FitConstant(log_odds, labels);
  std::vector candidates{FitConstant, FitPlatt};
  if (labels.size() >= kIsotonicFrom) candidates.push_back(FitIsotonic);
  std::vector<double> loss(candidates.size());
  for (const int fold : std::set<int>(folds.begin(), folds.end())) {
    std::vector<float> z[2];
    std::vector<char> y[2];
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const int held = folds[i] == fold ? 1 : 0;
      z[held].push_back(log_odds[i]);
      y[held].push_back(labels[i]);
    }
    if (y[0].empty()) return choice;  // one fold only: nothing to measure on
    const double weight = static_cast<double>(y[1].size()) / static_cast<double>(labels.size());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      loss[c] += weight * LogLoss(z[1], y[1], candidates[c](z[0], y[0]));
    }
  }
  const auto best =
      static_cast<std::size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin());
  choice.loss_before = loss[0];
  choice.loss_after = loss[best];
  choice.accepted = best > 0;
  choice.map = candidates[best](log_odds, labels);
  return choice;
}

double CalibrationError(std::span<const float> probabilities, std::span<const char> labels,
                        int bins) {
  if (labels.empty()) return 0;
  const std::vector<std::size_t> order = Sorted(probabilities);
  double error = 0;
  const std::size_t n = order.size();
  for (int bin = 0; bin < bins; ++bin) {
    const std::size_t begin = n * static_cast<std::size_t>(bin) / static_cast<std::size_t>(bins);
    const std::size_t end = n * static_cast<std::size_t>(bin + 1) / static_cast<std::size_t>(bins);
    double gap = 0;
    for (std::size_t i = begin; i < end; ++i) {
      gap += double{probabilities[order[i]]} - (labels[order[i]] != 0 ? 1.0 : 0.0);
    }
    error += std::abs(gap);
  }
  return error / static_cast<double>(n);
}

}  // namespace triage::learn
