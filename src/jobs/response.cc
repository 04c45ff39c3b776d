#include "jobs/response.h"

namespace triage::jobs {

std::string_view Name(ResponseStatus status) {
  switch (status) {
    case ResponseStatus::kQueued: return "queued";
    case ResponseStatus::kInProgress: return "in_progress";
    case ResponseStatus::kCompleted: return "completed";
    case ResponseStatus::kIncomplete: return "incomplete";
    case ResponseStatus::kFailed: return "failed";
    case ResponseStatus::kCancelled: return "cancelled";
  }
  return "failed";
}

std::optional<ResponseStatus> ParseResponseStatus(std::string_view text) {
  for (const ResponseStatus status :
       {ResponseStatus::kQueued, ResponseStatus::kInProgress, ResponseStatus::kCompleted,
        ResponseStatus::kIncomplete, ResponseStatus::kFailed, ResponseStatus::kCancelled}) {
    if (Name(status) == text) return status;
  }
  return std::nullopt;
}

bool IsFinal(ResponseStatus status) {
  return status != ResponseStatus::kQueued && status != ResponseStatus::kInProgress;
}

}  // namespace triage::jobs
