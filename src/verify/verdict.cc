#include "verify/verdict.h"

#include <algorithm>

namespace triage::verify {

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass: return "pass";
    case Outcome::kFail: return "fail";
    case Outcome::kUnsure: return "unsure";
  }
  return "unsure";
}

std::optional<Outcome> ParseOutcome(std::string_view text) {
  for (const Outcome outcome : {Outcome::kPass, Outcome::kFail, Outcome::kUnsure}) {
    if (Name(outcome) == text) return outcome;
  }
  return std::nullopt;
}

Outcome Overall(std::span<const Verdict> verdicts) {
  Outcome overall = Outcome::kPass;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::kFail) return Outcome::kFail;
    if (verdict.outcome == Outcome::kUnsure) overall = Outcome::kUnsure;
  }
  return overall;
}

double WorstOf(std::span<const Verdict> verdicts) {
  double worst = 0;
  for (const Verdict& verdict : verdicts) worst = std::max(worst, verdict.p_bad);
  return worst;
}

}  // namespace triage::verify
