#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/answer.h"
#include "providers/answer_stream.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"
#include "wire/sse.h"

namespace triage::providers {

/// A stream through two dialects' codecs. Where both are the same one, the events' bytes go on as
/// they came and are only read along. Codecs outlive it.
class CodecStream final : public AnswerStream {
 public:
  CodecStream(const wire::Codec& provider, const wire::Codec& client, wire::AnswerContext context);
  ~CodecStream() override;

  void Feed(std::string_view bytes) override;
  void End() override;
  std::string_view Next() override;

  const std::optional<Error>& error() const override { return error_; }

  const llm::ReplySummary& summary() const override { return summary_; }

  bool begun() const override { return summary_.events > 0 || finished_; }

  std::string ErrorEvent(const Error& error) override;

 private:
  std::string_view NextRelayed();
  std::string_view NextTranslated();
  bool Read(std::string_view name, std::string_view data);
  void Take();
  void Note(const llm::StreamEvent& event);
  void Fail(Error error);

  const bool relaying_;
  wire::SseFramer sse_;
  std::optional<wire::AwsEventStreamDecoder>
      aws_;  // instead of `sse_`, where the provider frames so
  std::unique_ptr<wire::StreamReader> reader_;
  std::unique_ptr<wire::StreamWriter> writer_;
  std::vector<llm::StreamEvent> events_;  // of one provider event
  llm::ReplySummary summary_;
  std::optional<Error> error_;
  std::string out_;           // for the next Next
  std::string last_;          // what the last Next gave, after the end
  std::int64_t relayed_ = 0;  // events
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
};

}  // namespace triage::providers
