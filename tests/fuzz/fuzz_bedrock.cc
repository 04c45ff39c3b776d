// Any bytes as a request, an answer and a stream of Bedrock Converse: never a crash, errors always
// say something, and whatever is made of them is JSON and keeps to the grammar of streams.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"
#include "wire/json.h"

namespace {

using namespace triage;
using Kind = llm::StreamEvent::Kind;

bool IsJson(std::string_view text) {
  return !wire::FindJsonProblem(text, 80);
}

void FuzzRequest(std::string_view body) {
  const wire::Codec& codec = wire::BedrockCodec();
  const auto read = codec.ReadRequest(body, {});
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    TRIAGE_CHECK(IsJson(codec.WriteError(read.error(), 400, "id")));
    return;
  }
  const auto written = codec.WriteRequest(*read, "m", {});
  if (!written) return;
  TRIAGE_CHECK(IsJson(written->body));
  // What it wrote it can read, and then it says the same.
  const auto again = codec.ReadRequest(written->body, {});
  TRIAGE_CHECK(again.has_value());
  const auto rewritten = codec.WriteRequest(*again, "m", {});
  TRIAGE_CHECK(rewritten && rewritten->body == written->body);
  // Another dialect's writer must cope with it too.
  const auto other = wire::OpenAiChatCodec().WriteRequest(*read, "m", {});
  if (other) TRIAGE_CHECK(IsJson(other->body));
}

void FuzzAnswer(std::string_view body) {
  const auto read = wire::BedrockCodec().ReadAnswer(body);
  if (!read) {
    TRIAGE_CHECK(read.error().code == ErrorCode::kUpstream);
    return;
  }
  const std::string written = wire::BedrockCodec().WriteAnswer(*read, {});
  TRIAGE_CHECK(IsJson(written));
  TRIAGE_CHECK(wire::BedrockCodec().ReadAnswer(written).has_value());
}

void CheckGrammar(const std::vector<llm::StreamEvent>& events) {
  std::vector<int> open;
  int next = 0;
  bool finished = false;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const llm::StreamEvent& event = events[i];
    switch (event.kind) {
      case Kind::kStart: TRIAGE_CHECK(i == 0); break;
      case Kind::kPartStart:
        TRIAGE_CHECK(!finished && event.part == next++);
        open.push_back(event.part);
        break;
      case Kind::kPartEnd: TRIAGE_CHECK(std::erase(open, event.part) == 1); break;
      case Kind::kUsage: TRIAGE_CHECK(i > 0); break;
      case Kind::kFinish:
        TRIAGE_CHECK(!finished && open.empty());
        finished = true;
        break;
      case Kind::kEnd: TRIAGE_CHECK(finished && i + 1 == events.size()); break;
      default: TRIAGE_CHECK(std::ranges::find(open, event.part) != open.end()); break;
    }
  }
}

// Events are the lines of `text`: a name, a blank, a payload.
void FuzzStream(std::string_view text) {
  const auto reader = wire::BedrockCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view name = line.substr(0, line.find(' '));
    if (!reader->OnEvent(name, line.substr(std::min(name.size() + 1, line.size())), events)) break;
  }
  if (reader->OnEnd(events)) TRIAGE_CHECK(events.back().kind == Kind::kEnd);
  CheckGrammar(events);
  const auto writer = wire::BedrockCodec().NewStreamWriter({});
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  wire::AwsEventStreamDecoder decoder;
  decoder.Feed(out);
  while (const auto message = decoder.Next()) TRIAGE_CHECK(IsJson(message->payload));
  TRIAGE_CHECK(!decoder.error() && !decoder.within_message());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  FuzzRequest(text);
  FuzzAnswer(text);
  FuzzStream(text);
  return 0;
}
