#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wire/error_message.h"
#include "wire/json.h"
#include "wire/oci.h"

namespace triage::wire::oci {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::PartKind;

// An event is one choice: {"index","message":{"content":[…],"toolCalls":[…]},"finishReason"}, with
// "usage" in the last or in one of its own, and "pad" to hide its length. The stream ends with the
// body; there is no terminal event.
class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view /*name*/, std::string_view data,
                       std::vector<llm::StreamEvent>& out) override {
    if (ended_ || data.empty()) return {};
    if (data == "[DONE]") return OnEnd(out);
    const Result<void> parsed = tree_.Parse(data);
    if (!parsed || !tree_.root().is_object()) {
      return Broken(parsed ? "not a JSON object" : parsed.error().message);
    }
    const JsonValue root = tree_.root();
    if (root["error"].is_object() || root["message"].is_string()) return ReadError(root);
    // Some models' events come in the envelope of a whole answer.
    const JsonValue chat = root["chatResponse"].is_object() ? root["chatResponse"] : root;
    Start(root, out);
    if (!chat["choices"].is_array()) return ReadChoice(chat, out);
    ReadUsage(chat["usage"], out);
    for (const JsonValue choice : chat["choices"]) {
      if (choice["index"].integer().value_or(0) != 0) continue;
      Result<void> read = ReadChoice(choice, out);
      if (!read) return read;
    }
    return {};
  }

  Result<void> OnEnd(std::vector<llm::StreamEvent>& out) override {
    if (ended_) return {};
    if (!finished_) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's answer ended early."};
    }
    ended_ = true;
    out.push_back({.kind = Kind::kEnd});
    return {};
  }

 private:
  struct Call {
    std::string id;
    int part = -1;
  };

  static Error Broken(std::string detail) {
    return {.code = ErrorCode::kUpstream,
            .message = "The provider's stream is broken.",
            .detail = std::move(detail)};
  }

  static Error ReadError(JsonValue root) {
    const JsonValue error = root["error"].is_object() ? root["error"] : root;
    const std::string_view word = error["code"].text();
    Error out{.code = ErrorCode::kUpstream, .message = ProviderMessage(error["message"].text())};
    out.upstream_status = static_cast<int>(error["code"].integer().value_or(0));
    if (word == "TooManyRequests" || word == "429") out.upstream_status = 429;
    if (word == "ServiceUnavailable" || word == "503") out.upstream_status = 503;
    if (out.upstream_status == 429) out.code = ErrorCode::kRateLimited;
    if (out.upstream_status < 400 || out.upstream_status > 599) out.upstream_status = 500;
    out.detail = std::string(word.substr(0, 64));
    return out;
  }

  void Start(JsonValue root, std::vector<llm::StreamEvent>& out) {
    if (started_) return;
    started_ = true;
    out.push_back({.kind = Kind::kStart, .model = root["modelId"].string()});
  }

  void ReadUsage(JsonValue usage, std::vector<llm::StreamEvent>& out) {
    if (usage_.Read(usage)) out.push_back({.kind = Kind::kUsage, .usage = usage_.Disjoint()});
  }

  Result<void> ReadChoice(JsonValue choice, std::vector<llm::StreamEvent>& out) {
    if (choice["index"].integer().value_or(0) != 0) return {};
    const JsonValue message = choice["message"];
    if (!message.null() && !message.is_object()) return Broken("message is no object");
    if (!finished_) {
      ReadText(PartKind::kThinking, message["reasoningContent"].text(), out);
      for (const JsonValue content : message["content"]) ReadContentDelta(content, out);
      ReadText(PartKind::kRefusal, message["refusal"].text(), out);
      for (const JsonValue annotation : message["annotations"]) {
        OpenText(PartKind::kText, out);
        out.push_back(
            {.kind = Kind::kCitation, .part = text_, .citation = ReadAnnotation(annotation)});
      }
      if (choice["logprobs"].is_object()) ReadLogprobDelta(choice["logprobs"], out);
      for (const JsonValue call : message["toolCalls"]) ReadCallDelta(call, out);
    }
    ReadUsage(choice["usage"], out);
    const std::string_view finish = choice["finishReason"].text();
    if (!finish.empty() && !finished_) Finish(finish, out);
    return {};
  }

  void ReadContentDelta(JsonValue content, std::vector<llm::StreamEvent>& out) {
    if (content["type"].text() == "TEXT" || content["type"].null()) {
      ReadText(PartKind::kText, content["text"].text(), out);
      return;
    }
    std::optional<llm::Part> part = ReadContent(content);
    const auto* opaque = part ? std::get_if<llm::OpaquePart>(&*part) : nullptr;
    if (opaque == nullptr) return;
    CloseText(out);
    out.push_back({.kind = Kind::kPartStart,
                   .part = parts_,
                   .part_kind = PartKind::kOpaque,
                   .text = opaque->json,
                   .name = opaque->type,
                   .origin = kSelf});
    out.push_back({.kind = Kind::kPartEnd, .part = parts_++});
  }

  void ReadText(PartKind kind, std::string_view text, std::vector<llm::StreamEvent>& out) {
    if (text.empty()) return;
    OpenText(kind, out);
    out.push_back({.kind = Kind::kText, .part = text_, .text = std::string(text), .origin = kSelf});
  }

  void ReadLogprobDelta(JsonValue logprobs, std::vector<llm::StreamEvent>& out) {
    std::vector<llm::TokenLogprob> tokens = ReadLogprobs(logprobs);
    if (tokens.empty() || text_ < 0) return;
    out.push_back({.kind = Kind::kLogprobs, .part = text_, .logprobs = std::move(tokens)});
  }

  void OpenText(PartKind kind, std::vector<llm::StreamEvent>& out) {
    if (text_ >= 0 && text_kind_ == kind) return;
    CloseText(out);
    CloseCalls(out);
    text_ = parts_++;
    text_kind_ = kind;
    out.push_back({.kind = Kind::kPartStart, .part = text_, .part_kind = kind, .origin = kSelf});
  }

  void CloseText(std::vector<llm::StreamEvent>& out) {
    if (text_ >= 0) out.push_back({.kind = Kind::kPartEnd, .part = text_});
    text_ = -1;
  }

  void CloseCalls(std::vector<llm::StreamEvent>& out) {
    for (Call& call : calls_) {
      if (call.part >= 0) out.push_back({.kind = Kind::kPartEnd, .part = call.part});
      call.part = -1;
    }
  }

  // Deltas of a call carry its id, or nothing when they go on with the last; a new name without an
  // id is a new call of a model that gives none.
  void ReadCallDelta(JsonValue delta, std::vector<llm::StreamEvent>& out) {
    if (!delta.is_object()) return;
    const std::string_view id = delta["id"].text();
    const std::string_view name = delta["name"].text();
    Call* call = nullptr;
    if (!id.empty()) {
      const auto found = std::ranges::find(calls_, id, &Call::id);
      if (found != calls_.end()) call = &*found;
    } else if (name.empty() && !calls_.empty()) {
      call = &calls_.back();
    }
    if (call != nullptr && call->part < 0) return;  // text has come in between: it is over
    if (call == nullptr) {
      CloseText(out);
      calls_.push_back(
          {.id = id.empty() ? fmt::format("call_{}", calls_.size() + 1) : std::string(id),
           .part = parts_++});
      call = &calls_.back();
      out.push_back({.kind = Kind::kPartStart,
                     .part = call->part,
                     .part_kind = PartKind::kToolCall,
                     .id = call->id,
                     .name = std::string(name),
                     .origin = kSelf});
    }
    const JsonValue arguments = delta["arguments"];
    std::string piece = arguments.is_object() ? std::string(arguments.raw()) : arguments.string();
    if (piece.empty()) return;
    out.push_back({.kind = Kind::kArguments, .part = call->part, .text = std::move(piece)});
  }

  void Finish(std::string_view word, std::vector<llm::StreamEvent>& out) {
    CloseText(out);
    CloseCalls(out);
    finished_ = true;
    out.push_back(
        {.kind = Kind::kFinish, .finish = FinishOf(word), .raw_finish = std::string(word)});
  }

  JsonTree tree_;
  UsageCount usage_;
  std::vector<Call> calls_;
  int parts_ = 0;
  int text_ = -1;  // the open text, thinking or refusal part
  PartKind text_kind_ = PartKind::kText;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
};

