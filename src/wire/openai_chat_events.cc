#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "wire/openai_chat_neutral.h"
#include "wire/openai_errors.h"

namespace triage::wire::openai_chat {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view name, std::string_view data,
                       std::vector<StreamEvent>& out) override {
    if (Trim(data) == "[DONE]") {
      done_ = true;
      return {};
    }
    if (!tree_.Parse(data, 256) || !tree_.root().is_object()) {
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider's stream holds something that is not JSON."};
    }
    const JsonValue root = tree_.root();
    if (!root["error"].null()) return ReadFailure(root["error"], 0);
    if (name == "error") return ReadFailure(root, 0);
    Start(root, out);
    // Told on any chunk, behind the finish too: of each field the last one counts.
    if (ReadUsage(root["usage"], usage_)) {
      if (const auto usage = usage_.Disjoint())
        out.push_back({.kind = Kind::kUsage, .usage = usage});
    }
    if (root["choices"].size() == 0) return {};
    return ReadChoice(*root["choices"].begin(), out);
  }

  Result<void> OnEnd(std::vector<StreamEvent>& out) override {
    if (!done_ && !finished_) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's stream ended early."};
    }
    if (!started_) {
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider's stream ended before its first event."};
    }
    CloseOpen(out);
    for (const Call& call : calls_) out.push_back({.kind = Kind::kPartEnd, .part = call.part});
    if (finish_.finish == llm::FinishReason::kStop && !calls_.empty())
      finish_.finish = llm::FinishReason::kToolCalls;
    out.push_back(std::move(finish_));
    out.push_back({.kind = Kind::kEnd});
    return {};
  }

 private:
  struct Call {
    std::int64_t index = 0;
    std::string id;  // as the provider gave it
    int part = -1;
  };

  void Start(JsonValue root, std::vector<StreamEvent>& out) {
    if (std::exchange(started_, true)) return;
    out.push_back({.kind = Kind::kStart,
                   .id = root["id"].string(),
                   .model = root["model"].string(),
                   .created = root["created"].integer().value_or(0),
                   .service_tier = root["service_tier"].string()});
  }

  Result<void> ReadChoice(JsonValue choice, std::vector<StreamEvent>& out) {
    const JsonValue delta = choice["delta"];
    if (const JsonValue thinking = ReasoningOf(delta); !thinking.text().empty())
      AddText(PartKind::kThinking, thinking.string(), out);
    if (const JsonValue content = delta["content"]; !content.text().empty())
      AddText(PartKind::kText, content.string(), out);
    for (JsonValue part : delta["content"]) {
      if (part["type"].text() == "text" && !part["text"].text().empty())
        AddText(PartKind::kText, part["text"].string(), out);
    }
    if (const JsonValue refusal = delta["refusal"]; !refusal.text().empty())
      AddText(PartKind::kRefusal, refusal.string(), out);
    for (llm::Citation& citation : ReadAnnotations(delta["annotations"])) {
      Open(PartKind::kText, out);
      out.push_back({.kind = Kind::kCitation, .part = open_, .citation = std::move(citation)});
    }
    if (choice["logprobs"].is_object()) {
      std::vector<llm::TokenLogprob> logprobs = ReadLogprobs(choice["logprobs"]);
      if (!logprobs.empty()) {
        Open(PartKind::kText, out);
        out.push_back({.kind = Kind::kLogprobs, .part = open_, .logprobs = std::move(logprobs)});
      }
    }
    if (delta["function_call"].is_object()) AddCall(delta["function_call"], {}, out);
    for (JsonValue call : delta["tool_calls"]) AddCall(call["function"], call, out);
    const JsonValue finish = choice["finish_reason"];
    const JsonValue native = choice["native_finish_reason"];
    if (finish.text() == "error" || native.text() == "error")
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider ended its answer with an error."};
    if (finish.is_string()) {
      // Told at the end only: some servers give a reason with every chunk.
      finished_ = true;
      finish_.finish = FinishOf(finish.text());
      finish_.raw_finish = native.text().empty() ? finish.string() : native.string();
    }
    return {};
  }

  // Makes a part of `kind` the open one.
  void Open(PartKind kind, std::vector<StreamEvent>& out) {
    if (open_ >= 0 && open_kind_ == kind) return;
    CloseOpen(out);
    open_ = parts_++;
    open_kind_ = kind;
    out.push_back({.kind = Kind::kPartStart, .part = open_, .part_kind = kind, .origin = kSelf});
  }

  void CloseOpen(std::vector<StreamEvent>& out) {
    if (open_ >= 0) out.push_back({.kind = Kind::kPartEnd, .part = open_});
    open_ = -1;
  }

  void AddText(PartKind kind, std::string text, std::vector<StreamEvent>& out) {
    Open(kind, out);
    out.push_back({.kind = Kind::kText, .part = open_, .text = std::move(text), .origin = kSelf});
  }

  void AddCall(JsonValue function, JsonValue call, std::vector<StreamEvent>& out) {
    CloseOpen(out);
    const std::string_view id = call["id"].text();
    const std::string_view name = function["name"].text();
    Call* known = KnownCall(call["index"].integer(), id, name);
    if (known == nullptr) {
      const auto number = static_cast<std::int64_t>(calls_.size());
      calls_.push_back({.index = call["index"].integer().value_or(number),
                        .id = std::string(id),
                        .part = parts_++});
      known = &calls_.back();
      out.push_back({.kind = Kind::kPartStart,
                     .part = known->part,
                     .part_kind = PartKind::kToolCall,
                     .id = id.empty() ? MadeUpCallId(calls_.size() - 1) : std::string(id),
                     .name = std::string(name),
                     .origin = kSelf});
    }
    const int part = known->part;
    const JsonValue arguments = function["arguments"];
    const std::string_view piece = arguments.is_object() ? arguments.raw() : arguments.text();
    if (!piece.empty())
      out.push_back({.kind = Kind::kArguments, .part = part, .text = std::string(piece)});
    const JsonValue signature = call.At({"extra_content", "google", "thought_signature"});
    if (!signature.text().empty()) {
      out.push_back(
          {.kind = Kind::kSignature, .part = part, .text = signature.string(), .origin = kSelf});
    }
  }

  // The call that a delta goes on with; null for a new one. Calls may be told in turns, so each is
  // open up to the end. Servers leave out the index, or give each call the same one (Gemini's), or
  // repeat the id in every delta.
  Call* KnownCall(std::optional<std::int64_t> index, std::string_view id, std::string_view name) {
    for (Call& call : calls_) {
      if (!id.empty() && call.id == id) return &call;
    }
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
      if (index && call->index != *index) continue;
      const bool another = !id.empty() && (!index || (!call->id.empty() && !name.empty()));
      return another ? nullptr : &*call;
    }
    return nullptr;
  }

  JsonTree tree_;
  bool started_ = false;
  bool finished_ = false;
  bool done_ = false;
  RawUsage usage_;
  StreamEvent finish_{.kind = Kind::kFinish};
  int parts_ = 0;
  int open_ = -1;  // a text, thinking or refusal part
  PartKind open_kind_ = PartKind::kText;
  std::vector<Call> calls_;
};

