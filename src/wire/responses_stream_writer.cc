#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "wire/responses_parts.h"
#include "wire/responses_render.h"
#include "wire/responses_stream.h"

namespace triage::wire::responses {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

// A part of the answer that is being told.
struct OpenPart {
  PartKind kind = PartKind::kText;
  bool written = true;          // false: of another dialect, left out
  std::size_t place = 0;        // among the answer's parts
  std::size_t output = 0;       // index of its item
  std::size_t content = 0;      // index within its message
  bool told = false;            // a delta has been written
  std::size_t logprobs = 0;     // where the answer's logprobs stood when it began
  std::string unfinished = {};  // of a call: first bytes of a character that is cut
  std::string item_id = {};
};

struct OpenMessage {
  std::size_t output = 0;
  std::size_t begin = 0;     // its first part among the answer's
  std::size_t contents = 0;  // how many there are
  std::size_t logprobs = 0;
  std::string item_id = {};
};

// Bytes at the end of `text` that are the start of a character and no whole one.
std::size_t UnfinishedBytes(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

class Writer : public StreamWriter {
 public:
  explicit Writer(const AnswerContext& context) : render_(context) {}

  void Write(const StreamEvent& event, std::string& out) override {
    out_ = &out;
    if (event.kind != Kind::kLogprobs) FlushText();
    answer_.Add(event);
    switch (event.kind) {
      case Kind::kStart: return Start();
      case Kind::kPartStart: return StartPart(event);
      case Kind::kText: return Text(event);
      case Kind::kSignature: return;  // with the item when it is done
      case Kind::kArguments: return Arguments(event);
      case Kind::kCitation: return Citation(event);
      case Kind::kLogprobs: return FlushText();
      case Kind::kPartEnd: return EndPart(event);
      case Kind::kUsage: return;
      case Kind::kFinish: return EndMessage();
      case Kind::kEnd: return End();
    }
  }

  void Follow(std::int64_t events) override { sequence_ = events; }

  void WriteError(const Error& error, std::string& out) override {
    out_ = &out;
    FlushText();
    JsonWriter json = Begin("error");
    json.Member("code", FailureCode(error));
    json.Member("message", error.message);
    json.Key("param");
    error.field.empty() ? json.Null() : json.String(error.field);
    Finish("error", std::move(json));
    if (!started_) return;
    json = Begin("response.failed");
    json.Key("response");
    render_.WriteResponse(json, "failed", &answer_.answer(), &error);
    Finish("response.failed", std::move(json));
  }

 private:
  JsonWriter Begin(std::string_view type) {
    JsonWriter json;
    json.Begin('{');
    json.Member("type", type);
    json.Member("sequence_number", sequence_++);
    return json;
  }

  void Finish(std::string_view type, JsonWriter json) {
    json.End('}');
    out_->append("event: ").append(type).append("\ndata: ").append(json.Take()).append("\n\n");
  }

  JsonWriter BeginItem(std::string_view type, std::size_t output) {
    JsonWriter json = Begin(type);
    json.Member("output_index", Number(output));
    return json;
  }

  // Of an event about something within an item.
  JsonWriter BeginPart(std::string_view type, const OpenPart& part) {
    JsonWriter json = BeginItem(type, part.output);
    json.Member("item_id", part.item_id);
    if (part.kind == PartKind::kThinking) {
      json.Member("summary_index", 0);
    } else if (part.kind != PartKind::kToolCall) {
      json.Member("content_index", Number(part.content));
    }
    return json;
  }

  static std::int64_t Number(std::size_t value) { return static_cast<std::int64_t>(value); }

  const llm::Part& PartOf(const OpenPart& part) const { return answer_.answer().parts[part.place]; }

  std::span<const llm::TokenLogprob> LogprobsFrom(std::size_t place) const {
    return std::span<const llm::TokenLogprob>(answer_.answer().logprobs).subspan(place);
  }

  OpenPart* Find(const StreamEvent& event) {
    const auto found = parts_.find(event.part);
    return found == parts_.end() || !found->second.written ? nullptr : &found->second;
  }

  void Start() {
    started_ = true;
    render_.Adopt(answer_.answer());
    for (std::string_view type : {"response.created", "response.in_progress"}) {
      JsonWriter json = Begin(type);
      json.Key("response");
      render_.WriteResponse(json, "in_progress", nullptr, nullptr);
      Finish(type, std::move(json));
    }
  }

  void StartPart(const StreamEvent& event) {
    OpenPart& part = parts_[event.part];
    part = {.kind = event.part_kind,
            .place = answer_.answer().parts.size() - 1,
            .logprobs = answer_.answer().logprobs.size()};
    part.written = IsWritten(PartOf(part));
    // A message goes on while content follows content, as OutputItems has it.
    if (!IsAnswerContent(PartOf(part))) EndMessage();
    if (!part.written) return;
    if (IsAnswerContent(PartOf(part))) return StartContent(part);
    part.output = outputs_++;
    part.item_id = render_.ItemId(PartOf(part), part.output);
    JsonWriter json = BeginItem("response.output_item.added", part.output);
    json.Key("item");
    if (part.kind == PartKind::kThinking) {  // its signature comes later
      json.Begin('{');
      json.Member("id", part.item_id);
      json.Member("type", "reasoning");
      json.Key("summary");
      json.Raw("[]");
      json.Member("status", "in_progress");
      json.End('}');
    } else {
      render_.WriteItem(json, {&PartOf(part), 1}, part.output, "in_progress", {});
    }
    Finish("response.output_item.added", std::move(json));
  }

  void StartContent(OpenPart& part) {
    if (!message_) {
      message_ = {.output = outputs_++, .begin = part.place, .logprobs = part.logprobs};
      message_->item_id = render_.ItemId(PartOf(part), message_->output);
      JsonWriter json = BeginItem("response.output_item.added", message_->output);
      json.Key("item");
      Renderer::WriteMessage(json, message_->item_id, {}, "in_progress", {});
      Finish("response.output_item.added", std::move(json));
    }
    part.output = message_->output;
    part.item_id = message_->item_id;
    part.content = message_->contents++;
    JsonWriter json = BeginPart("response.content_part.added", part);
    json.Key("part");
    Renderer::WriteContent(json, PartOf(part), {});
    Finish("response.content_part.added", std::move(json));
  }

  void Text(const StreamEvent& event) {
    OpenPart* part = Find(event);
    if (part == nullptr || event.text.empty()) return;
    switch (part->kind) {
      case PartKind::kText:
        text_ = event.text;
        text_part_ = part;
        // The logprobs of a piece belong into its event; they come right before or behind it.
        if (!render_.wants_logprobs() || told_logprobs_ < answer_.answer().logprobs.size())
          FlushText();
        return;
      case PartKind::kRefusal: return Delta("response.refusal.delta", *part, event.text);
      case PartKind::kThinking:
        if (!part->told) Summary("response.reasoning_summary_part.added", *part, {});
        part->told = true;
        return Delta("response.reasoning_summary_text.delta", *part, event.text);
      case PartKind::kToolCall:
      case PartKind::kOpaque: return;
    }
  }

  void FlushText() {
    if (text_part_ == nullptr) return;
    JsonWriter json = BeginPart("response.output_text.delta", *text_part_);
    json.Member("delta", text_);
    WriteLogprobs(json, LogprobsFrom(told_logprobs_));
    Finish("response.output_text.delta", std::move(json));
    told_logprobs_ = answer_.answer().logprobs.size();
    text_part_ = nullptr;
  }

  void Delta(std::string_view type, const OpenPart& part, std::string_view text) {
    JsonWriter json = BeginPart(type, part);
    json.Member("delta", text);
    Finish(type, std::move(json));
  }

  void Summary(std::string_view type, const OpenPart& part, std::string_view text) {
    JsonWriter json = BeginPart(type, part);
    json.Key("part");
    json.Begin('{');
    json.Member("type", "summary_text");
    json.Member("text", text);
    json.End('}');
    Finish(type, std::move(json));
  }

  void Arguments(const StreamEvent& event) {
    OpenPart* part = Find(event);
    if (part == nullptr) return;
    part->unfinished += event.text;
    const std::size_t whole = part->unfinished.size() - UnfinishedBytes(part->unfinished);
    if (whole == 0) return;
    part->told = true;
    Delta("response.function_call_arguments.delta", *part,
          std::string_view(part->unfinished).substr(0, whole));
    part->unfinished.erase(0, whole);
  }

  void Citation(const StreamEvent& event) {
    const OpenPart* part = Find(event);
    if (part == nullptr || part->kind != PartKind::kText || !event.citation) return;
    const auto& text = std::get<llm::TextPart>(PartOf(*part));
    JsonWriter json = BeginPart("response.output_text.annotation.added", *part);
    json.Member("annotation_index", Number(text.citations.size() - 1));
    json.Key("annotation");
    WriteAnnotation(json, *event.citation, CharactersIn(text.text));
    Finish("response.output_text.annotation.added", std::move(json));
  }

  void EndPart(const StreamEvent& event) {
    OpenPart* part = Find(event);
    if (part == nullptr) return;
    switch (part->kind) {
      case PartKind::kText: {
        JsonWriter json = BeginPart("response.output_text.done", *part);
        json.Member("text", std::get<llm::TextPart>(PartOf(*part)).text);
        WriteLogprobs(json, LogprobsFrom(part->logprobs));
        Finish("response.output_text.done", std::move(json));
        told_logprobs_ = answer_.answer().logprobs.size();
        break;
      }
      case PartKind::kRefusal: {
        JsonWriter json = BeginPart("response.refusal.done", *part);
        json.Member("refusal", std::get<llm::RefusalPart>(PartOf(*part)).text);
        Finish("response.refusal.done", std::move(json));
        break;
      }
      case PartKind::kThinking:
        if (part->told) {
          const std::string& text = std::get<llm::ThinkingPart>(PartOf(*part)).text;
          JsonWriter json = BeginPart("response.reasoning_summary_text.done", *part);
          json.Member("text", text);
          Finish("response.reasoning_summary_text.done", std::move(json));
          Summary("response.reasoning_summary_part.done", *part, text);
        }
        break;
      case PartKind::kToolCall: EndArguments(*part); break;
      case PartKind::kOpaque: break;
    }
    if (IsAnswerContent(PartOf(*part))) {
      JsonWriter json = BeginPart("response.content_part.done", *part);
      json.Key("part");
      Renderer::WriteContent(json, PartOf(*part), LogprobsFrom(part->logprobs));
      Finish("response.content_part.done", std::move(json));
    } else {
      EndItem(*part);
    }
    parts_.erase(event.part);
  }

  void EndArguments(OpenPart& part) {
    const auto& call = std::get<llm::ToolCallPart>(PartOf(part));
    std::string rest = std::exchange(part.unfinished, {});
    if (!part.told && rest.empty()) rest = call.arguments;  // {}: there were none
    if (!rest.empty()) Delta("response.function_call_arguments.delta", part, rest);
    JsonWriter json = BeginPart("response.function_call_arguments.done", part);
    json.Member("name", call.name);
    json.Member("arguments", call.arguments);
    Finish("response.function_call_arguments.done", std::move(json));
  }

  void EndItem(const OpenPart& part) {
    JsonWriter json = BeginItem("response.output_item.done", part.output);
    json.Key("item");
    render_.WriteItem(json, {&PartOf(part), 1}, part.output, "completed", {});
    Finish("response.output_item.done", std::move(json));
  }

  void EndMessage() {
    if (!message_) return;
    const std::span<const llm::Part> parts =
        std::span(answer_.answer().parts).subspan(message_->begin, message_->contents);
    const bool cut = EndingOf(answer_.answer()).status == "incomplete";
    JsonWriter json = BeginItem("response.output_item.done", message_->output);
    json.Key("item");
    Renderer::WriteMessage(json, message_->item_id, parts, cut ? "incomplete" : "completed",
                           LogprobsFrom(message_->logprobs));
    Finish("response.output_item.done", std::move(json));
    message_.reset();
  }

  void End() {
    const std::string_view status = EndingOf(answer_.answer()).status;
    const std::string type = "response." + std::string(status);
    JsonWriter json = Begin(type);
    json.Key("response");
    render_.WriteResponse(json, status, &answer_.answer(), nullptr);
    Finish(type, std::move(json));
  }

  Renderer render_;
  llm::AnswerBuilder answer_;  // all that has been told
  std::map<int, OpenPart> parts_;
  std::optional<OpenMessage> message_;
  std::size_t outputs_ = 0;  // items begun
  std::string text_;         // a delta that waits for its logprobs
  const OpenPart* text_part_ = nullptr;
  std::size_t told_logprobs_ = 0;
  std::int64_t sequence_ = 0;
  bool started_ = false;
  std::string* out_ = nullptr;  // of the call that is running
};

}  // namespace

std::unique_ptr<StreamWriter> NewWriter(const AnswerContext& context) {
  return std::make_unique<Writer>(context);
}

}  // namespace triage::wire::responses
