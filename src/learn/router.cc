#include "learn/router.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <type_traits>

#include <fmt/format.h>
#include <xxhash.h>

namespace triage::learn {
namespace {

// Layout: magic, format, feature schema, payload size, XXH3 of the payload, payload. All numbers
// little-endian.
constexpr std::string_view kMagic = "TRIAGER\n";
constexpr std::size_t kHeader = 8 + 4 + 4 + 8 + 8;
constexpr std::size_t kMaxArtifact = std::size_t{4} << 20;
constexpr std::uint32_t kMaxList = 4096;

static_assert(std::endian::native == std::endian::little);

template <class T>
void Put(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value),
             sizeof value);  // NOLINT: bytes of a plain value
}

void PutText(std::string& out, std::string_view text) {
  Put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

template <class T>
void PutList(std::string& out, const std::vector<T>& list) {
  Put(out, static_cast<std::uint32_t>(list.size()));
  for (const T& value : list) Put(out, value);
}

/// Reads what the Put functions wrote; after a failure every read fails.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool Done() const { return ok_ && bytes_.empty(); }

  bool ok() const { return ok_; }

  template <class T>
  void Get(T& value) {
    if (!ok_ || bytes_.size() < sizeof value) {
      ok_ = false;
      return;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
  }

  void Get(std::string& text) {
    const std::uint32_t size = Size(kMaxList);
    if (!ok_ || bytes_.size() < size) {
      ok_ = false;
      return;
    }
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }

  template <class T>
  void Get(std::vector<T>& list, std::uint32_t most = kMaxList) {
    const std::uint32_t size = Size(most);
    if (!ok_) return;
    list.resize(size);
    for (T& value : list) Get(value);
  }

  std::uint32_t Size(std::uint32_t most) {
    std::uint32_t size = 0;
    Get(size);
    if (size > most) ok_ = false;
    return ok_ ? size : 0;
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

Error Broken(std::string_view why) {
  return {.code = ErrorCode::kInvalidRequest, .message = fmt::format("router artifact: {}", why)};
}

std::string Payload(const RouterParts& parts) {
  std::string out;
  out.reserve(kBuckets * (kHeads + 1) + 65536);
  PutText(out, parts.name);
  Put(out, static_cast<std::uint32_t>(parts.models.size()));
  for (const std::string& model : parts.models) PutText(out, model);
  PutList(out, parts.buckets);
  Put(out, parts.scale);
  PutList(out, parts.idf);
  Put(out, parts.shape);
  Put(out, static_cast<std::uint32_t>(parts.gain.size()));
  for (const GainModel& gain : parts.gain) {
    Put(out, gain.trees.base);
    PutList(out, gain.trees.trees);
    Put(out, gain.trust);
    Put(out, gain.offset);
    Put(out, gain.prior);
    Put(out, gain.slope);
    Put(out, gain.centre);
  }
  Put(out, parts.top_score);
  Put(out, parts.kind_rows);
  Put(out, static_cast<std::uint32_t>(parts.calibration.size()));
  for (const Calibration& map : parts.calibration) {
    Put(out, map.kind);
    Put(out, map.slope);
    Put(out, map.offset);
    PutList(out, map.z);
    PutList(out, map.p);
  }
  PutList(out, parts.prior);
  PutList(out, parts.tokens);
  Put(out, parts.mean_top_cost);
  Put(out, parts.prompt_cost);
  Put(out, parts.unknown_usual);
  Put(out, parts.unknown_far);
  Put(out, parts.band);
  PutList(out, parts.thresholds);
  return out;
}

bool AllFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

/// Empty, or what does not fit together.
std::string_view Inconsistency(const RouterParts& parts) {
  const std::size_t tiers = parts.models.size();
  if (tiers < 2 || tiers > kMaxTiers) return "the number of tiers is not 2..8";
  if (parts.buckets.size() != kBuckets || parts.idf.size() != kBuckets) return "wrong table size";
  if (parts.calibration.size() != tiers - 1 || parts.prior.size() != tiers - 1 ||
      parts.gain.size() != tiers - 1 || parts.tokens.size() != tiers) {
    return "per-tier tables do not match the tiers";
  }
  if (parts.thresholds.empty()) return "no thresholds";
  bool finite = AllFinite(parts.scale) && AllFinite(parts.prior) && AllFinite({&parts.band, 1}) &&
                AllFinite({&parts.unknown_usual, 1}) && AllFinite({&parts.unknown_far, 1});
  if (!(parts.top_score > 0)) return "the top tier never scored";
  for (const GainModel& gain : parts.gain) {
    finite = finite && AllFinite(gain.offset) &&
             AllFinite({{gain.trees.base, gain.trust, gain.prior, gain.slope, gain.centre}});
    for (const Tree& tree : gain.trees.trees) {
      finite = finite && AllFinite(tree.threshold) && AllFinite(tree.leaf);
      for (const std::uint8_t feature : tree.feature) {
        if (feature >= kColumns) return "a tree asks for an unknown feature";
      }
    }
  }
  for (const HeadValues& row : parts.shape) finite = finite && AllFinite(row);
  for (const auto& row : parts.tokens) finite = finite && AllFinite(row);
  for (const ThresholdRow& row : parts.thresholds) {
    finite = finite && AllFinite(row.threshold) && AllFinite(row.base);
  }
  if (!(parts.mean_top_cost > 0) || !std::isfinite(parts.prompt_cost)) return "broken costs";
  for (const Calibration& map : parts.calibration) {
    if (map.z.size() != map.p.size() || !std::is_sorted(map.z.begin(), map.z.end())) {
      return "broken calibration";
    }
    if (map.kind > CalibrationKind::kConstant) return "unknown calibration";
    finite = finite && AllFinite(map.z) && AllFinite(map.p) && std::isfinite(map.slope) &&
             std::isfinite(map.offset);
  }
  return finite ? "" : "a number is not finite";
}

}  // namespace

Router::Router(RouterParts parts) : parts_(std::move(parts)) {
  const std::string payload = Payload(parts_);
  version_ =
      fmt::format("{}-{:08x}", parts_.name, XXH3_64bits(payload.data(), payload.size()) >> 32);
}

Result<std::shared_ptr<const Router>> Router::Make(RouterParts parts) {
  if (const std::string_view why = Inconsistency(parts); !why.empty()) return Broken(why);
  return std::shared_ptr<const Router>(new Router(std::move(parts)));
}

std::string Router::Bytes() const {
  const std::string payload = Payload(parts_);
  std::string out(kMagic);
  Put(out, kArtifactFormat);
  Put(out, kFeatureSchema);
  Put(out, static_cast<std::uint64_t>(payload.size()));
  Put(out, static_cast<std::uint64_t>(XXH3_64bits(payload.data(), payload.size())));
  return out + payload;
}

Result<void> Router::Save(const std::string& path) const {
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    const std::string bytes = Bytes();
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) {
      return Error{.code = ErrorCode::kIo, .message = fmt::format("cannot write {}", temporary)};
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error{.code = ErrorCode::kIo, .message = fmt::format("cannot write {}", path)};
  }
  return {};
}

Result<std::shared_ptr<const Router>> Router::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{.code = ErrorCode::kIo, .message = fmt::format("cannot open {}", path)};
  std::string bytes(kMaxArtifact + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  auto router = Parse(bytes);
  if (!router) {
    Error error = std::move(router).error();
    error.message = fmt::format("{}: {}", path, error.message);
    return error;
  }
  return router;
}

Result<std::shared_ptr<const Router>> Router::Parse(std::string_view bytes) {
  if (bytes.size() > kMaxArtifact) return Broken("larger than 4 MiB");
  if (!bytes.starts_with(kMagic)) return Broken("not a Triage router");
  if (bytes.size() < kHeader) return Broken("truncated");
  Reader header(bytes.substr(kMagic.size(), kHeader - kMagic.size()));
  std::uint32_t format = 0;
  std::uint32_t schema = 0;
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;
  header.Get(format);
  header.Get(schema);
  header.Get(size);
  header.Get(checksum);
  if (format != kArtifactFormat || schema != kFeatureSchema) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = fmt::format("router artifact: format {}, features {}; this program reads "
                               "format {}, features {}: train it again",
                               format, schema, kArtifactFormat, kFeatureSchema)};
  }
  const std::string_view payload = bytes.substr(kHeader);
  if (payload.size() < size) return Broken("truncated");
  if (payload.size() > size) return Broken("trailing bytes");
  if (XXH3_64bits(payload.data(), payload.size()) != checksum) return Broken("checksum mismatch");

  RouterParts parts;
  Reader in(payload);
  in.Get(parts.name);
  parts.models.resize(in.Size(kMaxTiers));
  for (std::string& model : parts.models) in.Get(model);
  in.Get(parts.buckets, kBuckets);
  in.Get(parts.scale);
  in.Get(parts.idf, kBuckets);
  in.Get(parts.shape);
  parts.gain.resize(in.Size(kMaxTiers));
  for (GainModel& gain : parts.gain) {
    in.Get(gain.trees.base);
    in.Get(gain.trees.trees);
    in.Get(gain.trust);
    in.Get(gain.offset);
    in.Get(gain.prior);
    in.Get(gain.slope);
    in.Get(gain.centre);
  }
  in.Get(parts.top_score);
  in.Get(parts.kind_rows);
  parts.calibration.resize(in.Size(kMaxTiers));
  for (Calibration& map : parts.calibration) {
    in.Get(map.kind);
    in.Get(map.slope);
    in.Get(map.offset);
    in.Get(map.z);
    in.Get(map.p);
  }
  in.Get(parts.prior);
  in.Get(parts.tokens);
  in.Get(parts.mean_top_cost);
  in.Get(parts.prompt_cost);
  in.Get(parts.unknown_usual);
  in.Get(parts.unknown_far);
  in.Get(parts.band);
  in.Get(parts.thresholds);
  if (!in.Done()) return Broken("contents do not match the format");
  return Make(std::move(parts));
}

