#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"

namespace triage::wire {

struct ChatAnswer;

/// Follows the events of a streamed chat completion: what they say of usage, finish, model and
/// failure, and which of them a client must not see. Framing is `SseFramer`'s work. An
/// ordinary chunk is searched, not parsed; keys written with JSON escapes are therefore not found
/// in it, which no provider does.
class ChatStreamScanner {
 public:
  enum class Verdict {
    kRelay,
    kDrop,  ///< a chunk that only tells usage, which the client did not ask for
    kFail,  ///< an error event or garbage; `error()` says what. The stream is over.
  };

  explicit ChatStreamScanner(bool client_wants_usage);
  ~ChatStreamScanner();
  ChatStreamScanner(ChatStreamScanner&&) noexcept;

  /// `data` of one event.
  Verdict OnData(std::string_view data);

  /// Whether `data` is a whole event, for one whose blank line never came.
  static bool IsWhole(std::string_view data);

  /// Complete once [DONE] or a finish reason has been seen.
  const llm::ReplySummary& summary() const { return summary_; }

  /// Why OnData said kFail.
  const Error& error() const { return error_; }

  /// A chunk (not only [DONE]) has been seen.
  bool begun() const { return begun_; }

 private:
  Verdict Read(std::string_view data);
  Verdict Fail(std::string_view message);

  const bool client_wants_usage_;
  bool begun_ = false;
  llm::ReplySummary summary_;
  Error error_;
  std::unique_ptr<ChatAnswer> seen_;  // across chunks
};

}  // namespace triage::wire
