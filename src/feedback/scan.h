#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace triage::feedback {

/// A text taken apart once: folded characters, words, 3-grams, what its form says. Of long texts
/// only the beginning and the end are looked at. Fixed size (some 30 KB), no allocation: it belongs
/// on the stack of a plain function.
class Scan {
 public:
  static constexpr std::size_t kMostBytes = 4'096;  ///< half from the beginning, half from the end
  static constexpr std::size_t kMostWords = 1'408;  ///< as many Han letters as fit into kMostBytes
  static constexpr std::size_t kBuckets = 4'096;

  struct Word {
    std::uint32_t stem = 0;   ///< hash of its first letters, so that inflections meet
    std::uint16_t begin = 0;  ///< in folded()
    std::uint16_t size = 0;
    bool content = false;   ///< may carry meaning; function words are taken out by the lexicon
    bool negation = false;  ///< "not", …; found by the lexicon
    bool number = false;    ///< has a digit
    bool name = false;      ///< begins with a capital inside a sentence
    bool quoted = false;    ///< in quotation marks or code: not the user's own word

    bool entity() const { return number || name; }
  };

  explicit Scan(std::string_view text);

  /// Lower case without accents; one space for each run of what is neither letter nor digit.
  std::string_view folded() const { return {folded_.data(), folded_size_}; }

  std::span<const Word> words() const { return {words_.data(), word_count_}; }

  std::span<Word> words() { return {words_.data(), word_count_}; }

  /// Counts of 3-grams of folded characters by hash.
  const std::array<std::uint16_t, kBuckets>& grams() const { return grams_; }

  /// Hash of folded(); of a sampled text its bytes are in it too.
  std::uint64_t normalised() const { return normalised_; }

  std::size_t bytes() const { return bytes_; }

  /// Offset in folded() of the first punctuation mark; its size when there is none.
  std::size_t first_mark() const { return marked_ ? first_mark_ : folded_size_; }

  std::size_t letters() const { return letters_; }

  std::size_t capitals() const { return capitals_; }

  bool doubled_marks() const { return doubled_marks_; }  ///< !!, ??, !?

  bool ends_with_question() const { return ends_with_question_; }

  bool asks() const { return asks_; }  ///< a question mark stands anywhere

  bool code() const { return code_; }  ///< a backtick stands anywhere

  /// Emoji: angry, weary, rolling eyes; thumbs up, hearts, smiles.
  bool upset() const { return upset_; }

  bool happy() const { return happy_; }

 private:
  void Take(std::string_view part);
  void TakeLetter(char32_t c, bool alone);
  void TakeBreak(char32_t c);
  void TakeSymbol(char32_t c);
  void TakeQuote(char32_t c);
  void EndWord();
  void Append(char32_t c);

  std::array<char, kMostBytes + 64> folded_;
  std::array<Word, kMostWords> words_;
  std::array<std::uint16_t, kBuckets> grams_{};
  std::size_t folded_size_ = 0;
  std::size_t word_count_ = 0;
  std::uint64_t normalised_ = 0;
  std::size_t bytes_ = 0;
  std::size_t first_mark_ = 0;
  std::size_t letters_ = 0;
  std::size_t capitals_ = 0;
  // The word that is being read; no letters = none.
  Word word_;
  std::size_t word_letters_ = 0;
  char32_t alone_ = 0;  // the letter of a script without spaces just before
  char32_t last_break_ = 0;
  std::array<char32_t, 2> before_{};  // the folded characters before this one
  bool marked_ = false;
  bool sentence_start_ = true;
  bool doubled_marks_ = false;
  bool ends_with_question_ = false;
  bool asks_ = false;
  bool code_ = false;
  bool upset_ = false;
  bool happy_ = false;
  bool quoting_ = false;
  std::size_t quote_begin_ = 0;  // index of the first word in quotes
};

/// Letters of `text` folded as in Scan::folded(), everything else as it is.
std::string FoldLetters(std::string_view text);

}  // namespace triage::feedback
