#include <map>
#include <string>
#include <utility>
#include <vector>

#include "wire/gemini.h"

namespace triage::wire::gemini {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::FinishReason;
using llm::PartKind;

// An event is a whole GenerateContentResponse with the next piece of the answer; calls come in one
// piece. The stream ends with the body; that it was complete shows in a finish reason, which some
// models put into every piece.
class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view /*name*/, std::string_view data,
                       std::vector<llm::StreamEvent>& out) override {
    if (ended_ || data.empty() || data == "[DONE]") return {};
    const Result<void> parsed = tree_.Parse(data);
    if (!parsed) return Broken(parsed.error().message);
    const JsonValue root = tree_.root();
    if (const JsonValue error = ErrorIn(root); error.is_object()) return ReadFailure(error);
    if (!root.is_object()) return Broken("not a JSON object");
    Start(root, out);
    const JsonValue candidates = root["candidates"];
    for (const JsonValue candidate : candidates) {
      if (candidate["index"].integer().value_or(0) == 0) ReadCandidate(candidate, out);
    }
    const std::string_view blocked = root.At({"promptFeedback", "blockReason"}).text();
    if (candidates.size() == 0 && !blocked.empty()) {
      finish_ = FinishReason::kContentFilter;
      raw_finish_ = blocked;
    }
    if (usage_.Read(root["usageMetadata"])) {
      out.push_back({.kind = Kind::kUsage, .usage = usage_.Disjoint()});
      if (!out.back().usage) out.pop_back();
    }
    return {};
  }

  Result<void> OnEnd(std::vector<llm::StreamEvent>& out) override {
    if (ended_) return {};
    if (raw_finish_.empty()) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's answer ended early."};
    }
    ended_ = true;
    Close(out);
    if (finish_ == FinishReason::kStop && calls_ > 0) finish_ = FinishReason::kToolCalls;
    out.push_back({.kind = Kind::kFinish, .finish = finish_, .raw_finish = raw_finish_});
    out.push_back({.kind = Kind::kEnd});
    return {};
  }

 private:
  static Error Broken(std::string detail) {
    return {.code = ErrorCode::kUpstream,
            .message = "The provider's stream is broken.",
            .detail = std::move(detail)};
  }

  void Start(JsonValue root, std::vector<llm::StreamEvent>& out) {
    if (started_) return;
    started_ = true;
    id_ = root["responseId"].text();
    out.push_back({.kind = Kind::kStart, .id = id_, .model = root["modelVersion"].string()});
  }

  void ReadCandidate(JsonValue candidate, std::vector<llm::StreamEvent>& out) {
    for (const JsonValue part : candidate.At({"content", "parts"})) ReadPart(part, out);
    if (candidate["logprobsResult"].is_object() && !texts_.empty()) {
      std::vector<llm::TokenLogprob> tokens = ReadLogprobs(candidate["logprobsResult"]);
      if (!tokens.empty()) {
        out.push_back(
            {.kind = Kind::kLogprobs, .part = text_parts_.back(), .logprobs = std::move(tokens)});
      }
    }
    for (PlacedCitation& placed : ReadCitations(candidate, texts_)) {
      out.push_back({.kind = Kind::kCitation,
                     .part = text_parts_[placed.text],
                     .citation = std::move(placed.citation)});
    }
    const std::string_view finish = candidate["finishReason"].text();
    if (finish.empty() || finish == "FINISH_REASON_UNSPECIFIED") return;
    finish_ = FinishOf(finish);
    raw_finish_ = finish;
  }

  void ReadPart(JsonValue part, std::vector<llm::StreamEvent>& out) {
    const JsonValue call = part["functionCall"];
    const std::string_view text = part["text"].text();
    const std::string_view signature = part["thoughtSignature"].text();
    if (call.is_object()) return AddCall(ReadCall(call, signature, id_, ++calls_), out);
    if (IsOther(part)) return AddOther(ReadOther(part), out);
    const bool thought = part["thought"].boolean().value_or(false);
    if (!text.empty()) {
      Open(thought ? PartKind::kThinking : PartKind::kText, false, out);
      if (!thought) texts_.back() += text;
      out.push_back(
          {.kind = Kind::kText, .part = open_, .text = std::string(text), .origin = kSelf});
    }
    if (signature.empty()) return;
    // It signs the thought it stands on, or the answer as a whole.
    if (!(thought && open_ >= 0 && open_kind_ == PartKind::kThinking)) {
      Close(out);
      Open(PartKind::kThinking, true, out);
    }
    out.push_back(
        {.kind = Kind::kSignature, .part = open_, .text = std::string(signature), .origin = kSelf});
    Close(out);
  }

  void AddCall(llm::ToolCallPart call, std::vector<llm::StreamEvent>& out) {
    Close(out);
    const int part = parts_++;
    out.push_back({.kind = Kind::kPartStart,
                   .part = part,
                   .part_kind = PartKind::kToolCall,
                   .id = std::move(call.id),
                   .name = std::move(call.name),
                   .origin = kSelf});
    out.push_back({.kind = Kind::kArguments, .part = part, .text = std::move(call.arguments)});
    if (!call.signature.empty()) {
      out.push_back({.kind = Kind::kSignature,
                     .part = part,
                     .text = std::move(call.signature),
                     .origin = kSelf});
    }
    out.push_back({.kind = Kind::kPartEnd, .part = part});
  }

  void AddOther(llm::OpaquePart other, std::vector<llm::StreamEvent>& out) {
    Close(out);
    out.push_back({.kind = Kind::kPartStart,
                   .part = parts_,
                   .part_kind = PartKind::kOpaque,
                   .text = std::move(other.json),
                   .name = std::move(other.type),
                   .origin = kSelf});
    out.push_back({.kind = Kind::kPartEnd, .part = parts_++});
  }

  void Open(PartKind kind, bool redacted, std::vector<llm::StreamEvent>& out) {
    if (open_ >= 0 && open_kind_ == kind) return;
    Close(out);
    open_ = parts_++;
    open_kind_ = kind;
    if (kind == PartKind::kText) {
      texts_.emplace_back();
      text_parts_.push_back(open_);
    }
    out.push_back({.kind = Kind::kPartStart,
                   .part = open_,
                   .part_kind = kind,
                   .redacted = redacted,
                   .origin = kSelf});
  }

  void Close(std::vector<llm::StreamEvent>& out) {
    if (open_ >= 0) out.push_back({.kind = Kind::kPartEnd, .part = open_});
    open_ = -1;
  }

  JsonTree tree_;
  UsageCount usage_;
  std::string id_;
  std::vector<std::string> texts_;  // of the text parts: citations point into them
  std::vector<int> text_parts_;     // their numbers
  int parts_ = 0;
  int open_ = -1;
  PartKind open_kind_ = PartKind::kText;
  std::size_t calls_ = 0;
  FinishReason finish_ = FinishReason::kUnknown;
  std::string raw_finish_;
  bool started_ = false;
  bool ended_ = false;
};

