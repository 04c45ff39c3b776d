#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/stream_test_support.h"

/// What must hold for any bytes as a request, an answer or a stream of a dialect.
namespace triage {

inline bool IsJson(std::string_view text) {
  return !wire::FindJsonProblem(text, 300);
}

inline const wire::Codec& CodecNumber(std::size_t number) {
  return wire::CodecOf(static_cast<llm::Dialect>(number % llm::kDialects));
}

/// Refusals say something; what is understood can be written for every dialect as JSON, and for
/// `codec`'s own so that it reads the same again.
inline void CheckRequest(const wire::Codec& codec, std::string_view body) {
  const auto read = codec.ReadRequest(body, {});
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    TRIAGE_CHECK(IsJson(codec.WriteError(read.error(), 400, "id")));
    return;
  }
  llm::Profile profile;
  profile.oci_compartment = "ocid1.compartment.oc1..x";
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const auto written = CodecNumber(i).WriteRequest(*read, "m", profile);
    if (!written) continue;
    TRIAGE_CHECK(IsJson(written->body));
    if (&CodecNumber(i) != &codec) continue;
    const auto again = codec.ReadRequest(written->body, {});
    TRIAGE_CHECK(again.has_value());
    const auto rewritten = codec.WriteRequest(*again, "m", profile);
    TRIAGE_CHECK(rewritten && rewritten->body == written->body);
  }
}

/// The same for an answer.
inline void CheckAnswer(const wire::Codec& codec, std::string_view body) {
  const auto read = codec.ReadAnswer(body);
  if (!read) {
    TRIAGE_CHECK(!read.error().message.empty());
    return;
  }
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const std::string written = CodecNumber(i).WriteAnswer(*read, {.id = "x", .model = "m"});
    TRIAGE_CHECK(IsJson(written));
    if (&CodecNumber(i) == &codec) TRIAGE_CHECK(codec.ReadAnswer(written).has_value());
  }
}

/// All data of what a writer wrote is JSON, or the end.
inline void CheckWritten(wire::Framing framing, std::string_view stream) {
  if (framing == wire::Framing::kAwsEventStream) {
    wire::AwsEventStreamDecoder decoder;
    decoder.Feed(stream);
    while (const auto message = decoder.Next()) TRIAGE_CHECK(IsJson(message->payload));
    TRIAGE_CHECK(!decoder.error() && !decoder.within_message());
    return;
  }
  while (!stream.empty()) {
    const std::size_t end = std::min(stream.find('\n'), stream.size());
    std::string_view line = stream.substr(0, end);
    stream.remove_prefix(std::min(end + 1, stream.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    constexpr std::string_view kData = "data: ";
    if (!line.starts_with(kData)) continue;
    line.remove_prefix(kData.size());
    TRIAGE_CHECK(line == "[DONE]" || IsJson(line));
  }
}

/// Lines of `text` are events: a name, a blank, the data; "data: " and the data; or only the data.
inline void CheckStream(const wire::Codec& codec, std::string_view text) {
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
      if (name == "data:") name = {};
    }
    if (!reader->OnEvent(name, line, events)) break;
  }
  if (reader->OnEnd(events)) TRIAGE_CHECK(events.back().kind == llm::StreamEvent::Kind::kEnd);
  TRIAGE_CHECK(wire::GrammarFault(events, false).empty());
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const auto writer =
        CodecNumber(i).NewStreamWriter({.id = "x", .model = "m", .include_usage = true});
    std::string out;
    for (const llm::StreamEvent& event : events) writer->Write(event, out);
    CheckWritten(CodecNumber(i).framing(), out);
  }
}

}  // namespace triage
