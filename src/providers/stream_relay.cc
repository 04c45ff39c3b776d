#include "providers/stream_relay.h"

#include <utility>

namespace triage::providers {

bool StreamRelay::Admit(const wire::SseEvent& event) {
  if (!event.has_data) return scanner_.begun();
  switch (scanner_.OnData(event.data)) {
    case wire::ChatStreamScanner::Verdict::kDrop: return false;
    case wire::ChatStreamScanner::Verdict::kFail: error_ = scanner_.error(); return false;
    case wire::ChatStreamScanner::Verdict::kRelay: break;
  }
  if (!scanner_.begun()) Fail("The provider's stream ended before its first event.");
  if (event.name == "error") Fail("The provider's stream reported an error.");
  return !error_;
}

std::string_view StreamRelay::Next() {
  if (ended_) return std::exchange(tail_left_, {});
  std::string_view run;
  while (!error_) {
    const auto event = framer_.Next();
    if (!event) break;
    if (Admit(*event)) {
      // Events of one feed lie side by side; one that is not admitted ends the run.
      const char* begin = run.empty() ? event->bytes.data() : run.data();
      run = std::string_view(begin, run.size() + event->bytes.size());
    } else if (!run.empty()) {
      return run;
    }
  }
  if (!error_ && framer_.overflowed()) {
    Fail("The provider's stream holds an event that is too long.");
  }
  return run;
}

void StreamRelay::End() {
  ended_ = true;
  if (error_) return;
  if (const auto event = framer_.Finish()) {
    const bool whole =
        event->terminated || !event->has_data || wire::ChatStreamScanner::IsWhole(event->data);
    if (whole && Admit(*event)) {
      tail_ = event->bytes;
      if (!event->terminated) tail_ += "\n\n";  // without it a client would not dispatch the event
      tail_left_ = tail_;
    }
  }
  if (!error_ && !scanner_.begun()) Fail("The provider's stream ended before its first event.");
  if (!error_ && !scanner_.summary().complete) Fail("The provider's stream ended early.");
}

void StreamRelay::Fail(std::string_view message) {
  error_ = Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

}  // namespace triage::providers
