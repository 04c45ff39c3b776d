#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "wire/aws_event_stream.h"
#include "wire/bedrock.h"
#include "wire/json.h"

namespace triage::wire::bedrock {
namespace {

using Kind = llm::StreamEvent::Kind;
using llm::FinishReason;
using llm::PartKind;

// Events are named by the framing: messageStart, then blocks by their index, messageStop, and at
// last metadata with the usage. Only calls have a contentBlockStart of their own.
class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view name, std::string_view data,
                       std::vector<llm::StreamEvent>& out) override {
    if (ended_) return {};
    const Result<void> parsed = tree_.Parse(data.empty() ? "{}" : data);
    const bool object = parsed && tree_.root().is_object();
    const JsonValue root = object ? tree_.root() : JsonValue();
    if (IsFailure(name, root)) return ReadFailure(name, root);
    if (!object) return Broken(parsed ? "not a JSON object" : parsed.error().message);
    if (name == "messageStart") {
      Start(out);
    } else if (name == "contentBlockStart") {
      StartBlock(root, out);
    } else if (name == "contentBlockDelta") {
      ReadDelta(root, out);
    } else if (name == "contentBlockStop") {
      StopBlock(IndexOf(root), out);
    } else if (name == "messageStop") {
      Finish(root, out);
    } else if (name == "metadata") {
      ReadMetadata(root, out);
    }
    return {};
  }

  Result<void> OnEnd(std::vector<llm::StreamEvent>& out) override {
    if (ended_) return {};
    if (!finished_) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's answer ended early."};
    }
    End(out);
    return {};
  }

 private:
  struct Block {
    int part = -1;
    PartKind kind = PartKind::kText;
    bool answer_tool = false;
    bool said = false;
  };

  static Error Broken(std::string detail) {
    return {.code = ErrorCode::kUpstream,
            .message = "The provider's stream is broken.",
            .detail = std::move(detail)};
  }

  // An exception, or an error that the API does not model.
  static bool IsFailure(std::string_view name, JsonValue body) {
    if (name.ends_with("Exception") || name.ends_with("Error") || name.ends_with("Failure")) {
      return true;
    }
    const bool known =
        name.starts_with("message") || name.starts_with("contentBlock") || name == "metadata";
    return !known && body["message"].is_string();
  }

  static std::int64_t IndexOf(JsonValue root) {
    return root["contentBlockIndex"].integer().value_or(0);
  }

  void Start(std::vector<llm::StreamEvent>& out) {
    if (!std::exchange(started_, true)) out.push_back({.kind = Kind::kStart});
  }

  void StopBlock(std::int64_t index, std::vector<llm::StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end()) return;
    const Block& block = found->second;
    if (block.answer_tool && !block.said) {
      out.push_back({.kind = Kind::kText, .part = block.part, .text = "{}"});
    }
    out.push_back({.kind = Kind::kPartEnd, .part = block.part});
    blocks_.erase(found);
  }

  // Only calls may overlap, and only each other.
  Block& Open(std::int64_t index, llm::StreamEvent start, std::vector<llm::StreamEvent>& out) {
    Start(out);
    const bool call = start.part_kind == PartKind::kToolCall;
    for (auto at = blocks_.begin(); at != blocks_.end();) {
      const auto next = std::next(at);
      const bool stays = call && at->second.kind == PartKind::kToolCall && at->first != index;
      if (!stays) StopBlock(at->first, out);
      at = next;
    }
    Block& block = blocks_[index];
    block.part = start.part = parts_++;
    block.kind = start.part_kind;
    start.kind = Kind::kPartStart;
    start.origin = kSelf;
    out.push_back(std::move(start));
    return block;
  }

  // The block of deltas of text or thinking, which begins with the first of them.
  Block& At(std::int64_t index, PartKind kind, bool redacted, std::vector<llm::StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found != blocks_.end() && found->second.kind == kind) return found->second;
    return Open(index, {.part_kind = kind, .redacted = redacted}, out);
  }

  void StartBlock(JsonValue root, std::vector<llm::StreamEvent>& out) {
    const JsonValue call = root["start"]["toolUse"];
    if (!call.is_object() || finished_) return;
    if (call["name"].text() == kAnswerTool) {
      answered_by_tool_ = true;
      Open(IndexOf(root), {.part_kind = PartKind::kText}, out).answer_tool = true;
      return;
    }
    Open(IndexOf(root),
         {.part_kind = PartKind::kToolCall,
          .id = call["toolUseId"].string(),
          .name = call["name"].string()},
         out);
  }

  void ReadDelta(JsonValue root, std::vector<llm::StreamEvent>& out) {
    if (finished_) return;
    const std::int64_t index = IndexOf(root);
    const JsonValue delta = root["delta"];
    const JsonValue thinking = delta["reasoningContent"];
    const auto add = [&](Kind kind, const Block& block, JsonValue text) {
      if (text.text().empty()) return;
      out.push_back({.kind = kind, .part = block.part, .text = text.string(), .origin = kSelf});
    };
    if (delta["text"].is_string()) {
      if (!delta["text"].text().empty()) {
        add(Kind::kText, At(index, PartKind::kText, false, out), delta["text"]);
      }
    } else if (const JsonValue input = delta["toolUse"]["input"]; input.is_string()) {
      const auto found = blocks_.find(index);
      if (found == blocks_.end()) return;
      Block& block = found->second;
      block.said = block.said || !input.text().empty();
      if (block.answer_tool || block.kind == PartKind::kToolCall) {
        add(block.answer_tool ? Kind::kText : Kind::kArguments, block, input);
      }
    } else if (thinking.is_object()) {
      const JsonValue redacted = thinking["redactedContent"];
      const Block& block = At(index, PartKind::kThinking, redacted.is_string(), out);
      add(Kind::kText, block, thinking["text"]);
      add(Kind::kSignature, block, redacted.is_string() ? redacted : thinking["signature"]);
    } else if (delta["citation"].is_object()) {
      out.push_back({.kind = Kind::kCitation,
                     .part = At(index, PartKind::kText, false, out).part,
                     .citation = ReadCitation(delta["citation"])});
    }
  }

  void Finish(JsonValue root, std::vector<llm::StreamEvent>& out) {
    if (std::exchange(finished_, true)) return;
    Start(out);
    while (!blocks_.empty()) StopBlock(blocks_.begin()->first, out);
    const std::string_view reason = root["stopReason"].text();
    FinishReason finish = FinishOf(reason);
    if (answered_by_tool_ && finish == FinishReason::kToolCalls) finish = FinishReason::kStop;
    out.push_back(
        {.kind = Kind::kFinish,
         .finish = finish,
         .raw_finish = std::string(reason),
         .stop_sequence = root.At({"additionalModelResponseFields", "stop_sequence"}).string()});
  }

  void ReadMetadata(JsonValue root, std::vector<llm::StreamEvent>& out) {
    Start(out);
    const auto usage = ReadUsage(root["usage"]);
    std::string tier = root.At({"serviceTier", "type"}).string();
    if (usage || !tier.empty()) {
      llm::StreamEvent event{.kind = Kind::kUsage, .usage = usage};
      event.service_tier = std::move(tier);
      out.push_back(std::move(event));
    }
    if (finished_) End(out);
  }

  void End(std::vector<llm::StreamEvent>& out) {
    ended_ = true;
    out.push_back({.kind = Kind::kEnd});
  }

  JsonTree tree_;
  std::map<std::int64_t, Block> blocks_;  // that are open, by Bedrock's index
  int parts_ = 0;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool answered_by_tool_ = false;
};

