#include "base/json_writer.h"
#include "wire/bedrock.h"

namespace triage::wire {
namespace {

class Bedrock final : public Codec {
 public:
  llm::Dialect dialect() const override { return bedrock::kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return bedrock::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return bedrock::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return bedrock::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext&) const override {
    return bedrock::WriteAnswer(answer);
  }

  Framing framing() const override { return Framing::kAwsEventStream; }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return bedrock::NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext) const override {
    return bedrock::NewWriter();
  }

  // What kind of error it is stands in the header x-amzn-ErrorType.
  std::string WriteError(const Error& error, int /*status*/, std::string_view) const override {
    JsonWriter json;
    json.Begin('{');
    json.Member("message", error.message);
    json.End('}');
    return json.Take();
  }

  std::string_view KeepAlive() const override { return {}; }  // the framing has no such bytes
};

}  // namespace

const Codec& BedrockCodec() {
  static const Bedrock codec;
  return codec;
}

}  // namespace triage::wire
