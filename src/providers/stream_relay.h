#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"
#include "providers/answer_stream.h"
#include "wire/openai_errors.h"
#include "wire/openai_stream.h"
#include "wire/sse.h"

namespace triage::providers {

/// The short way for OpenAI chat on both sides: the bytes of complete events go on as they arrived,
/// without comments in front of the first chunk and without usage chunks the client did not ask
/// for. Copies only events that arrived in pieces.
class StreamRelay final : public AnswerStream {
 public:
  explicit StreamRelay(bool client_wants_usage) : scanner_(client_wants_usage) {}

  void Feed(std::string_view bytes) override { framer_.Feed(bytes); }

  void End() override;

  std::string_view Next() override;

  const std::optional<Error>& error() const override { return error_; }

  const llm::ReplySummary& summary() const override { return scanner_.summary(); }

  bool begun() const override { return scanner_.begun(); }

  std::string ErrorEvent(const Error& error) override { return wire::StreamErrorEvent(error); }

 private:
  // Whether the event's bytes go on.
  bool Admit(const wire::SseEvent& event);
  void Fail(std::string_view message);

  wire::SseFramer framer_;
  wire::ChatStreamScanner scanner_;
  std::optional<Error> error_;
  bool ended_ = false;
  std::string tail_;  // an event whose blank line never came, made whole
  std::string_view tail_left_;
};

}  // namespace triage::providers
