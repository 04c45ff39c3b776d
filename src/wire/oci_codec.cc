#include "wire/oci.h"

namespace triage::wire {
namespace {

class Oci final : public Codec {
 public:
  llm::Dialect dialect() const override { return oci::kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return oci::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return oci::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return oci::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return oci::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return oci::NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext) const override {
    return oci::NewWriter();
  }

  std::string WriteError(const Error& error, int status, std::string_view) const override {
    return oci::ErrorBody(error, status);
  }

  std::string_view KeepAlive() const override { return ": keep-alive\n\n"; }
};

}  // namespace

const Codec& OciCodec() {
  static const Oci codec;
  return codec;
}

}  // namespace triage::wire