namespace {

struct Group {
  std::array<std::int32_t, kHeads> sum{};
  std::uint32_t squares = 0;  // of quantised idf
};

void Add(const RouterParts& parts, std::uint32_t bucket, Group& group) {
  const auto& row = parts.buckets[bucket];
  for (std::size_t h = 0; h < kHeads; ++h) group.sum[h] += row[h];
  const std::uint32_t idf = parts.idf[bucket];
  group.squares += idf * idf;
}

/// Fills `heads`; returns how much of the n-grams training has not seen.
Unknown Sum(const RouterParts& parts, const Features& features, HeadValues& heads) {
  std::array<Group, 2> groups;
  std::uint32_t words = 0;
  std::uint32_t known_words = 0;
  std::uint32_t known_pairs = 0;
  for (const std::uint32_t bucket : features.words()) {
    Add(parts, bucket, groups[0]);
    const std::uint32_t known = parts.idf[bucket] != 0 ? 1 : 0;
    const std::uint32_t word = bucket < kUnigramBuckets ? 1 : 0;
    words += word;
    known_words += known & word;
    known_pairs += known & ~word;
  }
  for (const std::uint32_t bucket : features.chars()) Add(parts, bucket, groups[1]);
  for (const Group& group : groups) {
    if (group.squares == 0) continue;
    const float norm = kIdfScale / std::sqrt(static_cast<float>(group.squares));
    for (std::size_t h = 0; h < kHeads; ++h) {
      heads[h] += static_cast<float>(group.sum[h]) * norm * parts.scale[h];
    }
  }
  for (std::size_t i = 0; i < kShapes; ++i) {
    for (std::size_t h = 0; h < kHeads; ++h) heads[h] += features.shape()[i] * parts.shape[i][h];
  }
  return UnknownShares(words, known_words, features.words().size() - words, known_pairs);
}

}  // namespace

