#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"

namespace triage::providers {

/// Turns the bytes of a provider's stream into those that go on to the client. Order of calls:
/// Feed, Next until empty, …, End, Next until empty.
class AnswerStream {
 public:
  virtual ~AnswerStream() = default;

  /// `bytes` stay valid until the next Feed or End.
  virtual void Feed(std::string_view bytes) = 0;
  /// The provider's body has ended.
  virtual void End() = 0;
  /// Bytes for the client, valid until the next call; empty when there are none, or when the stream
  /// has failed.
  virtual std::string_view Next() = 0;
  /// Why the stream is over before its end. What Next gave before is still good.
  virtual const std::optional<Error>& error() const = 0;
  virtual const llm::ReplySummary& summary() const = 0;
  /// Something of the answer has been seen, so that an error can no longer be a refusal.
  virtual bool begun() const = 0;
  /// The event that tells the client of a failure.
  virtual std::string ErrorEvent(const Error& error) = 0;
};

}  // namespace triage::providers
