#include "learn/train.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "learn/blend.h"
#include "learn/model_card.h"
#include "learn/policy.h"
#include "learn/split.h"

namespace triage::learn {
namespace {

constexpr int kFolds = 5;
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

float Clip(float p) {
  return std::clamp(p, 1e-4F, 1 - 1e-4F);
}

/// The steps of one training, in the order in which Run calls them.
class Trainer {
 public:
  Trainer(const Dataset& data, const TrainOptions& options)
      : data_(data),
        options_(options),
        heads_plan_(std::max<std::size_t>(options.tiers.size(), 2)) {}

  Result<TrainReport> Run() {
    if (auto ready = Select(); !ready) return std::move(ready).error();
    if (auto enough = Label(); !enough) return std::move(enough).error();
    CrossFit();
    for (std::size_t t = 0; t < below(); ++t) Calibrate(t, Gain(t));
    Tokens();
    Tune();
    Finish();
    auto router = Router::Make(std::move(parts_));
    if (!router) return std::move(router).error();
    report_.router = std::move(*router);
    Unseen();
    report_.model_card = ModelCard(data_, options_, report_);
    return std::move(report_);
  }

 private:
  std::size_t below() const { return options_.tiers.size() - 1; }

  static Error Refused(std::string message) {
    return {.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
  }

  /// Rows that may be looked at and know a score for every tier.
  Result<void> Select() {
    if (options_.tiers.size() < 2 || options_.tiers.size() > kMaxTiers) {
      return Refused(
          fmt::format("{} tiers given, 2 to {} are possible", options_.tiers.size(), kMaxTiers));
    }
    for (const std::string& tier : options_.tiers) {
      const auto model = data_.FindModel(tier);
      if (!model) {
        return Refused(fmt::format("no outcomes of {}; the data knows: {}", tier,
                                   fmt::join(data_.models, ", ")));
      }
      const auto price = options_.prices.find(tier);
      if (price == options_.prices.end()) return Refused(fmt::format("no price for {}", tier));
      models_.push_back(*model);
      prices_.push_back(price->second);
    }
    Features features;
    for (const Row& row : data_.rows) {
      const bool complete = std::all_of(models_.begin(), models_.end(), [&](std::uint32_t model) {
        return row.Find(model) != nullptr;
      });
      if (!complete) {
        ++report_.rows_unlabelled;
        continue;
      }
      const int fold = Fold(row.prompt, kFolds);
      if (fold == options_.exclude_fold) {
        ++report_.rows_left_out;
        continue;
      }
      const llm::Turn turn{.role = llm::Role::kUser, .text = row.prompt};
      features.Extract({&turn, 1}, NeedsOf(row), {}, 0);
      rows_.Add(features);
      folds_.push_back(fold);
      used_.push_back(&row);
    }
    report_.rows = used_.size();
    if (used_.size() < options_.least_rows) {
      return Refused(fmt::format("{} rows with scores for {}; at least {} are needed", used_.size(),
                                 fmt::join(options_.tiers, ", "), options_.least_rows));
    }
    return {};
  }

  Result<void> Label() {
    const OutputLengths lengths(data_);
    routed_.resize(used_.size());
    targets_.resize(used_.size());
    labels_.assign(below(), std::vector<char>(used_.size()));
    gains_.assign(below(), std::vector<float>(used_.size()));
    parts_.top_score = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      targets_[i].fill(kUnknown);
      const std::int64_t prompt = PromptTokens(used_[i]->prompt);
      for (std::size_t t = 0; t < models_.size(); ++t) {
        routed_[i].score[t] = used_[i]->Find(models_[t])->score;
        routed_[i].cost[t] =
            RowCost(prompt, lengths.Tokens(*used_[i], models_[t]), prices_[t]).value();
      }
      const float top_score = routed_[i].score[below()];
      parts_.top_score += top_score / static_cast<float>(used_.size());
      for (std::size_t t = 0; t < below(); ++t) {
        const float score = routed_[i].score[t];
        labels_[t][i] = score >= top_score ? 1 : 0;
        gains_[t][i] = score - top_score;
        targets_[i][heads_plan_.not_worse(t)] = score >= top_score ? 1 : 0;
        if (heads_plan_.has_better()) {
          targets_[i][heads_plan_.better(t)] = score > top_score ? 1 : 0;
        }
        if (heads_plan_.has_right()) targets_[i][heads_plan_.right(t)] = score;
      }
      if (heads_plan_.has_right()) targets_[i][heads_plan_.right(below())] = top_score;
      kinds_.push_back(KindOf(rows_.shape(i)));
      ++parts_.kind_rows[static_cast<std::size_t>(kinds_.back())];
      const Outcome* top = used_[i]->Find(models_.back());
      if (top->output_chars >= 0) {
        targets_[i][Heads::kLength] = LogLength(top->output_chars);
      }
    }
    for (std::size_t t = 0; t < below(); ++t) {
      const auto positives =
          static_cast<std::size_t>(std::count(labels_[t].begin(), labels_[t].end(), char{1}));
      if (std::min(positives, used_.size() - positives) < options_.least_of_class) {
        return Refused(fmt::format(
            "{} is acceptable on {} of {} rows: at least {} of each kind are needed to learn which",
            options_.tiers[t], positives, used_.size(), options_.least_of_class));
      }
      TierMetrics& metrics = report_.tiers.emplace_back();
      metrics.model = options_.tiers[t];
      metrics.base_rate = static_cast<double>(positives) / static_cast<double>(used_.size());
    }
    return {};
  }

