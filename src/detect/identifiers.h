#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "detect/reading.h"

namespace triage::detect {

/// Recognises card numbers, IBANs, national ids, phone numbers and e-mail addresses by the patterns
/// of config/detect/identifiers.txt and their check digits. Immutable.
class Identifiers {
 public:
  /// Bytes in front of a number in which a word that announces it is looked for.
  static constexpr std::size_t kContext = 40;

  struct Match {
    Finding finding = Finding::kCardNumber;
    std::size_t end = 0;  ///< offset behind it
  };

  /// Errors: kInvalidRequest with the line, for a line that is none, an unknown check, or a pattern
  /// that RE2 refuses.
  static Result<Identifiers> Parse(std::string_view text);

  Identifiers(Identifiers&&) noexcept;
  Identifiers& operator=(Identifiers&&) noexcept;
  ~Identifiers();

  /// What begins with the word at text[at], which has a digit. Most words are refused by counting
  /// digits, without a pattern. `context`: whether a word of ContextWords stands in front of it.
  std::optional<Match> NumberAt(std::string_view text, std::size_t at, bool context) const;

  /// Beginnings of the words that announce a number, those of less than four bytes as whole words.
  const std::vector<std::string>& ContextWords() const;

  /// The address around the "@" at text[at].
  std::optional<Match> AddressAt(std::string_view text, std::size_t at) const;

 private:
  struct Patterns;
  explicit Identifiers(std::unique_ptr<Patterns> patterns);

  std::unique_ptr<Patterns> patterns_;
};

}  // namespace triage::detect
