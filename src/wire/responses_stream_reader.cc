#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/json_tree.h"
#include "wire/responses_answer.h"
#include "wire/responses_parts.h"
#include "wire/responses_stream.h"

namespace triage::wire::responses {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

// A run of the stream that becomes one part of the answer: a message's content part, a call, a
// reasoning item.
struct Piece {
  PartKind kind = PartKind::kText;
  int part = -1;  // its number once it has been started
  bool done = false;
  std::size_t told = 0;  // bytes of its text or arguments that deltas have told
  std::size_t citations = 0;
  std::size_t logprobs = 0;
  int section = -1;      // of reasoning: which summary or content part the last delta was of
  bool summary = false;  // of reasoning: its deltas are of the summary
  std::string id;
};

// Pieces are known by output_index and, within a message, content_index.
using Place = std::pair<std::int64_t, std::int64_t>;
constexpr std::int64_t kWholeItem = -1;

class Reader : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view name, std::string_view data,
                       std::vector<StreamEvent>& out) override {
    out_ = &out;
    Result<void> taken = Take(name, data);
    // Each round takes at least the first.
    while (taken && open_calls_ == 0 && !waiting_.empty()) {
      for (const std::string& event : std::exchange(waiting_, {})) {
        if (taken) taken = Take({}, event);
      }
    }
    return taken;
  }

  Result<void> OnEnd(std::vector<StreamEvent>&) override {
    if (ended_) return {};
    return Error{.code = ErrorCode::kUpstream,
                 .message = "The provider's stream ended early.",
                 .detail = "no response.completed"};
  }

 private:
  struct Handler {
    std::string_view type;
    Result<void> (Reader::*handle)(JsonValue);
  };

  static std::span<const Handler> Handlers();

  Result<void> Take(std::string_view name, std::string_view data) {
    if (ended_ || data == "[DONE]") return {};
    Result<void> parsed = tree_.Parse(data, 256);
    if (!parsed) return Garbage(parsed.error().message);
    const JsonValue event = tree_.root();
    if (!event.is_object()) return Garbage("an event that is no object");
    std::string_view type = event["type"].text();
    if (type.empty()) type = name;
    if (type == "error" || (type.empty() && !event["error"].null())) return Failed(event);
    for (const Handler& handler : Handlers()) {
      if (handler.type != type) continue;
      if (handler.handle == &Reader::OnTerminal) {
        CloseAll();
      }
      if (!MustWait(type, event)) return (this->*handler.handle)(event);
      waiting_.emplace_back(data);
      return {};
    }
    return {};  // progress of tools that the provider runs, and what is yet to be invented
  }

  // Only calls may overlap: what else comes while calls are open waits for their end.
  bool MustWait(std::string_view type, JsonValue event) const {
    if (open_calls_ == 0) return !waiting_.empty();
    const auto index = event["output_index"].integer();
    if (!index) return false;  // of the whole response
    if (const auto found = pieces_.find({*index, kWholeItem}); found != pieces_.end())
      return found->second.kind != PartKind::kToolCall;
    return !waiting_.empty() || type != "response.output_item.added" ||
           event["item"]["type"].text() != "function_call";
  }

  static Error Garbage(std::string_view detail) {
    return {.code = ErrorCode::kUpstream,
            .message = "The provider's stream is not in its format.",
            .detail = std::string(detail)};
  }

  // Documented flat; also seen with the error as an object of its own.
  static Error Failed(JsonValue event) {
    return ReadFailure(event["error"].is_object() ? event["error"] : event);
  }

  // Emission in the grammar of StreamEvent.

  void Start(JsonValue response) {
    if (std::exchange(started_, true)) return;
    StreamEvent event{
        .kind = Kind::kStart, .id = response["id"].string(), .model = response["model"].string()};
    event.created = static_cast<std::int64_t>(response["created_at"].number().value_or(0));
    out_->push_back(std::move(event));
  }

  Piece& At(Place place, PartKind kind) {
    const auto [found, fresh] = pieces_.try_emplace(place);
    if (fresh) found->second.kind = kind;
    return found->second;
  }

  void Open(Piece& piece, StreamEvent event) {
    if (piece.part >= 0 && !piece.done) return;
    Start({});
    if (open_ != nullptr && open_ != &piece) Close(*open_);
    // MustWait keeps others away from open calls; what gives itself out for a call ends them.
    if (open_calls_ > 0 && piece.kind != PartKind::kToolCall) CloseAll();
    // Another piece has come in between and ended this one: it goes on as a part of its own.
    piece.done = false;
    piece.part = next_part_++;
    event.kind = Kind::kPartStart;
    event.part = piece.part;
    event.part_kind = piece.kind;
    out_->push_back(std::move(event));
    if (piece.kind == PartKind::kToolCall) {
      ++open_calls_;
    } else {
      open_ = &piece;
    }
  }

  void Close(Piece& piece) {
    if (piece.part < 0 || piece.done) return;
    piece.done = true;
    out_->push_back({.kind = Kind::kPartEnd, .part = piece.part});
    if (open_ == &piece) open_ = nullptr;
    if (piece.kind == PartKind::kToolCall) --open_calls_;
  }

  void CloseAll() {
    for (auto& [place, piece] : pieces_) Close(piece);
  }

  void Tell(Piece& piece, Kind kind, std::string_view text) {
    if (text.empty()) return;
    piece.told += text.size();
    out_->push_back({.kind = kind, .part = piece.part, .text = std::string(text)});
  }

  // What the whole text has beyond its deltas: some servers send few or none.
  void TellRest(Piece& piece, Kind kind, std::string_view whole) {
    if (whole.size() > piece.told) Tell(piece, kind, whole.substr(piece.told));
  }

  // Content of messages.

  static PartKind ContentKind(std::string_view type) {
    if (type == "refusal") return PartKind::kRefusal;
    return type == "output_text" || type == "text" ? PartKind::kText : PartKind::kOpaque;
  }

  static Place ContentPlace(JsonValue event) {
    return {event["output_index"].integer().value_or(0),
            event["content_index"].integer().value_or(0)};
  }

  Piece& OpenContent(Place place, PartKind kind) {
    Piece& piece = At(place, kind);
    Open(piece, {});
    return piece;
  }

  void TellLogprobs(Piece& piece, JsonValue logprobs) {
    if (logprobs.size() == 0) return;
    piece.logprobs += logprobs.size();
    out_->push_back(
        {.kind = Kind::kLogprobs, .part = piece.part, .logprobs = ReadLogprobs(logprobs)});
  }

  // Those of a whole text that no delta has told.
  void TellOtherLogprobs(Piece& piece, JsonValue logprobs) {
    if (piece.logprobs == 0) TellLogprobs(piece, logprobs);
  }

  void TellCitation(Piece& piece, JsonValue annotation) {
    ++piece.citations;
    out_->push_back(
        {.kind = Kind::kCitation, .part = piece.part, .citation = ReadAnnotation(annotation)});
  }

  void EndContent(Place place, JsonValue part) {
    const PartKind kind = ContentKind(part["type"].text());
    Piece& piece = At(place, kind);
    if (piece.done) return;
    if (kind == PartKind::kOpaque) {
      Open(piece, {.text = std::string(part.raw()),
                   .name = OpaqueContentType(part["type"].text()),
                   .origin = kSelf});
    } else {
      Open(piece, {});
      TellRest(piece, Kind::kText, part[kind == PartKind::kRefusal ? "refusal" : "text"].text());
      TellOtherLogprobs(piece, part["logprobs"]);
      std::size_t number = 0;
      for (JsonValue annotation : part["annotations"]) {
        if (number++ >= piece.citations) TellCitation(piece, annotation);
      }
    }
    Close(piece);
  }

  Result<void> OnContentAdded(JsonValue event) {
    const JsonValue part = event["part"];
    const PartKind kind = ContentKind(part["type"].text());
    if (kind == PartKind::kOpaque) return {};  // reasoning text, or told whole when it is done
    Piece& piece = OpenContent(ContentPlace(event), kind);
    Tell(piece, Kind::kText, part[kind == PartKind::kRefusal ? "refusal" : "text"].text());
    return {};
  }

  Result<void> OnTextDelta(JsonValue event) {
    Piece& piece = OpenContent(ContentPlace(event), PartKind::kText);
    Tell(piece, Kind::kText, event["delta"].text());
    TellLogprobs(piece, event["logprobs"]);
    return {};
  }

  Result<void> OnTextDone(JsonValue event) {
    Piece& piece = At(ContentPlace(event), PartKind::kText);
    if (piece.done) return {};
    Open(piece, {});
    TellRest(piece, Kind::kText, event["text"].text());
    TellOtherLogprobs(piece, event["logprobs"]);
    return {};
  }

  Result<void> OnAnnotation(JsonValue event) {
    if (!event["annotation"].is_object()) return {};
    TellCitation(OpenContent(ContentPlace(event), PartKind::kText), event["annotation"]);
    return {};
  }

  Result<void> OnRefusalDelta(JsonValue event) {
    Tell(OpenContent(ContentPlace(event), PartKind::kRefusal), Kind::kText, event["delta"].text());
    return {};
  }

  Result<void> OnContentDone(JsonValue event) {
    const JsonValue part = event["part"];
    if (part["type"].text() != "reasoning_text") EndContent(ContentPlace(event), part);
    return {};
  }

  // Calls.

  Piece& OpenCall(JsonValue event, JsonValue item) {
    const Place place{event["output_index"].integer().value_or(0), kWholeItem};
    Piece& piece = At(place, PartKind::kToolCall);
    if (piece.part >= 0) return piece;
    std::string item_id = item["id"].string();
    if (item_id.empty()) item_id = event["item_id"].string();
    std::string id = item["call_id"].string();
    if (id.empty()) id = item_id;
    if (id.empty()) id = "call_" + std::to_string(place.first);
    Open(piece, {.id = std::move(id),
                 .name = item["name"].string(),
                 .item_id = std::move(item_id),
                 .origin = kSelf});
    Tell(piece, Kind::kArguments, item["arguments"].text());
    return piece;
  }

  Result<void> OnArgumentsDelta(JsonValue event) {
    const auto found = pieces_.find({event["output_index"].integer().value_or(0), kWholeItem});
    if (found == pieces_.end() || found->second.kind != PartKind::kToolCall)
      return Garbage("arguments of a call that was not announced");
    if (!found->second.done) Tell(found->second, Kind::kArguments, event["delta"].text());
    return {};
  }

  Result<void> OnArgumentsDone(JsonValue event) {
    const auto found = pieces_.find({event["output_index"].integer().value_or(0), kWholeItem});
    if (found != pieces_.end() && found->second.kind == PartKind::kToolCall && !found->second.done)
      TellRest(found->second, Kind::kArguments, event["arguments"].text());
    return {};
  }

  // Reasoning. Started with its first text or at its end, when it is known whether it has any.

  Result<void> Reasoning(JsonValue event, std::string_view index, bool summary) {
    const std::string_view text = event["delta"].text();
    if (text.empty()) return {};
    const Place place{event["output_index"].integer().value_or(0), kWholeItem};
    Piece& piece = At(place, PartKind::kThinking);
    if (piece.kind != PartKind::kThinking) return {};
    if (piece.told == 0) piece.summary = summary;
    if (piece.summary != summary) return {};  // the same thoughts once more
    std::string id = piece.id.empty() ? event["item_id"].string() : piece.id;
    Open(piece, {.id = std::move(id), .origin = kSelf});
    const int section = static_cast<int>(event[index].integer().value_or(0));
    if (piece.section >= 0 && piece.section != section) Tell(piece, Kind::kText, kBetweenSummaries);
    piece.section = section;
    Tell(piece, Kind::kText, text);
    return {};
  }

  Result<void> OnSummaryDelta(JsonValue event) { return Reasoning(event, "summary_index", true); }

  Result<void> OnReasoningDelta(JsonValue event) {
    return Reasoning(event, "content_index", false);
  }

  Result<void> EndReasoning(JsonValue event, JsonValue item) {
    const Place place{event["output_index"].integer().value_or(0), kWholeItem};
    Piece& piece = At(place, PartKind::kThinking);
    if (piece.done) return {};
    Result<llm::ThinkingPart> thinking = ReadReasoning(item);
    if (!thinking) return Garbage(thinking.error().message);
    if (thinking->text.empty() && thinking->signature.empty() && piece.part < 0) return {};
    if (piece.part < 0) {
      Open(piece, {.redacted = thinking->redacted, .id = thinking->id, .origin = thinking->origin});
    }
    // Deltas of its full text are not continued by its summary.
    if (piece.told == 0 || piece.summary == (item["summary"].size() > 0))
      TellRest(piece, Kind::kText, thinking->text);
    if (!thinking->signature.empty() || thinking->origin != kSelf) {
      out_->push_back({.kind = Kind::kSignature,
                       .part = piece.part,
                       .text = thinking->signature,
                       .origin = thinking->origin});
    }
    Close(piece);
    return {};
  }

  // Items.

  Result<void> OnItemAdded(JsonValue event) {
    const JsonValue item = event["item"];
    const std::string_view type = item["type"].text();
    Start({});
    if (type == "function_call") {
      OpenCall(event, item);
    } else if (type == "reasoning") {
      const Place place{event["output_index"].integer().value_or(0), kWholeItem};
      At(place, PartKind::kThinking).id = item["id"].string();
    }
    return {};
  }

  Result<void> OnItemDone(JsonValue event) { return EndItem(event, event["item"]); }

  // `event` gives the place.
  Result<void> EndItem(JsonValue event, JsonValue item) {
    const std::string_view type = item["type"].text();
    const std::int64_t index = event["output_index"].integer().value_or(0);
    if (type == "function_call") {
      Piece& piece = OpenCall(event, item);
      if (piece.kind != PartKind::kToolCall || piece.done) return {};
      TellRest(piece, Kind::kArguments, item["arguments"].text());
      Close(piece);
      return {};
    }
    if (type == "reasoning") return EndReasoning(event, item);
    if (type == "message") {
      std::int64_t content = 0;
      for (JsonValue part : item["content"]) EndContent({index, content++}, part);
      return {};
    }
    if (type.empty()) return {};
    Piece& piece = At({index, kWholeItem}, PartKind::kOpaque);
    if (piece.part >= 0) return {};
    Open(piece, {.text = std::string(item.raw()), .name = OpaqueItemType(type), .origin = kSelf});
    Close(piece);
    return {};
  }

  // The response.

  Result<void> OnResponse(JsonValue event) {
    Start(event["response"]);
    return {};
  }

  Result<void> OnFailed(JsonValue event) { return ReadFailure(event["response"]["error"]); }

  Result<void> OnTerminal(JsonValue event) {
    const JsonValue response = event["response"];
    Start(response);
    if (response["status"].text() == "failed" || !response["error"].null())
      return ReadFailure(response["error"]);
    llm::Answer answer;     // what the whole object says beside its text
    if (next_part_ == 0) {  // nothing was streamed
      for (JsonValue item : response["output"]) {
        Result<void> read = ReadOutputItem(item, answer);
        if (!read) return read;
      }
      answer.id = response["id"].string();
      for (StreamEvent& each : llm::EventsOf(answer)) {
        if (each.part >= 0) out_->push_back(std::move(each));
      }
    } else {
      for (const auto& [place, piece] : pieces_) {
        if (piece.part < 0) continue;
        if (piece.kind == PartKind::kToolCall) answer.parts.emplace_back(llm::ToolCallPart{});
        if (piece.kind == PartKind::kRefusal) answer.parts.emplace_back(llm::RefusalPart{});
      }
    }
    if (const auto usage = ReadUsage(response["usage"]))
      out_->push_back({.kind = Kind::kUsage, .usage = usage});
    ReadEnding(response, answer);
    out_->push_back({.kind = Kind::kFinish,
                     .finish = answer.finish,
                     .raw_finish = answer.raw_finish,
                     .service_tier = response["service_tier"].string()});
    out_->push_back({.kind = Kind::kEnd});
    ended_ = true;
    return {};
  }

  JsonTree tree_;
  std::vector<StreamEvent>* out_ = nullptr;  // of the call that is running
  std::map<Place, Piece> pieces_;
  std::vector<std::string> waiting_;  // events, see MustWait
  Piece* open_ = nullptr;             // that is no call
  int open_calls_ = 0;
  int next_part_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

