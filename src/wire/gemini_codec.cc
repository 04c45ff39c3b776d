#include <utility>

#include "wire/gemini.h"

namespace triage::wire {
namespace {

class Gemini final : public Codec {
 public:
  llm::Dialect dialect() const override { return gemini::kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return gemini::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation,
                                      std::string_view /*model*/,
                                      const llm::Profile& profile) const override {
    return gemini::WriteRequest(conversation, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return gemini::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return gemini::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return gemini::NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const override {
    return gemini::NewWriter(std::move(context));
  }

  std::string WriteError(const Error& error, int status, std::string_view) const override {
    return gemini::ErrorBody(error, status);
  }

  std::string_view KeepAlive() const override { return ": keep-alive\n\n"; }
};

}  // namespace

const Codec& GeminiCodec() {
  static const Gemini codec;
  return codec;
}

}  // namespace triage::wire
