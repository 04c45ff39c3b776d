#include "providers/codec_stream.h"

#include <utility>

#include "wire/json.h"

namespace triage::providers {
namespace {

Error Upstream(std::string message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::move(message)};
}

}  // namespace

CodecStream::CodecStream(const wire::Codec& provider, const wire::Codec& client,
                         wire::AnswerContext context)
    : relaying_(&provider == &client),
      reader_(provider.NewStreamReader()),
      writer_(client.NewStreamWriter(std::move(context))) {
  if (provider.framing() == wire::Framing::kAwsEventStream) aws_.emplace();
}

CodecStream::~CodecStream() = default;

void CodecStream::Feed(std::string_view bytes) {
  if (aws_) {
    aws_->Feed(bytes);
  } else {
    sse_.Feed(bytes);
  }
}

std::string_view CodecStream::Next() {
  if (ended_) {
    std::swap(out_, last_);
    out_.clear();
    return last_;
  }
  return relaying_ ? NextRelayed() : NextTranslated();
}

// Gives one event to the reader and notes what it means. False when it ended the stream.
bool CodecStream::Read(std::string_view name, std::string_view data) {
  events_.clear();
  Result<void> read = reader_->OnEvent(name, data, events_);
  started_ = true;
  Take();
  if (!read) Fail(std::move(read).error());
  return !error_;
}

void CodecStream::Take() {
  for (const llm::StreamEvent& event : events_) {
    Note(event);
    if (!relaying_) writer_->Write(event, out_);
  }
}

void CodecStream::Note(const llm::StreamEvent& event) {
  using Kind = llm::StreamEvent::Kind;
  if (!event.model.empty()) summary_.served_model = event.model;
  if (event.usage) summary_.usage = event.usage;
  switch (event.kind) {
    case Kind::kStart:
    case Kind::kUsage:
    case Kind::kPartEnd: break;
    case Kind::kFinish:
      finished_ = true;
      summary_.finish = event.finish;
      summary_.raw_finish = event.raw_finish;
      break;
    case Kind::kEnd: summary_.complete = true; break;
    case Kind::kPartStart:
    case Kind::kText:
    case Kind::kSignature:
    case Kind::kArguments:
    case Kind::kCitation:
    case Kind::kLogprobs: ++summary_.events; break;
  }
}

std::string_view CodecStream::NextRelayed() {
  std::string_view run;
  while (!error_) {
    const auto event = sse_.Next();
    if (!event) break;
    // Comments in front of the first event would commit a status that nothing stands behind yet.
    const bool goes_on = event->has_data ? Read(event->name, event->data) : started_;
    if (goes_on) {
      if (event->has_data) ++relayed_;
      // Events of one feed lie side by side; one that does not go on ends the run.
      const char* begin = run.empty() ? event->bytes.data() : run.data();
      run = std::string_view(begin, run.size() + event->bytes.size());
    } else if (!run.empty()) {
      return run;
    }
  }
  if (!error_ && sse_.overflowed()) {
    Fail(Upstream("The provider's stream holds an event that is too long."));
  }
  return run;
}

std::string_view CodecStream::NextTranslated() {
  out_.clear();
  while (!error_) {
    if (aws_) {
      const auto message = aws_->Next();
      if (!message) break;
      if (!Read(message->type, message->payload)) break;
    } else {
      const auto event = sse_.Next();
      if (!event) break;
      if (event->has_data && !Read(event->name, event->data)) break;
    }
  }
  if (!error_ && (aws_ ? aws_->error().has_value() : sse_.overflowed())) {
    Fail(aws_ ? *aws_->error()
              : Upstream("The provider's stream holds an event that is too long."));
  }
  return out_;
}

void CodecStream::End() {
  out_.clear();
  ended_ = true;
  if (error_) return;
  if (!aws_) {
    if (const auto event = sse_.Finish()) {
      // What was cut in its middle is no event; the reader will miss it.
      const bool whole =
          event->has_data && (event->terminated || !wire::FindJsonProblem(event->data, 64));
      if (whole && Read(event->name, event->data) && relaying_) {
        out_ = event->bytes;
        if (!event->terminated) out_ += "\n\n";  // without it a client would not dispatch the event
      }
    }
  }
  if (error_) return;
  events_.clear();
  Result<void> ended = reader_->OnEnd(events_);
  Take();
  if (!ended) Fail(std::move(ended).error());
}

std::string CodecStream::ErrorEvent(const Error& error) {
  std::string event;
  if (relaying_) writer_->Follow(relayed_);
  writer_->WriteError(error, event);
  return event;
}

void CodecStream::Fail(Error error) {
  summary_.complete = false;
  summary_.finish = llm::FinishReason::kError;
  error_ = std::move(error);
}

}  // namespace triage::providers