class Writer final : public StreamWriter {
 public:
  explicit Writer(AnswerContext context) : context_(std::move(context)) {}

  void Write(const StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case Kind::kStart: Start(event, out); break;
      case Kind::kPartStart: StartPart(event, out); break;
      case Kind::kText:
        Delta(out, [&](JsonWriter& json) { json.Member(FieldOf(event.part), event.text); });
        break;
      case Kind::kArguments:
        Call(event.part, out, [&](JsonWriter& json) {
          json.Key("function");
          json.Begin('{');
          json.Member("arguments", event.text);
          json.End('}');
        });
        Place(event.part).said = true;
        break;
      case Kind::kCitation:
        if (!event.citation) break;
        Delta(out, [&](JsonWriter& json) {
          json.Key("annotations");
          WriteAnnotations(json, {*event.citation});
        });
        break;
      case Kind::kLogprobs:
        Chunk(out, [&](JsonWriter& json) {
          json.Key("delta");
          json.Raw("{}");
          json.Key("logprobs");
          WriteLogprobs(json, event.logprobs);
          json.Key("finish_reason");
          json.Null();
        });
        break;
      case Kind::kPartEnd: EndPart(event.part, out); break;
      case Kind::kUsage: usage_ = event.usage; break;
      case Kind::kFinish:
        Chunk(out, [&](JsonWriter& json) {
          json.Key("delta");
          json.Raw("{}");
          json.Key("logprobs");
          json.Null();
          WriteFinish(json, event.finish, event.raw_finish);
        });
        break;
      case Kind::kEnd: End(out); break;
      case Kind::kSignature: break;  // no place for it
    }
  }

  void WriteError(const Error& error, std::string& out) override { out += StreamErrorEvent(error); }

 private:
  struct Part {
    PartKind kind = PartKind::kText;
    std::int64_t call = -1;  // index among the calls
    bool said = false;
  };

  Part& Place(int part) {
    const auto at = static_cast<std::size_t>(std::max(part, 0));
    if (at >= parts_.size()) parts_.resize(at + 1);
    return parts_[at];
  }

  std::string_view FieldOf(int part) {
    switch (Place(part).kind) {
      case PartKind::kThinking: return "reasoning_content";
      case PartKind::kRefusal: return "refusal";
      case PartKind::kText:
      case PartKind::kToolCall:
      case PartKind::kOpaque: return "content";
    }
    return "content";
  }

  template <class Body>
  void Chunk(std::string& out, Body&& body) {
    out += head_;
    JsonWriter json;
    json.Begin('{');
    json.Member("index", std::int64_t{0});
    body(json);
    json.End('}');
    out += json.Take();
    out += context_.include_usage ? R"(],"usage":null})" : "]}";
    out += "\n\n";
  }

  template <class Body>
  void Delta(std::string& out, Body&& body) {
    Chunk(out, [&](JsonWriter& json) {
      json.Key("delta");
      json.Begin('{');
      body(json);
      json.End('}');
      json.Key("logprobs");
      json.Null();
      json.Key("finish_reason");
      json.Null();
    });
  }

  template <class Body>
  void Call(int part, std::string& out, Body&& body) {
    Delta(out, [&](JsonWriter& json) {
      json.Key("tool_calls");
      json.Begin('[');
      json.Begin('{');
      json.Member("index", Place(part).call);
      body(json);
      json.End('}');
      json.End(']');
    });
  }

  void Start(const StreamEvent& event, std::string& out) {
    JsonWriter json;
    json.Begin('{');
    json.Member("id", event.id.empty() ? "chatcmpl-" + context_.id : event.id);
    json.Member("object", "chat.completion.chunk");
    json.Member("created", event.created == 0 ? context_.created : event.created);
    json.Member("model", event.model.empty() ? context_.model : event.model);
    if (!event.service_tier.empty()) json.Member("service_tier", event.service_tier);
    json.Key("choices");
    head_ = "data: " + json.Take() + "[";
    if (event.usage) usage_ = event.usage;
    Delta(out, [](JsonWriter& delta) {
      delta.Member("role", "assistant");
      delta.Member("content", "");
      delta.Key("refusal");
      delta.Null();
    });
  }

  void StartPart(const StreamEvent& event, std::string& out) {
    Part& part = Place(event.part);
    part.kind = event.part_kind;
    if (event.part_kind != PartKind::kToolCall) return;
    part.call = calls_++;
    Call(event.part, out, [&](JsonWriter& json) {
      json.Member("id", event.id);
      json.Member("type", "function");
      json.Key("function");
      json.Begin('{');
      json.Member("name", event.name);
      json.Member("arguments", "");
      json.End('}');
    });
  }

  // Arguments are never nothing: clients parse them.
  void EndPart(int number, std::string& out) {
    const Part& part = Place(number);
    if (part.kind != PartKind::kToolCall || part.said) return;
    Call(number, out, [](JsonWriter& json) {
      json.Key("function");
      json.Begin('{');
      json.Member("arguments", "{}");
      json.End('}');
    });
  }

  void End(std::string& out) {
    if (context_.include_usage && usage_) {
      JsonWriter json;
      WriteUsage(json, *usage_);
      out += head_ + "],\"usage\":" + json.Take() + "}\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  const AnswerContext context_;
  std::string head_;  // of every chunk, up to its choice
  std::vector<Part> parts_;
  std::int64_t calls_ = 0;
  std::optional<llm::Usage> usage_;
};

class ChatCodec final : public Codec {
 public:
  llm::Dialect dialect() const override { return kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return openai_chat::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return openai_chat::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return openai_chat::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return openai_chat::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const override {
    return NewWriter(std::move(context));
  }

  std::string WriteError(const Error& error, int, std::string_view) const override {
    return ErrorBody(error);
  }

  std::string_view KeepAlive() const override { return ": keep-alive\n\n"; }
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter(AnswerContext context) {
  return std::make_unique<Writer>(std::move(context));
}

}  // namespace triage::wire::openai_chat

namespace triage::wire {

const Codec& OpenAiChatCodec() {
  static const openai_chat::ChatCodec codec;
  return codec;
}

}  // namespace triage::wire