class Writer final : public StreamWriter {
 public:
  void Write(const llm::StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case Kind::kStart:
      case Kind::kUsage:
        if (event.usage) usage_ = event.usage;
        if (event.kind == Kind::kStart) {
          Delta(out, [](JsonWriter& json) { WriteContentText(json, ""); });
        }
        break;
      case Kind::kPartStart: Begin(event, out); break;
      case Kind::kText: WriteText(event, out); break;
      case Kind::kArguments: WriteArguments(event.part, event.text, out); break;
      case Kind::kCitation:
        if (!event.citation) break;
        citations_.emplace_back(llm::TextPart{.text = {}, .citations = {*event.citation}});
        break;
      case Kind::kLogprobs: WriteLogprobDelta(event, out); break;
      case Kind::kSignature: break;
      case Kind::kPartEnd: End(event.part, out); break;
      case Kind::kFinish: WriteFinish(event, out); break;
      case Kind::kEnd:
        if (usage_) {
          JsonWriter json;
          json.Begin('{');
          json.Key("usage");
          WriteUsage(json, *usage_);
          json.End('}');
          Emit(json, out);
        }
        break;
    }
  }

  void WriteError(const Error& error, std::string& out) override {
    const int status = error.code == ErrorCode::kRateLimited   ? 429
                       : error.code == ErrorCode::kTimeout     ? 504
                       : error.code == ErrorCode::kUnavailable ? 503
                       : error.upstream_status >= 400          ? error.upstream_status
                                                               : 500;
    out += "data: " + ErrorBody(error, status) + "\n\n";
  }

 private:
  struct Open {
    PartKind kind = PartKind::kText;
    std::string id;
    std::string name;
    std::string held;  // of arguments: a character that is not whole yet
    bool said = false;
  };

  static void Emit(JsonWriter& json, std::string& out) {
    out += "data: ";
    out += json.Take();
    out += "\n\n";
  }

  template <class Members>
  static void Delta(std::string& out, Members members) {
    JsonWriter json;
    json.Begin('{');
    json.Member("index", std::int64_t{0});
    json.Key("message");
    json.Begin('{');
    json.Member("role", "ASSISTANT");
    members(json);
    json.End('}');
    json.End('}');
    Emit(json, out);
  }

  static void WriteContentText(JsonWriter& json, std::string_view text) {
    json.Key("content");
    json.Begin('[');
    json.Begin('{');
    json.Member("type", "TEXT");
    json.Member("text", text);
    json.End('}');
    json.End(']');
  }

  static void WriteCall(const Open& call, std::string_view arguments, bool first,
                        std::string& out) {
    Delta(out, [&](JsonWriter& json) {
      json.Key("toolCalls");
      json.Begin('[');
      json.Begin('{');
      json.Member("type", "FUNCTION");
      json.Member("id", call.id);
      if (first) json.Member("name", call.name);
      json.Member("arguments", arguments);
      json.End('}');
      json.End(']');
    });
  }

  void Begin(const llm::StreamEvent& event, std::string& out) {
    Open& part = open_[event.part];
    part = {.kind = event.part_kind, .id = event.id, .name = event.name, .held = {}};
    if (part.kind == PartKind::kToolCall) WriteCall(part, "", true, out);
    if (part.kind == PartKind::kOpaque && event.origin == kSelf) {
      Delta(out, [&](JsonWriter& json) {
        json.Key("content");
        json.Begin('[');
        json.Raw(event.text);
        json.End(']');
      });
    }
  }

  void WriteText(const llm::StreamEvent& event, std::string& out) {
    const PartKind kind = open_[event.part].kind;
    Delta(out, [&](JsonWriter& json) {
      if (kind == PartKind::kThinking) {
        json.Member("reasoningContent", event.text);
      } else if (kind == PartKind::kRefusal) {
        json.Member("refusal", event.text);
      } else {
        WriteContentText(json, event.text);
      }
    });
  }

  void WriteArguments(int number, std::string_view text, std::string& out) {
    Open& call = open_[number];
    call.held += text;
    const std::size_t whole = WholeCharacters(call.held);
    if (whole == 0) return;
    call.said = true;
    WriteCall(call, std::string_view(call.held).substr(0, whole), false, out);
    call.held.erase(0, whole);
  }

  void End(int number, std::string& out) {
    Open& part = open_[number];
    if (part.kind == PartKind::kToolCall && !part.said) WriteCall(part, "{}", false, out);
    open_.erase(number);
  }

  static void WriteLogprobDelta(const llm::StreamEvent& event, std::string& out) {
    JsonWriter json;
    json.Begin('{');
    json.Member("index", std::int64_t{0});
    json.Key("logprobs");
    WriteLogprobs(json, event.logprobs);
    json.End('}');
    Emit(json, out);
  }

  void WriteFinish(const llm::StreamEvent& event, std::string& out) {
    llm::Answer answer;
    answer.finish = event.finish;
    answer.raw_finish = event.raw_finish;
    JsonWriter json;
    json.Begin('{');
    json.Member("index", std::int64_t{0});
    if (!citations_.empty()) {
      json.Key("message");
      json.Begin('{');
      json.Member("role", "ASSISTANT");
      WriteAnnotations(json, citations_);
      json.End('}');
    }
    json.Member("finishReason", FinishWord(answer));
    json.End('}');
    Emit(json, out);
  }

  std::map<int, Open> open_;
  std::vector<llm::Part> citations_;
  std::optional<llm::Usage> usage_;
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter() {
  return std::make_unique<Writer>();
}

}  // namespace triage::wire::oci