class Writer final : public StreamWriter {
 public:
  void Write(const llm::StreamEvent& event, std::string& out) override {
    if (event.usage) usage_ = event.usage;
    if (!event.service_tier.empty()) service_tier_ = event.service_tier;
    switch (event.kind) {
      case Kind::kStart: AppendAwsEvent(out, "messageStart", R"({"role":"assistant"})"); break;
      case Kind::kPartStart: Begin(event, out); break;
      case Kind::kText: WriteText(event, out); break;
      case Kind::kSignature: WriteSignature(event, out); break;
      case Kind::kArguments: WriteArguments(event, out); break;
      case Kind::kCitation: WriteCitationDelta(event, out); break;
      case Kind::kPartEnd: Stop(event.part, out); break;
      case Kind::kFinish: finish_ = event; break;
      case Kind::kEnd: WriteEnd(out); break;
      case Kind::kUsage:
      case Kind::kLogprobs: break;  // told at the end; no place for them
    }
  }

  void WriteError(const Error& error, std::string& out) override {
    std::string_view type = "modelStreamErrorException";
    if (error.code == ErrorCode::kRateLimited) type = "throttlingException";
    if (error.code == ErrorCode::kInvalidRequest) type = "validationException";
    if (error.code == ErrorCode::kUnavailable || error.upstream_status == 503) {
      type = "serviceUnavailableException";
    }
    if (error.code == ErrorCode::kInternal) type = "internalServerException";
    AppendAwsEvent(out, type, "{\"message\":" + JsonString(error.message) + "}", true);
  }

 private:
  struct Open {
    std::int64_t index = -1;  // -1 = of a part that cannot be told
    PartKind kind = PartKind::kText;
    bool redacted = false;
    bool own = false;
    std::string held;  // of arguments: a character that is not whole yet
  };

