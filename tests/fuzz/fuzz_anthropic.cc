// Any bytes as a request, an answer and a stream of Anthropic Messages: never a crash, errors
// always say something, and whatever is made of them is JSON and keeps to the grammar of streams,
// both the neutral one and the one that Anthropic's clients expect. A stream is cut into pieces
// where the bytes themselves say.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fuzz/codec_checks.h"
#include "wire/anthropic.h"
#include "wire/codec.h"
#include "wire/sse.h"

namespace {

using namespace triage;
using Kind = llm::StreamEvent::Kind;

void FuzzRequest(std::string_view body) {
  const wire::Codec& codec = wire::AnthropicCodec();
  if (const auto count = wire::ReadTokenCount(body)) TRIAGE_CHECK(*count >= 0);
  const auto read = wire::anthropic::ReadRequest(body, {}, false);
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
  // The same conversation of a client of another dialect, for an older and a newer model.
  llm::Conversation foreign = *read;
  foreign.origin = llm::Dialect::kOpenAiChat;
  for (const bool newer : {false, true}) {
    const auto translated =
        codec.WriteRequest(foreign, "m", {.structured_output = newer, .adaptive_thinking = newer});
    if (!translated) continue;
    TRIAGE_CHECK(IsJson(translated->body));
    TRIAGE_CHECK(codec.ReadRequest(translated->body, {}).has_value());
  }
}

// One block after the other, numbered from 0, each with its end.
void CheckClientStream(std::string_view stream, bool whole) {
  wire::SseFramer framer;
  framer.Feed(stream);
  std::int64_t index = 0;
  bool open = false;
  std::string last;
  while (const auto event = framer.Next()) {
    wire::JsonTree tree;
    TRIAGE_CHECK(tree.Parse(event->data, 300).has_value());
    const wire::JsonValue root = tree.root();
    TRIAGE_CHECK(root["type"].text() == event->name);
    TRIAGE_CHECK(last != "message_stop");
    last = event->name;
    if (last == "content_block_start") TRIAGE_CHECK(!open && root["index"].integer() == index);
    if (last == "content_block_delta") TRIAGE_CHECK(open && root["index"].integer() == index);
    if (last == "content_block_stop") TRIAGE_CHECK(open && root["index"].integer() == index++);
    open = last == "content_block_start" || last == "content_block_delta";
  }
  TRIAGE_CHECK(whole == (last == "message_stop"));
}

void FuzzStream(std::string_view bytes) {
  const auto reader = wire::AnthropicCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  wire::SseFramer framer;
  bool good = true;
  while (good && !bytes.empty()) {
    const std::size_t step = 1 + static_cast<unsigned char>(bytes.front()) % 64;
    framer.Feed(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
    while (const auto event = framer.Next()) {
      if (!event->has_data) continue;
      const auto read = reader->OnEvent(event->name, event->data, events);
      if (read) continue;
      TRIAGE_CHECK(!read.error().message.empty());
      good = false;
      break;
    }
  }
  const bool whole = good && reader->OnEnd(events).has_value();
  if (whole) TRIAGE_CHECK(events.back().kind == Kind::kEnd);
  TRIAGE_CHECK(wire::GrammarFault(events, false).empty());
  if (!whole) return;
  const auto writer = wire::AnthropicCodec().NewStreamWriter({.id = "x", .model = "m"});
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  CheckClientStream(out, whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  FuzzRequest(text);
  CheckAnswer(wire::AnthropicCodec(), text);
  FuzzStream(text);
  return 0;
}
