#include "wire/client_answer.h"

#include <memory>
#include <utility>
#include <vector>

#include "wire/sse.h"

namespace triage::wire {
namespace {

// Reads what has come; `whole` also asks that it came to its end.
Result<llm::Answer> ReadStream(const Codec& codec, std::string_view stream, bool whole) {
  const std::unique_ptr<StreamReader> reader = codec.NewStreamReader();
  std::vector<llm::StreamEvent> events;
  SseFramer framer;
  const auto take = [&](const SseEvent& event) {
    return event.has_data ? reader->OnEvent(event.name, event.data, events) : Result<void>();
  };
  framer.Feed(stream);
  while (const auto event = framer.Next()) {
    const Result<void> read = take(*event);
    if (!read) return read.error();
  }
  if (whole) {
    if (const auto rest = framer.Finish()) {
      const Result<void> read = take(*rest);
      if (!read) return read.error();
    }
    const Result<void> ended = reader->OnEnd(events);
    if (!ended) return ended.error();
  }
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  return builder.answer();
}

}  // namespace

Result<llm::Answer> ReadClientAnswer(const llm::Request& request, std::string_view bytes) {
  const Codec& codec = CodecOf(request.dialect);
  return request.stream ? ReadStream(codec, bytes, true) : codec.ReadAnswer(bytes);
}

Result<llm::Answer> ReadClientAnswerBegun(const llm::Request& request, std::string_view bytes) {
  return ReadStream(CodecOf(request.dialect), bytes, false);
}

std::string WriteClientAnswer(const llm::Request& request, const llm::Answer& answer,
                              std::string_view model) {
  const Codec& codec = CodecOf(request.dialect);
  AnswerContext context = ContextOf(request, model);
  if (!request.stream) return codec.WriteAnswer(answer, context);
  const std::unique_ptr<StreamWriter> writer = codec.NewStreamWriter(std::move(context));
  std::string bytes;
  for (const llm::StreamEvent& event : llm::EventsOf(answer)) writer->Write(event, bytes);
  return bytes;
}

AnswerContext ContextOf(const llm::Request& request, std::string_view model) {
  return {.id = request.id,
          .model = std::string(model),
          .created = request.created,
          .include_usage = request.include_usage,
          .request = request.repeated.empty() ? request.body : request.repeated};
}

}  // namespace triage::wire