bool Router::prior_only() const {
  return std::all_of(parts_.calibration.begin(), parts_.calibration.end(),
                     [](const auto& map) { return map.kind == CalibrationKind::kConstant; });
}

Prediction Router::Predict(const Features& features) const {
  HeadValues heads{};
  const Unknown unknown = Sum(parts_, features, heads);
  Inputs inputs;
  FillInputs(heads, tiers(), features.shape(), unknown, inputs);

  Prediction result;
  result.tiers = tiers();
  const Kind kind = KindOf(features.shape());
  const bool seen = parts_.kind_rows[static_cast<std::size_t>(kind)] >= kLeastKindRows;
  const float usual = parts_.unknown_usual;
  result.distance =
      seen ? std::clamp((unknown.words - usual) / std::max(1 - usual, 1e-6F), 0.0F, 1.0F) : 1.0F;
  // Beyond what held-out rows showed, the learned score fades into the base rate.
  const float far = parts_.unknown_far;
  const float trust =
      seen ? 1 - std::clamp((unknown.words - far) / std::max(1 - far, 1e-6F), 0.0F, 1.0F) : 0.0F;
  for (std::size_t t = 0; t + 1 < tiers(); ++t) {
    const GainModel& gain = parts_.gain[t];
    const float raw = trust > 0 ? gain.Raw(inputs, t, kind) : 0.0F;
    const float p = trust > 0 ? parts_.calibration[t].Apply(kGainScale * raw) : 0.0F;
    const float learned = trust > 0 ? gain.Expected(raw) : 0.0F;
    result.sufficiency[t] = trust * p + (1 - trust) * parts_.prior[t];
    result.value[t] = 1 + (trust * learned + (1 - trust) * gain.prior) / parts_.top_score;
  }
  result.sufficiency[tiers() - 1] = 1;
  result.value[tiers() - 1] = 1;
  for (std::size_t t = 0; t < tiers(); ++t) {
    const auto [a, b] = parts_.tokens[t];
    result.output_tokens[t] = std::exp(std::clamp(a + b * heads[Heads::kLength], 0.0F, 12.0F));
  }
  constexpr float kBytesPerToken = 4;
  const float prompt = std::exp2(features.shape(Shape::kLength) * 12) / kBytesPerToken;
  const float cost = result.output_tokens[tiers() - 1] + parts_.prompt_cost * prompt;
  const float weight = std::clamp(cost / parts_.mean_top_cost, 0.25F, 4.0F);
  result.cost_weight = 1 + trust * (weight - 1);
  return result;
}

