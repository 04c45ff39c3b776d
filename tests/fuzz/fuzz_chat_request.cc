// Any bytes as the body of a chat request: never a crash, never broken JSON accepted, and what is
// accepted is spliced, for any profile, into a body that is accepted again with the same text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/json.h"
#include "wire/openai_chat.h"
#include "wire/splice.h"

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

  // Every profile leaves a request that is valid and says the same.
  const llm::Profile profiles[] = {
      {},
      {.max_tokens_field = "max_completion_tokens",
       .refuses = {"seed", "logprobs", "user", "temperature"},
       .developer_role = false},
      {.max_tokens_field = "max_tokens",
       .accepts = {"temperature", "tools"},
       .stream_usage = false,
       .max_temperature = 0.5},
  };
  for (const llm::Profile& profile : profiles) {
    wire::SplicedBody spliced;
    wire::SpliceRequest(request, "provider/\"model\"", profile, spliced);
    std::string sent;
    for (std::string_view part : spliced.parts()) sent += part;
    llm::Request again;
    const auto reread = wire::ParseChatRequest(sent, {}, again);
    TRIAGE_CHECK(reread.has_value());
    TRIAGE_CHECK(again.model == "provider/\"model\"");
    TRIAGE_CHECK(again.text == request.text);
    TRIAGE_CHECK(again.stream == request.stream);
    TRIAGE_CHECK(again.max_output_tokens == request.max_output_tokens);
    TRIAGE_CHECK(again.developer_roles.empty() || profile.developer_role);
    TRIAGE_CHECK(again.include_usage ==
                 (profile.stream_usage && (request.stream || request.include_usage)));
  }
  return 0;
}
