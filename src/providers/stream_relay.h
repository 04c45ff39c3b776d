#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"
#include "net/sse.h"
#include "wire/openai_stream.h"

namespace triage::providers {

/// What of a provider's event stream goes on to the client: the bytes of complete events as they
/// arrived, without comments in front of the first chunk and without usage chunks the client did
/// not ask for. Copies only events that arrived in pieces. Order of calls: Feed, Next until empty,
/// …, End, Next until empty.
class StreamRelay {
 public:
  explicit StreamRelay(bool client_wants_usage) : scanner_(client_wants_usage) {}

  /// `bytes` stay valid until the next Feed or End.
  void Feed(std::string_view bytes) { framer_.Feed(bytes); }

  /// The provider's body has ended.
  void End();

  /// Bytes to relay, valid until the next Feed or End; empty when there are none, or when the
  /// stream has failed.
  std::string_view Next();

  /// Why the stream is over before its end. What Next gave before is still good.
  const std::optional<Error>& error() const { return error_; }

  const llm::ReplySummary& summary() const { return scanner_.summary(); }

 private:
  // Whether the event's bytes go on.
  bool Admit(const net::SseEvent& event);
  void Fail(std::string_view message);

  net::SseFramer framer_;
  wire::ChatStreamScanner scanner_;
  std::optional<Error> error_;
  bool ended_ = false;
  std::string tail_;  // an event whose blank line never came, made whole
  std::string_view tail_left_;
};

}  // namespace triage::providers