  template <class Members>
  static void Emit(std::string_view name, const Open& part, Members members, std::string& out) {
    JsonWriter json;
    json.Begin('{');
    json.Member("contentBlockIndex", part.index);
    members(json);
    json.End('}');
    AppendAwsEvent(out, name, json.Take());
  }

  template <class Members>
  static void Delta(const Open& part, Members members, std::string& out) {
    Emit(
        "contentBlockDelta", part,
        [&](JsonWriter& json) {
          json.Key("delta");
          json.Begin('{');
          members(json);
          json.End('}');
        },
        out);
  }

  // {"OUTER":{"INNER":TEXT}}
  static void Delta(const Open& part, std::string_view outer, std::string_view inner,
                    std::string_view text, std::string& out) {
    Delta(
        part,
        [&](JsonWriter& json) {
          json.Key(outer);
          json.Begin('{');
          json.Member(inner, text);
          json.End('}');
        },
        out);
  }

  void Begin(const llm::StreamEvent& event, std::string& out) {
    Open& part = open_[event.part];
    part = {.kind = event.part_kind,
            .redacted = event.redacted,
            .own = event.origin == kSelf,
            .held = {}};
    if (event.part_kind == PartKind::kOpaque) return;
    part.index = blocks_++;
    if (event.part_kind != PartKind::kToolCall) return;
    Emit(
        "contentBlockStart", part,
        [&](JsonWriter& json) {
          json.Key("start");
          json.Begin('{');
          json.Key("toolUse");
          json.Begin('{');
          json.Member("toolUseId", SafeId(event.id));
          json.Member("name", event.name);
          json.End('}');
          json.End('}');
        },
        out);
  }

  void WriteText(const llm::StreamEvent& event, std::string& out) {
    const Open& part = open_[event.part];
    if (part.kind == PartKind::kThinking) {
      Delta(part, "reasoningContent", "text", event.text, out);
    } else {
      Delta(part, [&](JsonWriter& json) { json.Member("text", event.text); }, out);
    }
  }

  void WriteSignature(const llm::StreamEvent& event, std::string& out) {
    const Open& part = open_[event.part];
    if (part.kind != PartKind::kThinking || !part.own) return;
    Delta(part, "reasoningContent", part.redacted ? "redactedContent" : "signature", event.text,
          out);
  }

  void WriteArguments(const llm::StreamEvent& event, std::string& out) {
    Open& part = open_[event.part];
    part.held += event.text;
    const std::size_t whole = WholeCharacters(part.held);
    if (whole == 0) return;
    Delta(part, "toolUse", "input", std::string_view(part.held).substr(0, whole), out);
    part.held.erase(0, whole);
  }

  void WriteCitationDelta(const llm::StreamEvent& event, std::string& out) {
    if (!event.citation) return;
    JsonWriter citation;
    if (!WriteCitation(citation, *event.citation)) return;
    Delta(
        open_[event.part],
        [&](JsonWriter& json) {
          json.Key("citation");
          json.Raw(citation.Take());
        },
        out);
  }

  void Stop(int number, std::string& out) {
    const Open part = std::move(open_[number]);
    open_.erase(number);
    if (part.index >= 0) Emit("contentBlockStop", part, [](JsonWriter&) {}, out);
  }

  void WriteStop(std::string& out) const {
    const llm::StreamEvent& event = finish_;
    JsonWriter json;
    json.Begin('{');
    json.Member("stopReason",
                FinishWord(event.finish, event.raw_finish, !event.stop_sequence.empty()));
    if (!event.stop_sequence.empty()) {
      json.Key("additionalModelResponseFields");
      json.Begin('{');
      json.Member("stop_sequence", event.stop_sequence);
      json.End('}');
    }
    json.End('}');
    AppendAwsEvent(out, "messageStop", json.Take());
  }

  // That a stream is whole shows in its messageStop, so it waits for the end.
  void WriteEnd(std::string& out) {
    WriteStop(out);
    JsonWriter json;
    json.Begin('{');
    json.Key("usage");
    WriteUsage(json, usage_.value_or(llm::Usage{}));
    json.Key("metrics");
    json.Raw(R"({"latencyMs":1})");
    if (!service_tier_.empty()) {
      json.Key("serviceTier");
      json.Begin('{');
      json.Member("type", service_tier_);
      json.End('}');
    }
    json.End('}');
    AppendAwsEvent(out, "metadata", json.Take());
  }

  std::map<int, Open> open_;
  std::int64_t blocks_ = 0;
  llm::StreamEvent finish_;
  std::optional<llm::Usage> usage_;
  std::string service_tier_;
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter() {
  return std::make_unique<Writer>();
}

}  // namespace triage::wire::bedrock