  /// Centred near zero for answers of about 600 characters, so that the penalty does not pull on
  /// the mean.
  static float LogLength(std::int64_t chars) {
    return std::log(static_cast<float>(chars) + 20) - 6.5F;
  }

  LinearOptions Linear() const {
    LinearOptions linear{.epochs = options_.epochs, .seed = options_.seed};
    for (std::size_t h = 0; h < Heads::kLength; ++h) {
      const bool used = std::any_of(targets_.begin(), targets_.end(),
                                    [h](const HeadValues& row) { return !std::isnan(row[h]); });
      if (used) linear.kinds[h] = HeadKind::kLogistic;
    }
    linear.kinds[Heads::kLength] = HeadKind::kSquared;
    linear.strength.fill(options_.strength);
    return linear;
  }

  /// Linear scores for every row from models that have not seen its fold, vocabulary included.
  void CrossFit() {
    heads_.resize(used_.size());
    inputs_ = {.columns = kColumns, .values = std::vector<float>(used_.size() * kColumns)};
    std::vector<float> unknown(used_.size());
    for (int fold = 0; fold < kFolds; ++fold) {
      const std::vector<char> use = Without(fold);
      if (std::count(use.begin(), use.end(), char{0}) == 0) continue;
      rows_.Weigh(use, options_.min_word_rows);
      const LinearModel model = TrainLinear(rows_, targets_, use, Linear());
      for (std::size_t i = 0; i < used_.size(); ++i) {
        if (use[i] != 0) continue;
        heads_[i] = model.Predict(rows_, i);
        const Unknown share = UnknownOf(i);
        unknown[i] = share.words;
        FillInputs(heads_[i], models_.size(), rows_.shape(i), share,
                   inputs_.row(i).first<kColumns>());
      }
    }
    std::sort(unknown.begin(), unknown.end());
    parts_.unknown_usual = unknown[unknown.size() / 2];
    parts_.unknown_far = unknown[unknown.size() * 99 / 100];
  }

  std::vector<char> Without(int fold) const {
    std::vector<char> use(used_.size());
    for (std::size_t i = 0; i < use.size(); ++i) use[i] = folds_[i] != fold ? 1 : 0;
    return use;
  }

