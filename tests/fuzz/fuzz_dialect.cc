// Any bytes as a request, an answer and a stream of the dialect that TRIAGE_FUZZ_CODEC names.

#include <cstdint>

#include "fuzz/codec_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const triage::wire::Codec& codec = triage::wire::TRIAGE_FUZZ_CODEC();
  const std::string text(data, data + size);
  triage::CheckRequest(codec, text);
  triage::CheckAnswer(codec, text);
  triage::CheckStream(codec, text);
  return 0;
}