class Writer final : public StreamWriter {
 public:
  explicit Writer(AnswerContext context) : context_(std::move(context)) {}

  void Write(const llm::StreamEvent& event, std::string& out) override {
    if (event.usage) piece_.usage = event.usage;
    switch (event.kind) {
      case Kind::kStart:
        piece_.id = event.id;
        piece_.model = event.model;
        break;
      case Kind::kPartStart: Begin(event, out); break;
      case Kind::kText: WriteText(event, out); break;
      case Kind::kSignature: open_[event.part].signature += event.text; break;
      case Kind::kArguments: open_[event.part].arguments += event.text; break;
      case Kind::kCitation:
        if (event.citation) citations_[event.part].push_back(*event.citation);
        break;
      case Kind::kLogprobs:
        piece_.logprobs = event.logprobs;
        Emit("", out);
        piece_.logprobs.clear();
        break;
      case Kind::kPartEnd: End(event.part, out); break;
      case Kind::kUsage: break;
      case Kind::kFinish: finish_ = FinishWord(event.finish, event.raw_finish); break;
      case Kind::kEnd: WriteEnd(out); break;
    }
  }

  void WriteError(const Error& error, std::string& out) override {
    const int status = error.code == ErrorCode::kRateLimited   ? 429
                       : error.code == ErrorCode::kTimeout     ? 504
                       : error.code == ErrorCode::kUnavailable ? 503
                       : error.upstream_status >= 400          ? error.upstream_status
                                                               : 500;
    out += "data: " + ErrorBody(error, status) + "\r\n\r\n";
  }