  Unknown UnknownOf(std::size_t row) const {
    std::size_t words = 0;
    std::size_t known_words = 0;
    std::size_t known_pairs = 0;
    for (const std::uint32_t bucket : rows_.words(row)) {
      const bool known = rows_.idf()[bucket] > 0;
      if (bucket < kUnigramBuckets) {
        ++words;
        known_words += known ? 1 : 0;
      } else {
        known_pairs += known ? 1 : 0;
      }
    }
    return UnknownShares(words, known_words, rows_.words(row).size() - words, known_pairs);
  }

  /// The gain model of a tier; returns each row's raw gain from trees that have not seen its fold.
  std::vector<float> Gain(std::size_t tier) {
    const std::size_t n = used_.size();
    GainModel& gain = parts_.gain.emplace_back();
    std::vector<float> rest(n);  // what the linear models leave
    for (std::size_t i = 0; i < n; ++i) {
      rest[i] = gains_[tier][i] - inputs_.row(i)[GainColumn(tier)];
    }
    std::vector<float> advice(n);
    for (int fold = 0; fold < kFolds; ++fold) {
      const std::vector<char> use = Without(fold);
      if (std::count(use.begin(), use.end(), char{0}) == 0) continue;
      const Trees trees = TrainTrees(inputs_, rest, use, options_.trees);
      for (std::size_t i = 0; i < n; ++i) {
        if (use[i] == 0) advice[i] = trees.Apply(inputs_.row(i));
      }
    }
    gain.trust = Trust(advice, rest);
    report_.tiers[tier].tree_trust = gain.trust;
    if (gain.trust > 0) {
      gain.trees = TrainTrees(inputs_, rest, std::vector<char>(n, 1), options_.trees);
    }
    for (std::size_t i = 0; i < n; ++i) rest[i] -= gain.trust * advice[i];
    gain.offset = ChooseOffsets(rest, kinds_, folds_);
    std::vector<float> raw(n);
    for (std::size_t i = 0; i < n; ++i) {
      raw[i] = gains_[tier][i] - rest[i] + gain.offset[static_cast<std::size_t>(kinds_[i])];
    }
    const Line line = Fit(raw, gains_[tier]);
    gain.prior = static_cast<float>(line.mean_y);
    gain.centre = static_cast<float>(line.mean_x);
    gain.slope = static_cast<float>(std::clamp(line.slope, 0.0, 2.0));
    return raw;
  }

  struct Line {
    double mean_x = 0;
    double mean_y = 0;
    double slope = 0;
  };

  static Line Fit(std::span<const float> x, std::span<const float> y) {
    Line line;
    const auto n = static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      line.mean_x += double{x[i]} / n;
      line.mean_y += double{y[i]} / n;
    }
    double sxx = 1e-9;
    double sxy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double dx = double{x[i]} - line.mean_x;
      sxx += dx * dx;
      sxy += dx * double{y[i]};
    }
    line.slope = sxy / sxx;
    return line;
  }

