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

struct SseEvent {
  std::string name;
  std::string data;
};

/// The events of a stream that is framed as OpenAI frames it.
inline std::vector<SseEvent> SseEvents(std::string_view stream) {
  std::vector<SseEvent> events;
  while (!stream.empty()) {
    const std::size_t end = stream.find("\n\n");
    std::string_view event = stream.substr(0, end);
    stream.remove_prefix(end == std::string_view::npos ? stream.size() : end + 2);
    SseEvent read;
    while (!event.empty()) {
      const std::size_t line = event.find('\n');
      const std::string_view text = event.substr(0, line);
      if (text.starts_with("event: ")) read.name = text.substr(7);
      if (text.starts_with("data: ")) read.data += text.substr(6);
      event.remove_prefix(line == std::string_view::npos ? event.size() : line + 1);
    }
    if (!read.data.empty()) events.push_back(std::move(read));
  }
  return events;
}

/// What a stream says, event by event, to its end.
inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view stream) {
  const std::unique_ptr<StreamReader> reader = OpenAiResponsesCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  for (const SseEvent& event : SseEvents(stream)) {
    Result<void> read = reader->OnEvent(event.name, event.data, events);
    if (!read) return std::move(read).error();
  }
  Result<void> end = reader->OnEnd(events);
  if (!end) return std::move(end).error();
  return events;
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
