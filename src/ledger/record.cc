#include "ledger/record.h"

namespace triage::ledger {

std::string_view Name(AttemptKind kind) {
  switch (kind) {
    case AttemptKind::kAnswer: return "answer";
    case AttemptKind::kRetry: return "retry";
    case AttemptKind::kFallback: return "fallback";
    case AttemptKind::kJudge: return "judge";
    case AttemptKind::kCheck: return "check";
    case AttemptKind::kHedge: return "hedge";
    case AttemptKind::kShadow: return "shadow";
    case AttemptKind::kEmbedding: return "embedding";
    case AttemptKind::kReask: return "reask";
    case AttemptKind::kEscalation: return "escalation";
  }
  return "answer";
}

std::string_view Name(Feedback::Source source) {
  return source == Feedback::Source::kClient ? "client" : "session";
}

}  // namespace triage::ledger
