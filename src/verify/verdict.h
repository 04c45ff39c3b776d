#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace triage::verify {

enum class Outcome : std::uint8_t { kPass, kFail, kUnsure };

/// The word for ledger, metrics and feedback: pass, fail, unsure.
std::string_view Name(Outcome outcome);
std::optional<Outcome> ParseOutcome(std::string_view text);

/// What is wrong at one place of a JSON answer. Holds words of the schema, which is the client's,
/// but nothing of the answer: properties that the schema does not name are "*" in the pointer, and
/// values are told by kind and size only.
struct FieldError {
  std::string pointer;   ///< JSON pointer (RFC 6901) into the answer; empty = the whole of it
  std::string expected;  ///< "a number of at least 0"
  std::string got;       ///< "a string of 12 characters"

  bool operator==(const FieldError&) const = default;
};

/// The outcome of one check of one answer.
struct Verdict {
  std::string check;  ///< "refusal", "json_schema", the name of a pattern, …
  Outcome outcome = Outcome::kPass;
  std::string reason =
      {};  ///< one sentence for people, without text of prompt or answer; empty = pass
  /// Probability that the answer is unacceptable, given this verdict; 0 of a pass, which says no
  /// more than what the router expected anyway.
  double p_bad = 0;
  std::vector<FieldError> errors = {};  ///< of JSON checks, at most kMostErrors
  bool more_errors = false;             ///< there were more than fit
  /// False when the same model, asked again, would do the same: it was cut off, or gave the schema
  /// back instead of an answer.
  bool reask = true;
  std::chrono::microseconds took{0};  ///< set by who ran it; of a bundle's checks together
};

inline constexpr std::size_t kMostErrors = 10;

/// Of all verdicts together: fail if one fails, else unsure if one is, else pass.
Outcome Overall(std::span<const Verdict> verdicts);

/// The largest p_bad; 0 of none.
double WorstOf(std::span<const Verdict> verdicts);

}  // namespace triage::verify
