#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace triage::feedback {

/// What is remembered of a turn whose text is not kept: fixed size, and nothing of the text can be
/// read back from it. Similarities come from one-permutation min-hashes (Li, Owen, Zhang, NIPS
/// 2012): the share of equal bins estimates Jaccard's.
struct TurnSketch {
  static constexpr std::uint16_t kEmpty = 0xFFFF;

  std::array<std::uint16_t, 64> grams;  ///< min-hashes of character 3-grams
  std::array<std::uint16_t, 32> words;  ///< of content words
  std::uint64_t entities = 0;           ///< Bloom filter of numbers and names
  std::uint64_t normalised = 0;         ///< hash of the text without case, accents, punctuation
  std::uint32_t bytes = 0;              ///< of the text
  std::uint16_t gram_count = 0;         ///< different ones
  std::uint16_t word_count = 0;         ///< different content words
  std::uint16_t entity_count = 0;
  // Of the answer it got, where that is known: the features of the same names.
  bool answer_asked = false;
  bool answer_opens = false;
  bool answer_specific = false;
  bool answer_clueless = false;
  float answer_echo = 0;

  TurnSketch() {
    grams.fill(kEmpty);
    words.fill(kEmpty);
  }

  bool operator==(const TurnSketch&) const = default;
};

/// `text` is a user's turn; `answer`, where it is known, what it got.
TurnSketch Sketch(std::string_view text, std::string_view answer = {});

}  // namespace triage::feedback