 private:
  struct Open {
    PartKind kind = PartKind::kText;
    std::string id;
    std::string name;
    std::string arguments;
    std::string signature;
    bool redacted = false;
    bool own = false;  // whether a signature is ours to tell
  };

  void Emit(std::string_view finish, std::string& out) {
    JsonWriter json;
    WriteResponse(json, piece_, context_, finish, {});
    out += "data: " + json.Take() + "\r\n\r\n";
    piece_.parts.clear();
  }

  void Begin(const llm::StreamEvent& event, std::string& out) {
    open_[event.part] = {.kind = event.part_kind,
                         .id = event.id,
                         .name = event.name,
                         .arguments = {},
                         .signature = {},
                         .redacted = event.redacted,
                         .own = event.origin == kSelf};
    if (event.part_kind != PartKind::kOpaque || event.origin != kSelf) return;
    piece_.parts.emplace_back(
        llm::OpaquePart{.origin = kSelf, .type = event.name, .json = event.text});
    Emit("", out);
  }

  void WriteText(const llm::StreamEvent& event, std::string& out) {
    if (open_[event.part].kind == PartKind::kThinking) {
      piece_.parts.emplace_back(llm::ThinkingPart{.text = event.text, .origin = kSelf});
    } else {
      texts_[event.part] += event.text;
      piece_.parts.emplace_back(llm::TextPart{.text = event.text});
    }
    Emit("", out);
  }

  void End(int number, std::string& out) {
    Open part = std::move(open_[number]);
    open_.erase(number);
    if (!part.own) part.signature.clear();
    if (part.kind == PartKind::kToolCall) {
      if (part.arguments.empty()) part.arguments = "{}";
      piece_.parts.emplace_back(llm::ToolCallPart{.id = std::move(part.id),
                                                  .name = std::move(part.name),
                                                  .arguments = std::move(part.arguments),
                                                  .signature = std::move(part.signature),
                                                  .origin = kSelf});
      Emit("", out);
    } else if (part.kind == PartKind::kThinking && !part.signature.empty()) {
      piece_.parts.emplace_back(llm::ThinkingPart{
          .signature = std::move(part.signature), .redacted = part.redacted, .origin = kSelf});
      Emit("", out);
    }
  }

  // The finish reason is the sign that a stream is whole, so nothing before the end tells it.
  void WriteEnd(std::string& out) {
    std::vector<llm::Part> cited;
    for (auto& [number, text] : texts_) {
      cited.emplace_back(
          llm::TextPart{.text = std::move(text), .citations = std::move(citations_[number])});
    }
    JsonWriter json;
    WriteResponse(json, piece_, context_, finish_.empty() ? "STOP" : std::string_view(finish_),
                  cited);
    out += "data: " + json.Take() + "\r\n\r\n";
  }

  const AnswerContext context_;
  llm::Answer piece_;  // the response being built, and what every one of them says
  std::map<int, Open> open_;
  std::map<int, std::string> texts_;
  std::map<int, std::vector<llm::Citation>> citations_;
  std::string finish_;
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter(AnswerContext context) {
  return std::make_unique<Writer>(std::move(context));
}

}  // namespace triage::wire::gemini
