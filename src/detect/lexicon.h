#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace triage::detect {

/// Words and phrases with what they stand for, as config/detect/topics.txt describes them. A tree
/// by bytes: walking it costs a few steps for most words of a text, whatever the number of terms.
class Lexicon {
 public:
  static constexpr std::size_t kMostTerms = 16'384;

  struct Term {
    std::uint32_t labels = 0;  ///< bit i: the i-th of the names given to Parse
    std::uint32_t strong = 0;  ///< those of them for which it is a strong term
    std::uint16_t id = 0;      ///< same for all spellings of a term
    bool prefix = false;       ///< a word may go on behind it
  };

  struct Match {
    const Term* term = nullptr;  ///< null: no term begins there
    std::size_t end = 0;         ///< offset behind it, of a prefix behind the whole word
  };

  /// Errors: kInvalidRequest with the line, for a line that is none or a label not among `labels`.
  static Result<Lexicon> Parse(std::string_view text, const std::vector<std::string>& labels);

  /// The longest term that begins with the word text[at, at + size); most words are refused by one
  /// look into a table. For a character that is a word of its own, its bytes.
  Match Longest(std::string_view text, std::size_t at, std::size_t size) const {
    const std::uint32_t key = KeyAt(text, at, size);
    for (std::size_t slot = Hash(key);; ++slot) {
      const Start& start = starts_[slot & starts_mask_];
      if (start.node == 0) return {};
      if (start.key == key) return Walk(text, at, size, start.node);
    }
  }

  std::size_t terms() const { return ids_; }

 private:
  /// Children of a node follow each other in nodes_, by rising bytes.
  struct Node {
    std::uint32_t first = 0;
    std::uint16_t children = 0;
    std::uint16_t term = 0;  // index into terms_ + 1; 0 = none ends here
  };

  class Builder;

  /// A word's first four bytes in lower case, filled up with blanks.
  struct Start {
    std::uint32_t key = 0;
    std::uint32_t node = 0;  // behind those bytes; 0 = an empty slot
  };

  static std::uint32_t KeyAt(std::string_view text, std::size_t at, std::size_t size) {
    constexpr std::array kMask = {0U, 0xFFU, 0xFFFFU, 0xFFFFFFU, 0xFFFFFFFFU};
    std::uint32_t bytes = 0;
    if (at + sizeof bytes <= text.size()) {
      std::memcpy(&bytes, text.data() + at, sizeof bytes);
    } else {
      std::memcpy(&bytes, text.data() + at, text.size() - at);
    }
    const std::uint32_t mask = kMask[size < 4 ? size : 4];
    bytes = (bytes & mask) | (0x20202020U & ~mask);
    // Bit 7 of each byte that is an ASCII capital.
    const std::uint32_t low = bytes & 0x7F7F7F7FU;
    const std::uint32_t capital =
        ((low + 0x3F3F3F3FU) ^ (low + 0x25252525U)) & ~bytes & 0x80808080U;
    return bytes | (capital >> 2);
  }

  static std::size_t Hash(std::uint32_t key) {
    return (key * 0x9E3779B1U) >> 16;  // 2^32 / golden ratio: Fibonacci hashing
  }

  Match Walk(std::string_view text, std::size_t at, std::size_t size, std::uint32_t node) const;
  std::uint32_t Step(std::uint32_t node, unsigned char byte) const;

  std::vector<Start> starts_;  // a power of two, at most half full
  std::size_t starts_mask_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::uint8_t> bytes_;  // that lead to each node
  std::vector<Term> terms_;
  std::size_t ids_ = 0;
};

}  // namespace triage::detect
