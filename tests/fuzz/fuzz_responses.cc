// Any bytes as a request, an answer and a stream of the Responses API, and as what is kept of it:
// never a crash, errors always say something, whatever is made of them is JSON, can be read again,
// and keeps to the grammar of streams.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fuzz/codec_checks.h"
#include "wire/codec.h"
#include "wire/responses.h"

namespace {

using namespace triage;
using Kind = llm::StreamEvent::Kind;

void FuzzRequest(std::string_view body) {
  const wire::Codec& codec = wire::OpenAiResponsesCodec();
  const auto read = codec.ReadRequest(body, {});
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    TRIAGE_CHECK(IsJson(codec.WriteError(read.error(), 400, "id")));
    return;
  }
  const auto written = codec.WriteRequest(*read, read->model, {});
  TRIAGE_CHECK(written.has_value());
  TRIAGE_CHECK(IsJson(written->body));
  // What a provider reads is no other request than it is asked with the second time.
  const auto again = codec.ReadRequest(written->body, {});
  TRIAGE_CHECK(again.has_value());
  const auto rewritten = codec.WriteRequest(*again, again->model, {});
  TRIAGE_CHECK(rewritten.has_value() && rewritten->body == written->body);
}

void FuzzState(std::string_view body) {
  const wire::KeptResponse kept{.input_items = body, .response = body};
  const auto controls = wire::ReadControls(body, {});
  const auto made = wire::StatelessBody(body, &kept, {&kept, 1}, {});
  if (made) {
    TRIAGE_CHECK(controls || !controls.error().message.empty());
    TRIAGE_CHECK(IsJson(*made));
    TRIAGE_CHECK(IsJson(wire::InputItems(*made)));
  }
  const auto list = wire::InputItemList(body, "resp_1", {});
  TRIAGE_CHECK(list && IsJson(*list));
  TRIAGE_CHECK(IsJson(wire::WithStatus(body, "cancelled")));
  (void)wire::OutputItemIds(body);
  (void)wire::SummaryOf(body);
}

void FuzzAnswer(std::string_view body) {
  const wire::Codec& codec = wire::OpenAiResponsesCodec();
  const auto read = codec.ReadAnswer(body);
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    return;
  }
  const std::string written = codec.WriteAnswer(*read, {.id = "x", .model = "m", .request = body});
  TRIAGE_CHECK(IsJson(written));
  TRIAGE_CHECK(codec.ReadAnswer(written).has_value());
}

// Only calls of tools are open side by side.
void CheckCalls(const std::vector<llm::StreamEvent>& events) {
  std::vector<int> open;
  std::size_t calls = 0;  // of those open
  for (const llm::StreamEvent& event : events) {
    if (event.kind == Kind::kPartStart) {
      TRIAGE_CHECK(calls == open.size());
      const bool call = event.part_kind == llm::PartKind::kToolCall;
      TRIAGE_CHECK(call || open.empty());
      if (call) ++calls;
      open.push_back(event.part);
    } else if (event.kind == Kind::kPartEnd) {
      std::erase(open, event.part);
      calls = std::min(calls, open.size());
    }
  }
}

// Events are lines, cut from the bytes.
void FuzzStream(std::string_view bytes) {
  const wire::Codec& codec = wire::OpenAiResponsesCodec();
  const std::unique_ptr<wire::StreamReader> reader = codec.NewStreamReader();
  std::vector<llm::StreamEvent> events;
  bool good = true;
  while (good && !bytes.empty()) {
    const std::size_t line = bytes.find('\n');
    std::string_view data = bytes.substr(0, line);
    bytes.remove_prefix(line == std::string_view::npos ? bytes.size() : line + 1);
    if (data.starts_with("data: ")) data.remove_prefix(6);
    if (data.empty() || data.starts_with("event:")) continue;
    const Result<void> taken = reader->OnEvent("", data, events);
    good = taken.has_value();
    TRIAGE_CHECK(good || !taken.error().message.empty());
  }
  const bool ended = good && reader->OnEnd(events).has_value();
  TRIAGE_CHECK(wire::GrammarFault(events, false).empty());
  CheckCalls(events);
  const std::unique_ptr<wire::StreamWriter> writer =
      codec.NewStreamWriter({.id = "x", .model = "m"});
  std::string out;
  for (const llm::StreamEvent& event : events) writer->Write(event, out);
  if (!ended) writer->WriteError({.message = "ended"}, out);
  for (std::size_t at = out.find("data: "); at != std::string::npos;
       at = out.find("\ndata: ", at)) {
    at = out.find('{', at);
    const std::size_t end = out.find("\n\n", at);
    TRIAGE_CHECK(IsJson(std::string_view(out).substr(at, end - at)));
    at = end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  FuzzRequest(bytes);
  FuzzState(bytes);
  FuzzAnswer(bytes);
  FuzzStream(bytes);
  return 0;
}
