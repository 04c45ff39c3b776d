#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/codec.h"
#include "wire/sse.h"

namespace triage::wire {

/// What a stream means whose bytes come in pieces of `step`.
inline Result<std::vector<llm::StreamEvent>> ReadSse(StreamReader& reader, std::string_view stream,
                                                     std::size_t step = 1 << 20) {
  std::vector<llm::StreamEvent> events;
  SseFramer framer;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    framer.Feed(stream.substr(at, step));
    while (const auto event = framer.Next()) {
      if (!event->has_data) continue;
      Result<void> read = reader.OnEvent(event->name, event->data, events);
      if (!read) return std::move(read).error();
    }
  }
  Result<void> ended = reader.OnEnd(events);
  if (!ended) return std::move(ended).error();
  return events;
}

inline llm::Answer AnswerOf(const std::vector<llm::StreamEvent>& events) {
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  return builder.answer();
}

/// Where events break the grammar of llm::StreamEvent; empty = nowhere. `whole`: they came to
/// their end.
inline std::string GrammarFault(const std::vector<llm::StreamEvent>& events, bool whole = true) {
  using Kind = llm::StreamEvent::Kind;
  std::vector<int> open;
  int next = 0;
  bool finished = false;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const llm::StreamEvent& event = events[i];
    bool right = (event.kind == Kind::kStart) == (i == 0);
    switch (event.kind) {
      case Kind::kStart:
      case Kind::kUsage: break;
      case Kind::kPartStart:
        right = right && !finished && event.part == next++;
        open.push_back(event.part);
        break;
      case Kind::kPartEnd: right = right && std::erase(open, event.part) == 1; break;
      case Kind::kFinish:
        right = right && !finished && open.empty();
        finished = true;
        break;
      case Kind::kEnd: right = right && finished && i + 1 == events.size(); break;
      case Kind::kText:
      case Kind::kSignature:
      case Kind::kArguments:
      case Kind::kCitation:
      case Kind::kLogprobs: right = right && std::ranges::count(open, event.part) == 1; break;
    }
    if (!right) return fmt::format("event {} of kind {}", i, static_cast<int>(event.kind));
  }
  if (whole && (events.empty() || events.back().kind != Kind::kEnd)) return "no end";
  return {};
}

}  // namespace triage::wire
