#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/codec.h"
#include "wire/golden_test_support.h"
#include "wire/stream_test_support.h"

namespace triage::wire {

inline std::string ReadGolden(const std::string& name) {
  return GoldenBytes("responses/" + name);
}

struct NamedEvent {
  std::string name;
  std::string data;
};

/// The events of a whole stream.
inline std::vector<NamedEvent> NamedEvents(std::string_view stream) {
  std::vector<NamedEvent> events;
  SseFramer framer;
  framer.Feed(stream);
  while (const auto event = framer.Next()) {
    if (event->has_data) events.emplace_back(std::string(event->name), std::string(event->data));
  }
  return events;
}

/// What a stream says, event by event, to its end.
inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view stream) {
  return ReadSse(*OpenAiResponsesCodec().NewStreamReader(), stream);
}

inline Result<llm::Answer> AnswerOfStream(std::string_view stream) {
  Result<std::vector<llm::StreamEvent>> events = ReadStream(stream);
  if (!events) return std::move(events).error();
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : *events) builder.Add(event);
  if (!builder.ended()) return Error{.code = ErrorCode::kInternal, .message = "no kEnd"};
  return builder.answer();
}

inline std::string WriteStream(const std::vector<llm::StreamEvent>& events,
                               const AnswerContext& context) {
  const std::unique_ptr<StreamWriter> writer = OpenAiResponsesCodec().NewStreamWriter(context);
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  return out;
}

}  // namespace triage::wire
