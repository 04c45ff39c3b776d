#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/codec.h"
#include "wire/golden_test_support.h"
#include "wire/stream_test_support.h"

namespace triage::wire::gemini {

inline std::string ReadGolden(const std::string& name) {
  return GoldenBytes("gemini/" + name);
}

/// The data of a stream's events.
inline std::vector<std::string> DataOf(std::string_view stream) {
  std::vector<std::string> events;
  while (!stream.empty()) {
    const std::size_t end = std::min(stream.find('\n'), stream.size());
    std::string_view line = stream.substr(0, end);
    stream.remove_prefix(std::min(end + 1, stream.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data: ")) events.emplace_back(line.substr(6));
  }
  return events;
}

inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view stream) {
  const std::unique_ptr<StreamReader> reader = GeminiCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  for (const std::string& data : DataOf(stream)) {
    Result<void> read = reader->OnEvent("", data, events);
    if (!read) return std::move(read).error();
  }
  Result<void> end = reader->OnEnd(events);
  if (!end) return std::move(end).error();
  return events;
}

}  // namespace triage::wire::gemini
