// Any bytes as a request, an answer and a stream of a dialect, which the first byte chooses: never
// a crash, errors always say something, and whatever is made of them, for any other dialect too, is
// JSON and keeps to the grammar of streams.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/aws_event_stream.h"
#include "wire/client_request.h"
#include "wire/codec.h"
#include "wire/json.h"

namespace {

using namespace triage;
using Kind = llm::StreamEvent::Kind;

bool IsJson(std::string_view text) {
  return !wire::FindJsonProblem(text, 300);
}

const wire::Codec& Codec(std::size_t number) {
  return wire::CodecOf(static_cast<llm::Dialect>(number % llm::kDialects));
}

void FuzzRequest(const wire::Codec& codec, std::string_view body) {
  const auto read = codec.ReadRequest(body, {});
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    TRIAGE_CHECK(IsJson(codec.WriteError(read.error(), 400, "id")));
    return;
  }
  llm::Profile profile;
  profile.oci_compartment = "ocid1.compartment.oc1..x";
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const auto written = Codec(i).WriteRequest(*read, "m", profile);
    if (written) TRIAGE_CHECK(IsJson(written->body));
  }
}

void FuzzAnswer(const wire::Codec& codec, std::string_view body) {
  const auto read = codec.ReadAnswer(body);
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    return;
  }
  for (std::size_t i = 0; i < llm::kDialects; ++i)
    TRIAGE_CHECK(IsJson(Codec(i).WriteAnswer(*read, {.id = "x", .model = "m"})));
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
      case Kind::kText:
      case Kind::kSignature:
      case Kind::kArguments:
      case Kind::kCitation:
      case Kind::kLogprobs: TRIAGE_CHECK(std::ranges::find(open, event.part) != open.end()); break;
    }
  }
}

// Lines are events: a name, a blank, the data; or only the data.
void FuzzStream(const wire::Codec& codec, std::string_view text) {
  const auto reader = codec.NewStreamReader();
  std::vector<llm::StreamEvent> events;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string_view name;
    if (const std::size_t blank = line.find(' ');
        blank != std::string_view::npos && !line.starts_with('{') && !line.starts_with('[')) {
      name = line.substr(0, blank);
      line.remove_prefix(blank + 1);
    }
    if (!reader->OnEvent(name, line, events)) break;
  }
  if (reader->OnEnd(events)) TRIAGE_CHECK(events.back().kind == Kind::kEnd);
  CheckGrammar(events);
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const auto writer = Codec(i).NewStreamWriter({.id = "x", .model = "m", .include_usage = true});
    std::string out;
    for (const llm::StreamEvent& event : events) writer->Write(event, out);
    if (Codec(i).framing() == wire::Framing::kAwsEventStream) {
      wire::AwsEventStreamDecoder decoder;
      decoder.Feed(out);
      while (const auto message = decoder.Next()) TRIAGE_CHECK(IsJson(message->payload));
      TRIAGE_CHECK(!decoder.error());
      continue;
    }
    std::string_view rest = out;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      constexpr std::string_view kData = "data: ";
      if (!line.starts_with(kData)) continue;
      line.remove_prefix(kData.size());
      TRIAGE_CHECK(line == "[DONE]" || IsJson(line));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const wire::Codec& codec = Codec(data[0] % 16);
  const std::string text(data + 1, data + size);
  FuzzRequest(codec, text);
  FuzzAnswer(codec, text);
  FuzzStream(codec, text);
  wire::FindMember(text, "model");
  wire::AwsEventStreamDecoder decoder;
  decoder.Feed(text);
  while (decoder.Next()) {
  }
  return 0;
}
