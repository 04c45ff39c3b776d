#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "learn/blend.h"
#include "learn/calibration.h"
#include "learn/linear.h"

namespace triage::learn {

inline constexpr std::uint32_t kArtifactFormat = 2;
/// Width on both sides of a threshold within which a request escalates.
inline constexpr float kDefaultBand = 0.05F;

/// What the router thinks of one request, per tier, cheapest first.
struct Prediction {
  std::size_t tiers = 0;
  /// Calibrated probability that the tier's answer will be acceptable: at least as good as the top
  /// tier's answer to the same question. 1 for the top tier.
  std::array<float, kMaxTiers> sufficiency{};
  /// Expected score as a share of the top tier's: 1 for the top tier, more where a tier is expected
  /// to do better. Ranks requests as sufficiency does; what the expected-cost rule weighs.
  std::array<float, kMaxTiers> value{};
  std::array<float, kMaxTiers> output_tokens{};  ///< expected length of the tier's answer
  /// Expected cost of the top tier's answer ÷ the mean over the training data, ¼ to 4.
  float cost_weight = 1;
  float distance = 0;  ///< 0 = like the training data, 1 = unlike anything in it
};

/// Thresholds that keep `keep_quality` of always-top's quality at the least cost on the router's
/// own training data (out of fold), with the boundary band in effect.
struct ThresholdRow {
  float keep_quality = 0;
  std::array<float, kMaxTiers>
      threshold{};       ///< the same for every request, one per tier below the top
  float cost_share = 0;  ///< cost ÷ always-top's, on the training data
  float quality_share = 0;
  std::array<float, kMaxTiers>
      base{};  ///< to be weighed with Prediction::cost_weight, see Router::Weighed
  float weighed_cost_share = 0;
  float weighed_quality_share = 0;
};

/// The rule that thresholds are tuned for, and that `decide` applies: the cheapest tier whose
/// sufficiency reaches its threshold, else the top; within `band` above the threshold it moves to
/// the next tier that is not worse, unexamined. Thresholds are weighed: 1 − (1 − threshold) ×
/// cost_weight; 1 leaves them as they are.
std::size_t ChooseTier(const std::array<float, kMaxTiers>& sufficiency, std::size_t tiers,
                       const std::array<float, kMaxTiers>& threshold, float cost_weight,
                       float band);

/// Everything a router consists of; what training makes and the artifact holds.
struct RouterParts {
  std::string name;
  std::vector<std::string> models;                       ///< of the tiers, cheapest first
  std::vector<std::array<std::int8_t, kHeads>> buckets;  ///< kBuckets; weight × idf ÷ scale
  std::array<float, kHeads> scale{};
  std::vector<std::uint8_t> idf;  ///< kBuckets; 0 = unknown, else idf × kIdfScale
  std::array<HeadValues, kShapes> shape{};
  std::vector<GainModel> gain;                    ///< one per tier below the top
  float top_score = 1;                            ///< mean score of the top tier
  std::vector<Calibration> calibration;           ///< of the raw gain, one per tier below the top
  std::vector<float> prior;                       ///< base rate per tier below the top
  std::array<std::uint32_t, kKinds> kind_rows{};  ///< how many rows of each kind it learned from
  std::vector<std::array<float, 2>> tokens;       ///< per tier: exp(a + b · length head)
  float mean_top_cost = 1;                        ///< of the top tier, in its answer tokens
  float prompt_cost = 0;    ///< top tier: cost of a prompt token ÷ an answer token
  float unknown_usual = 0;  ///< median share of unknown words on held-out rows
  float unknown_far = 1;    ///< its 99th percentile
  float band = kDefaultBand;
  std::vector<ThresholdRow> thresholds;  ///< rising keep_quality
};

inline constexpr float kIdfScale =
    20;  ///< idf of a word seen twice in 60,000 rows, 11.6, still fits a byte

/// A trained router: immutable, shared by all threads.
class Router {
 public:
  /// Errors: kIo (cannot read), kUnsupported (another format or feature schema), kInvalidRequest
  /// (not an artifact, truncated, corrupted).
  static Result<std::shared_ptr<const Router>> Load(const std::string& path);
  static Result<std::shared_ptr<const Router>> Parse(std::string_view bytes);
  static Result<std::shared_ptr<const Router>> Make(RouterParts parts);

  /// Writes next to `path` and renames, so that a reader never sees half a file.
  Result<void> Save(const std::string& path) const;
  std::string Bytes() const;

  /// "NAME-HASH": changes whenever any part of the artifact does.
  const std::string& version() const { return version_; }

  /// Names of the models it was trained for, cheapest tier first.
  const std::vector<std::string>& models() const { return parts_.models; }

  std::size_t tiers() const { return parts_.models.size(); }

  const RouterParts& parts() const { return parts_; }

  /// Allocates nothing; time linear in the number of features.
  Prediction Predict(const Features& features) const;

  /// True when nothing learned beat the base rates on unseen rows: every request gets the same.
  bool prior_only() const;

  /// Thresholds for the smallest tuned quality ≥ `keep_quality` (0..1); the strictest row above the
  /// table's end.
  const ThresholdRow& thresholds(double keep_quality) const;

  /// `row.base` for this request: where escalating is expected to cost twice the usual, the risk
  /// that justifies it is twice as great. Saves about a tenth of the cost at the same quality,
  /// against the same thresholds for all.
  static std::array<float, kMaxTiers> Weighed(const ThresholdRow& row,
                                              const Prediction& prediction);

 private:
  explicit Router(RouterParts parts);

  RouterParts parts_;
  std::string version_;
};

}  // namespace triage::learn