const ThresholdRow& Router::thresholds(double keep_quality) const {
  for (const ThresholdRow& row : parts_.thresholds) {
    if (double{row.keep_quality} + 1e-6 >= keep_quality) return row;
  }
  return parts_.thresholds.back();
}

std::array<float, kMaxTiers> Router::Weighed(const ThresholdRow& row,
                                             const Prediction& prediction) {
  std::array<float, kMaxTiers> threshold{};
  for (std::size_t t = 0; t + 1 < prediction.tiers; ++t) {
    threshold[t] = 1 - (1 - row.base[t]) * prediction.cost_weight;
  }
  return threshold;
}

std::size_t ChooseTier(const std::array<float, kMaxTiers>& sufficiency, std::size_t tiers,
                       const std::array<float, kMaxTiers>& threshold, float cost_weight,
                       float band) {
  for (std::size_t t = 0; t + 1 < tiers; ++t) {
    const float needed = 1 - (1 - threshold[t]) * cost_weight;
    if (sufficiency[t] < needed) continue;
    if (sufficiency[t] > needed + band) return t;
    for (std::size_t up = t + 1; up < tiers; ++up) {
      if (sufficiency[up] >= sufficiency[t]) return up;
    }
    return t;
  }
  return tiers - 1;
}

}  // namespace triage::learn
