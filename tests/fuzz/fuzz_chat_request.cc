// Any bytes as the body of a chat request: never a crash, never broken JSON accepted, and what is
// accepted is spliced into a body that is accepted again with the same text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/json.h"
#include "wire/openai_chat.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  const std::string body(data, data + size);
  llm::Request request;
  const auto result = wire::ParseChatRequest(body, {}, request);
  if (!result) {
    TRIAGE_CHECK(!result.error().message.empty());
    TRIAGE_CHECK(!wire::FindJsonProblem(wire::JsonString(result.error().message), 1));
    return 0;
  }
  TRIAGE_CHECK(!wire::FindJsonProblem(body, 64));
  TRIAGE_CHECK(request.body == body);
  for (const llm::Turn& turn : request.turns) {
    if (turn.text.empty()) continue;
    TRIAGE_CHECK(turn.text.data() >= request.text.data());
    TRIAGE_CHECK(turn.text.data() + turn.text.size() <= request.text.data() + request.text.size());
  }

  wire::SplicedBody spliced;
  wire::SpliceRequest(request, "provider/\"model\"", spliced);
  std::string sent;
  for (std::string_view part : spliced.parts()) sent += part;
  llm::Request again;
  const auto reread = wire::ParseChatRequest(sent, {}, again);
  TRIAGE_CHECK(reread.has_value());
  TRIAGE_CHECK(again.model == "provider/\"model\"");
  TRIAGE_CHECK(again.text == request.text);
  TRIAGE_CHECK(again.stream == request.stream);
  TRIAGE_CHECK(again.include_usage == (request.stream || request.include_usage));
  return 0;
}
