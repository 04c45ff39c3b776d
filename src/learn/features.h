#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/types.h"

namespace triage::learn {

/// Changes whenever the same request would give other features; part of every artifact and stored
/// vector.
inline constexpr std::uint32_t kFeatureSchema = 2;

inline constexpr std::uint32_t kUnigramBuckets = 1U << 16;  ///< hashed words
inline constexpr std::uint32_t kBigramBuckets = 1U << 17;   ///< hashed neighbours
inline constexpr std::uint32_t kWordBuckets = kUnigramBuckets + kBigramBuckets;
inline constexpr std::uint32_t kCharBuckets = 1U << 16;  ///< hashed character 4-grams
inline constexpr std::uint32_t kBuckets = kWordBuckets + kCharBuckets;

/// Shape of the request, each about 0..1 and 0 where nothing is known.
enum class Shape : std::uint8_t {
  kOne,     ///< constant 1
  kLength,  ///< logarithm of the last user turn's bytes
  kLengthSquared,
  kLines,
  kWordLength,
  kDigits,
  kUpper,
  kMaths,
  kLatex,
  kCode,
  kQuestions,
  kOptions,  ///< answer options "A." …
  kOptionLength,
  kOptionDigits,  ///< share of digits inside the options
  kTable,
  kNonAscii,
  kOtherScript,  ///< not Latin
  kList,
  kNumbers,
  kTurns,
  kPreviousLength,
  kSystemLength,
  kTools,
  kSchema,
  kVision,
  kChoices,
  kOutputLimit,
  kImpact,
  kTolerance,
  kTruncated,       ///< the text was longer than what is read
  kQuestionLength,  ///< logarithm of the bytes before the first answer option
  kOptionSpread,    ///< how unlike in length the answer options are
  kMagnitude,       ///< digits of the longest whole number
  kDecimals,        ///< logarithm of the count of decimal fractions
  kNegation,        ///< logarithm of the count of "not", "except", "false", …
  kBlanks,          ///< gaps to be filled in, "___"
  kVocabulary,      ///< share of distinct words among all words
  kCount,
};

inline constexpr std::size_t kShapes = static_cast<std::size_t>(Shape::kCount);

/// A few words for explanations: "answer options", "length", …
std::string_view Name(Shape shape);

/// The features of one request: the set of hashed n-grams of its last two user turns, the feature
/// that asks and the class of its system prompt as one bucket each, and its shape. Owns all its
/// memory (about 260 KB) from construction on; Extract allocates nothing and takes time linear in
/// the sampled text, which is bounded. One per thread, reused.
class Features {
 public:
  /// Of a long last user turn this much of its head and of its tail is read.
  static constexpr std::size_t kHead = 4096;
  /// Of the user turn before it: head and tail each.
  static constexpr std::size_t kPreviousHead = 1024;

  Features();

  void Extract(std::span<const llm::Turn> turns, const llm::Needs& needs,
               const llm::Context& context, std::int64_t max_output_tokens);

  /// Distinct buckets below kWordBuckets (single words below kUnigramBuckets), in order of first
  /// appearance.
  std::span<const std::uint32_t> words() const { return {words_.get(), word_count_}; }

  /// Distinct buckets in [kWordBuckets, kBuckets).
  std::span<const std::uint32_t> chars() const { return {chars_.get(), char_count_}; }

  std::span<const float, kShapes> shape() const { return shape_; }

  float shape(Shape which) const { return shape_[static_cast<std::size_t>(which)]; }

  bool truncated() const { return shape(Shape::kTruncated) > 0; }

  /// Appends a compact form (schema version, shape, gaps between sorted buckets) for the learning
  /// store. Allocates.
  void Serialize(std::string& out) const;
  /// Restores what Serialize wrote. Errors: kUnsupported (another schema), kInvalidRequest (broken
  /// bytes).
  Result<void> Restore(std::string_view bytes);

 private:
  struct Counts;
  void Clear();
  void Insert(std::uint32_t bucket, std::uint32_t* list, std::size_t& count);
  void Scan(std::string_view text, Counts& counts);
  void InsertTag(char kind, std::string_view text);

  static constexpr std::size_t kCapacity = 2 * (kHead + kPreviousHead) + 64;
  std::unique_ptr<std::uint64_t[]> seen_;  // one bit a bucket
  std::unique_ptr<std::uint32_t[]> words_;
  std::unique_ptr<std::uint32_t[]> chars_;
  std::size_t word_count_ = 0;
  std::size_t char_count_ = 0;
  std::array<float, kShapes> shape_{};
};

}  // namespace triage::learn
