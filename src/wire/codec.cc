#include "wire/codec.h"

namespace triage::wire {

const Codec& CodecOf(llm::Dialect dialect) {
  switch (dialect) {
    case llm::Dialect::kOpenAiChat: return OpenAiChatCodec();
    case llm::Dialect::kOpenAiResponses: return OpenAiResponsesCodec();
    case llm::Dialect::kAnthropic: return AnthropicCodec();
    case llm::Dialect::kGemini: return GeminiCodec();
    case llm::Dialect::kBedrock: return BedrockCodec();
    case llm::Dialect::kOci: return OciCodec();
  }
  return OpenAiChatCodec();
}

}  // namespace triage::wire
