#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "net/sse.h"
#include "wire/anthropic.h"

namespace triage::wire::anthropic {

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/wire/anthropic/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a stream means whose bytes come in pieces of `step`.
inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view stream,
                                                        std::size_t step = 1 << 20) {
  const auto reader = NewReader();
  std::vector<llm::StreamEvent> events;
  net::SseFramer framer;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    framer.Feed(stream.substr(at, step));
    while (const auto event = framer.Next()) {
      if (!event->has_data) continue;
      Result<void> read = reader->OnEvent(event->name, event->data, events);
      if (!read) return std::move(read).error();
    }
  }
  Result<void> ended = reader->OnEnd(events);
  if (!ended) return std::move(ended).error();
  return events;
}

/// The same for events that are written down as data alone.
inline Result<std::vector<llm::StreamEvent>> ReadEvents(
    const std::vector<std::string_view>& events) {
  std::string stream;
  for (const std::string_view data : events) {
    stream += "data: ";
    stream += data;
    stream += "\n\n";
  }
  return ReadStream(stream);
}

inline llm::Answer AnswerOf(const std::vector<llm::StreamEvent>& events) {
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  return builder.answer();
}

inline std::string WriteStream(const std::vector<llm::StreamEvent>& events) {
  const auto writer = NewWriter({.id = "x", .model = "m"});
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  return out;
}

}  // namespace triage::wire::anthropic
