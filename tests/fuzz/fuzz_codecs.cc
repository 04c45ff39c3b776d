// Any bytes as a request, an answer and a stream of a dialect, which the first byte chooses.

#include <cstdint>

#include "fuzz/codec_checks.h"
#include "wire/client_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  if (size == 0) return 0;
  const wire::Codec& codec = CodecNumber(data[0] % 16);
  const std::string text(data + 1, data + size);
  CheckRequest(codec, text);
  CheckAnswer(codec, text);
  CheckStream(codec, text);
  wire::FindMember(text, "model");
  wire::AwsEventStreamDecoder decoder;
  decoder.Feed(text);
  while (decoder.Next()) {
  }
  return 0;
}
