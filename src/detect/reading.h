#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace triage::detect {

/// What a text holds or is about.
enum class Finding : std::uint8_t {
  kCardNumber,
  kIban,
  kNationalId,
  kEmail,
  kPhone,
  kHealth,
  kMoney,
  kLegal,
  kProof,
  kStatistics,
  kDesign,
  kTroubleshooting,
  kFrustration,
  kCount,
};

/// The word for configuration, explanations and ledger: "card_number", …
std::string_view Name(Finding finding);
std::optional<Finding> ParseFinding(std::string_view text);

/// A set of findings.
class Findings {
 public:
  bool Has(Finding finding) const { return (bits_ & Bit(finding)) != 0; }

  void Add(Finding finding) { bits_ = bits_ | Bit(finding); }

  bool empty() const { return bits_ == 0; }

  /// Their words, in the order of the enumeration.
  std::vector<std::string_view> Names() const;

  bool operator==(const Findings&) const = default;

 private:
  static std::uint32_t Bit(Finding finding) { return 1U << static_cast<unsigned>(finding); }

  std::uint32_t bits_ = 0;
};

/// What kind of work is asked for.
enum class QueryType : std::uint8_t {
  kUnknown,
  kSmallTalk,       ///< greetings, thanks
  kSimpleQuestion,  ///< one short question of fact, or a few words to translate
  kTranslation,
  kSummary,
  kExtraction,
  kClassification,
  kCode,
  kProof,
  kAnalysis,
  kWriting,
  kCount,
};

/// The word for configuration, explanations and ledger; empty for kUnknown.
std::string_view Name(QueryType type);

/// What was seen in one request.
struct Reading {
  Findings found;
  QueryType query_type = QueryType::kUnknown;
};

}  // namespace triage::detect
