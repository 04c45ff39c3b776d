#include "wire/responses_answer.h"
#include "wire/responses_request.h"
#include "wire/responses_stream.h"

namespace triage::wire {
namespace {

class ResponsesCodec : public Codec {
 public:
  llm::Dialect dialect() const override { return llm::Dialect::kOpenAiResponses; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return responses::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return responses::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return responses::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return responses::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return responses::NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const override {
    return responses::NewWriter(context);
  }

  std::string WriteError(const Error& error, int, std::string_view) const override {
    return responses::ErrorBody(error);
  }

  std::string_view KeepAlive() const override { return ": keep-alive\n\n"; }
};

}  // namespace

const Codec& OpenAiResponsesCodec() {
  static const ResponsesCodec codec;
  return codec;
}

}  // namespace triage::wire
