#include "decide/decision.h"

namespace triage::decide {

std::string_view Name(StepKind kind) {
  switch (kind) {
    case StepKind::kConstraint: return "constraint";
    case StepKind::kPolicy: return "policy";
    case StepKind::kRouter: return "router";
    case StepKind::kJudge: return "judge";
    case StepKind::kBand: return "band";
    case StepKind::kCost: return "cost";
    case StepKind::kFeedback: return "feedback";
    case StepKind::kVerdict: return "verdict";
  }
  return "unknown";
}

const std::string& Decision::TierName() const {
  static const std::string kNone;
  return tier < 0 ? kNone : tiers[static_cast<std::size_t>(tier)].tier;
}

}  // namespace triage::decide
