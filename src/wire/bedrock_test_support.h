#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"
#include "wire/golden_test_support.h"
#include "wire/stream_test_support.h"

namespace triage::wire::bedrock {

inline std::string ReadGolden(const std::string& name) {
  return GoldenBytes("bedrock/" + name);
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

}  // namespace triage::wire::bedrock
