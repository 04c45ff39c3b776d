#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "llm/profile.h"

namespace triage::wire {

struct ReadLimits {
  std::size_t max_body_bytes = 32 * 1024 * 1024;
  std::size_t max_messages = 10'000;
  std::size_t max_parts = 20'000;  ///< of all messages together
  std::size_t max_fields = 256;    ///< of the top-level object
  std::int64_t max_output_tokens = 1'000'000'000;
  int max_depth = 64;
};

/// A request in a target's dialect.
struct WrittenRequest {
  std::string body;
  /// What the target's dialect cannot say and was left out or changed, in the words of the client's
  /// dialect where it has one: "seed", "temperature lowered to 1", "thinking of another provider".
  /// Each once, in order of appearance.
  std::vector<std::string> warnings;
};

/// What a writer of answers has to know beside the answer.
struct AnswerContext {
  std::string id;            ///< of the exchange; stands in where the answer has no id of its kind
  std::string model;         ///< what the answer shall say served it
  std::int64_t created = 0;  ///< Unix seconds
  bool include_usage = false;  ///< OpenAI chat streams: the client asked for the usage chunk
  /// The client's request, for dialects whose answers repeat parts of it (Responses); empty where
  /// there is none.
  std::string_view request = {};
};

/// Reads a provider's stream event by event. Framing (SSE, AWS event stream) is done before.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  /// Takes one event and appends what it amounts to. `name` is the SSE event field, or the event
  /// stream's event type; empty when there was none. Unknown event types are passed over. Errors:
  /// an error event (kUpstream, kRateLimited, … as ReadError would say), or garbage (kUpstream).
  virtual Result<void> OnEvent(std::string_view name, std::string_view data,
                               std::vector<llm::StreamEvent>& out) = 0;
  /// The body has ended. Appends what is still owed (open parts, kEnd) when the stream was complete
  /// all the same, as one without [DONE] but with a finish reason is; else error kUpstream.
  virtual Result<void> OnEnd(std::vector<llm::StreamEvent>& out) = 0;
};

/// Writes a client's stream, framing included.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// Appends the bytes for one event of the grammar of llm::StreamEvent.
  virtual void Write(const llm::StreamEvent& event, std::string& out) = 0;
  /// Appends the error event that ends a broken stream; no terminator follows.
  virtual void WriteError(const Error& error, std::string& out) = 0;

  /// So many events of this dialect went to the client as a provider wrote them, before anything
  /// is written here: for dialects that number their events.
  virtual void Follow(std::int64_t events) { (void)events; }
};

enum class Framing : std::uint8_t { kSse, kAwsEventStream };

/// One dialect, both ways. Without state: one object for all threads. Whatever a Codec writes it
/// can read, and neutral → dialect → neutral is the identity for what the dialect can express.
class Codec {
 public:
  virtual ~Codec() = default;
  virtual llm::Dialect dialect() const = 0;

  /// Error kInvalidRequest with the JSON pointer in `field` and the remedy in `message`; kTooLarge.
  /// `body` is one whole JSON text; it is checked.
  virtual Result<llm::Conversation> ReadRequest(std::string_view body,
                                                const ReadLimits& limits) const = 0;
  /// For `model`, the provider's own name. Deterministic; keeps the order of keys of what came as
  /// JSON. Error kUnsupported for what must not be dropped silently and cannot be said.
  virtual Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation,
                                              std::string_view model,
                                              const llm::Profile& profile) const = 0;

  /// A provider's 2xx answer that is not streamed. Error kUpstream when it is none or carries an
  /// error.
  virtual Result<llm::Answer> ReadAnswer(std::string_view body) const = 0;
  virtual std::string WriteAnswer(const llm::Answer& answer,
                                  const AnswerContext& context) const = 0;

  virtual Framing framing() const { return Framing::kSse; }

  virtual std::unique_ptr<StreamReader> NewStreamReader() const = 0;
  virtual std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const = 0;

  /// The body of an error answer in the client's shape; `request_id` where the dialect has a place
  /// for it. `status` is the HTTP status it goes out with. `Error::detail` is never in it.
  virtual std::string WriteError(const Error& error, int status,
                                 std::string_view request_id) const = 0;

  /// Bytes that keep an idle stream alive and mean nothing (an SSE comment, a ping event).
  virtual std::string_view KeepAlive() const = 0;
};

const Codec& CodecOf(llm::Dialect dialect);

/// One factory per dialect; each in its own file.
const Codec& OpenAiChatCodec();
const Codec& OpenAiResponsesCodec();
const Codec& AnthropicCodec();
const Codec& GeminiCodec();
const Codec& BedrockCodec();
const Codec& OciCodec();

}  // namespace triage::wire
