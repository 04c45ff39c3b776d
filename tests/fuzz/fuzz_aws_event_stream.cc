// Any bytes as an AWS event stream, cut at places the first byte chooses: never a crash, the same
// messages as in one piece, and what was decoded can be encoded again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/aws_event_stream.h"

namespace {

using namespace triage;

struct Seen {
  std::string type;
  std::string payload;
  bool exception;

  bool operator==(const Seen&) const = default;
};

std::vector<Seen> Decode(std::string_view stream, std::size_t step, bool& broken,
                         std::string* again) {
  wire::AwsEventStreamDecoder decoder(4096);
  std::vector<Seen> seen;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const std::string piece(stream.substr(at, step));
    decoder.Feed(piece);
    while (const auto message = decoder.Next()) {
      seen.push_back(
          {std::string(message->type), std::string(message->payload), message->exception});
      if (again != nullptr) {
        wire::AppendAwsMessage(*again, message->headers, message->payload);
      }
    }
  }
  broken = decoder.error().has_value();
  if (broken) TRIAGE_CHECK(decoder.error()->code == ErrorCode::kUpstream);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string stream(data + 1, data + size);
  bool whole_broken = false;
  bool split_broken = false;
  std::string again;
  const auto whole = Decode(stream, stream.size() + 1, whole_broken, &again);
  TRIAGE_CHECK(Decode(stream, 1 + data[0], split_broken, nullptr) == whole);
  TRIAGE_CHECK(whole_broken == split_broken);

  bool broken = false;
  TRIAGE_CHECK(Decode(again, 100, broken, nullptr) == whole || again.size() > 4096);

  // Chance finds no checksum: the bytes also as the payload of a message.
  std::string framed;
  wire::AppendAwsEvent(framed, "event", stream);
  const auto message = Decode(framed, 1 + data[0], broken, nullptr);
  TRIAGE_CHECK(framed.size() > 4096 ? broken : message.size() == 1 && message[0].payload == stream);
  return 0;
}
