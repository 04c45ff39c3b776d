#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"

namespace triage::wire::bedrock {

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/wire/bedrock/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view bytes) {
  const std::unique_ptr<StreamReader> reader = BedrockCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  AwsEventStreamDecoder decoder;
  decoder.Feed(bytes);
  while (const auto message = decoder.Next()) {
    Result<void> read = reader->OnEvent(message->type, message->payload, events);
    if (!read) return std::move(read).error();
  }
  if (decoder.error()) return *decoder.error();
  Result<void> end = reader->OnEnd(events);
  if (!end) return std::move(end).error();
  return events;
}

inline llm::Answer AnswerOf(const std::vector<llm::StreamEvent>& events) {
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  return builder.answer();
}

}  // namespace triage::wire::bedrock