std::span<const Reader::Handler> Reader::Handlers() {
  static constexpr Handler kHandlers[] = {
      {"response.output_text.delta", &Reader::OnTextDelta},
      {"response.function_call_arguments.delta", &Reader::OnArgumentsDelta},
      {"response.reasoning_summary_text.delta", &Reader::OnSummaryDelta},
      {"response.reasoning_text.delta", &Reader::OnReasoningDelta},
      {"response.refusal.delta", &Reader::OnRefusalDelta},
      {"response.output_text.annotation.added", &Reader::OnAnnotation},
      {"response.output_text.done", &Reader::OnTextDone},
      {"response.function_call_arguments.done", &Reader::OnArgumentsDone},
      {"response.output_item.added", &Reader::OnItemAdded},
      {"response.output_item.done", &Reader::OnItemDone},
      {"response.content_part.added", &Reader::OnContentAdded},
      {"response.content_part.done", &Reader::OnContentDone},
      {"response.created", &Reader::OnResponse},
      {"response.queued", &Reader::OnResponse},
      {"response.in_progress", &Reader::OnResponse},
      {"response.completed", &Reader::OnTerminal},
      {"response.incomplete", &Reader::OnTerminal},
      {"response.failed", &Reader::OnFailed},
  };
  return kHandlers;
}

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

}  // namespace triage::wire::responses
