// Any bytes as a provider's stream, cut at places the first byte chooses: never a crash, and the
// same result as in one piece. Also as a whole answer and as an error body.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "providers/stream_relay.h"
#include "wire/openai_chat.h"

namespace {

struct Seen {
  std::string relayed;
  triage::llm::ReplySummary summary;
  std::optional<triage::Error> error;
};

Seen Relay(std::string_view stream, std::size_t step, bool wants_usage) {
  triage::providers::StreamRelay relay(wants_usage);
  Seen seen;
  const auto drain = [&] {
    for (auto run = relay.Next(); !run.empty(); run = relay.Next()) seen.relayed += run;
  };
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const std::string piece(stream.substr(at, step));
    relay.Feed(piece);
    drain();
  }
  relay.End();
  drain();
  seen.summary = relay.summary();
  seen.error = relay.error();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  if (size == 0) return 0;
  const std::string stream(data + 1, data + size);
  const std::size_t step = 1 + data[0] / 2;
  const bool wants_usage = data[0] % 2 == 1;
  const Seen whole = Relay(stream, stream.size() + 1, wants_usage);
  const Seen split = Relay(stream, step, wants_usage);
  TRIAGE_CHECK(whole.relayed == split.relayed);
  TRIAGE_CHECK(whole.summary.usage == split.summary.usage);
  TRIAGE_CHECK(whole.summary.finish == split.summary.finish);
  TRIAGE_CHECK(whole.summary.complete == split.summary.complete);
  TRIAGE_CHECK(whole.error.has_value() == split.error.has_value());
  TRIAGE_CHECK(whole.error || whole.summary.complete);

  const auto answer = wire::ParseChatResponse(stream);
  TRIAGE_CHECK(answer || !answer.error().message.empty());
  const Error error = wire::ParseErrorBody(500, "", stream);
  TRIAGE_CHECK(error.message.size() <= 300);
  return 0;
}