  /// The share of `advice` that explains `rest` best, by least squares; 0 where that is not clear
  /// of chance.
  static float Trust(std::span<const float> advice, std::span<const float> rest) {
    double squares = 1e-9;
    double product = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      squares += double{advice[i]} * double{advice[i]};
      product += double{advice[i]} * double{rest[i]};
    }
    const double share = product / squares;
    double left = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      const double gap = double{rest[i]} - share * double{advice[i]};
      left += gap * gap;
    }
    const double error = std::sqrt(left / static_cast<double>(rest.size()) / squares);
    return share > 2 * error ? static_cast<float>(std::min(share, 1.0)) : 0;
  }

  void Calibrate(std::size_t t, std::span<const float> raw) {
    const std::size_t n = used_.size();
    std::vector<float> z(n);
    for (std::size_t i = 0; i < n; ++i) z[i] = kGainScale * raw[i];
    TierMetrics& metrics = report_.tiers[t];
    metrics.calibration = ChooseCalibration(z, labels_[t], folds_);
    if (!metrics.calibration.accepted) parts_.gain[t].slope = 0;
    parts_.calibration.push_back(metrics.calibration.map);
    parts_.prior.push_back(static_cast<float>(metrics.base_rate));
    std::vector<float> p(n);
    for (std::size_t i = 0; i < n; ++i) {
      p[i] = metrics.calibration.map.Apply(z[i]);
      routed_[i].sufficiency[t] = p[i];
      routed_[i].value[t] = 1 + parts_.gain[t].Expected(raw[i]) / parts_.top_score;
      routed_[i].sufficiency[below()] = routed_[i].value[below()] = 1;
      const double gap = double{p[i]} - double{labels_[t][i] != 0 ? 1.0F : 0.0F};
      metrics.brier += gap * gap / static_cast<double>(n);
      metrics.log_loss -=
          double{std::log(Clip(labels_[t][i] != 0 ? p[i] : 1 - p[i]))} / static_cast<double>(n);
      metrics.mean_score += double{routed_[i].score[t]} / static_cast<double>(n);
    }
    metrics.calibration_error = CalibrationError(p, labels_[t]);
  }

  /// Per tier log(tokens) = a + b × length head, by least squares, with the mean of what it leaves
  /// (Duan's smearing).
  void Tokens() {
    for (const std::uint32_t model : models_) {
      double n = 0;
      double sx = 0;
      double sy = 0;
      double sxx = 0;
      double sxy = 0;
      const auto each = [&](auto visit) {
        for (std::size_t i = 0; i < used_.size(); ++i) {
          const std::int64_t chars = used_[i]->Find(model)->output_chars;
          if (chars > 0)
            visit(double{heads_[i][Heads::kLength]}, std::log(static_cast<double>(chars) / 4));
        }
      };
      each([&](double x, double y) {
        ++n;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
      });
      if (n < 20) {
        parts_.tokens.push_back(
            {std::log(100.0F), 0});  // prices.json: 400 characters where nothing is known
        continue;
      }
      const double spread = sxx - sx * sx / n;
      const double b = spread > 1e-9 ? (sxy - sx * sy / n) / spread : 0;
      double a = (sy - b * sx) / n;
      double smear = 0;
      each([&](double x, double y) { smear += std::exp(y - a - b * x) / n; });
      a += std::log(smear);
      parts_.tokens.push_back({static_cast<float>(a), static_cast<float>(b)});
    }
    const ModelPrice& top = prices_.back();
    parts_.prompt_cost = top.output.nano_dollars > 0
                             ? static_cast<float>(static_cast<double>(top.input.nano_dollars) /
                                                  static_cast<double>(top.output.nano_dollars))
                             : 0;
    std::vector<float> cost(used_.size());
    double sum = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const auto [a, b] = parts_.tokens.back();
      const float prompt = static_cast<float>(used_[i]->prompt.size()) / 4;
      cost[i] = std::exp(a + b * heads_[i][Heads::kLength]) + parts_.prompt_cost * prompt;
      sum += double{cost[i]};
    }
    parts_.mean_top_cost = static_cast<float>(sum / static_cast<double>(used_.size()));
    for (std::size_t i = 0; i < used_.size(); ++i) {
      routed_[i].cost_weight = std::clamp(cost[i] / parts_.mean_top_cost, 0.25F, 4.0F);
      const std::int64_t prompt = PromptTokens(used_[i]->prompt);
      for (std::size_t t = 0; t < models_.size(); ++t) {
        const auto [a, b] = parts_.tokens[t];
        routed_[i].expected_cost[t] =
            ExpectedCost(prompt, std::exp(a + b * heads_[i][Heads::kLength]), prices_[t]);
      }
    }
  }

  void Tune() {
    parts_.band = options_.band;
    const Policy plain{options_.tiers.size(), ThresholdRule::kPlain, options_.band};
    const Policy weighed{options_.tiers.size(), ThresholdRule::kWeighed, options_.band};
    const std::vector<PolicyPoint> plain_points = Frontier(routed_, plain);
    const std::vector<PolicyPoint> weighed_points = Frontier(routed_, weighed);
    for (const double keep : {0.80, 0.85, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98,
                              0.985, 0.99, 0.995, 1.0}) {
      const double wanted = keep < 1 ? std::min(keep + options_.quality_margin, 0.9999) : 1;
      const PolicyPoint a = Cheapest(plain_points, wanted, plain.tiers);
      const PolicyPoint b = Cheapest(weighed_points, wanted, plain.tiers);
      ThresholdRow row{.keep_quality = static_cast<float>(keep)};
      std::copy_n(a.threshold.begin(), below(), row.threshold.begin());
      row.cost_share = static_cast<float>(a.cost_share);
      row.quality_share = static_cast<float>(a.quality_share);
      std::copy_n(b.threshold.begin(), below(), row.base.begin());
      row.weighed_cost_share = static_cast<float>(b.cost_share);
      row.weighed_quality_share = static_cast<float>(b.quality_share);
      parts_.thresholds.push_back(row);
    }
  }

  /// The training rows with their out-of-fold scores, at the thresholds for 95 %.
  void Unseen() {
    const ThresholdRow& row = report_.router->thresholds(0.95);
    for (std::size_t i = 0; i < used_.size(); ++i) {
      TestRow& test = report_.unseen.emplace_back();
      test.routed = routed_[i];
      test.prompt_bytes = used_[i]->prompt.size();
      test.family = used_[i]->family;
      test.dataset = used_[i]->dataset;
      const RoutedRow& routed = routed_[i];
      test.plain = ChooseTier(routed.sufficiency, models_.size(), row.threshold, 1, options_.band);
      test.weighed = ChooseTier(routed.sufficiency, models_.size(), row.base, routed.cost_weight,
                                options_.band);
    }
  }

  /// The model of all rows, in bytes.
  void Finish() {
    const std::vector<char> all(used_.size(), 1);
    rows_.Weigh(all, options_.min_word_rows);
    const LinearModel model = TrainLinear(rows_, targets_, all, Linear());
    parts_.name = options_.name;
    parts_.models = options_.tiers;
    parts_.shape = model.shape;
    parts_.idf.resize(kBuckets);
    parts_.buckets.resize(kBuckets);
    for (std::size_t h = 0; h < kHeads; ++h) {
      float largest = 0;
      for (std::size_t j = 0; j < kBuckets; ++j) {
        largest = std::max(largest, std::abs(model.buckets[j][h] * rows_.idf()[j]));
      }
      // Weights are small but for a few: clipping those at a third of the largest makes the rest
      // finer.
      parts_.scale[h] = largest > 0 ? largest / 3 / 127 : 1;
    }
    for (std::size_t j = 0; j < kBuckets; ++j) {
      const float idf = rows_.idf()[j];
      parts_.idf[j] =
          static_cast<std::uint8_t>(std::clamp(std::round(idf * kIdfScale), 0.0F, 255.0F));
      for (std::size_t h = 0; h < kHeads; ++h) {
        const float value = model.buckets[j][h] * idf / parts_.scale[h];
        parts_.buckets[j][h] =
            static_cast<std::int8_t>(std::lround(std::clamp(value, -127.0F, 127.0F)));
      }
    }
  }

  const Dataset& data_;
  const TrainOptions& options_;
  std::vector<std::uint32_t> models_;
  std::vector<ModelPrice> prices_;
  std::vector<const Row*> used_;
  std::vector<int> folds_;
  SparseRows rows_;
  Heads heads_plan_;
  std::vector<Kind> kinds_;
  std::vector<HeadValues> targets_;
  std::vector<std::vector<char>> labels_;  // per tier below the top
  std::vector<std::vector<float>> gains_;  // score − the top tier's, the same way
  std::vector<HeadValues> heads_;          // out of fold
  Matrix inputs_;                          // of the trees, out of fold
  std::vector<RoutedRow> routed_;
  RouterParts parts_;
  TrainReport report_;
};

}  // namespace

Result<TrainReport> Train(const Dataset& data, const TrainOptions& options) {
  return Trainer(data, options).Run();
}

}  // namespace triage::learn
