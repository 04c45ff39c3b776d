#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/aws_event_stream.h"
#include "wire/bedrock.h"
#include "wire/json.h"

namespace triage::wire::bedrock {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view name, std::string_view data,
                       std::vector<StreamEvent>& out) override {
    if (!tree_.Parse(data.empty() ? "{}" : data, 256) || !tree_.root().is_object()) {
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider's stream holds something that is not JSON."};
    }
    const JsonValue root = tree_.root();
    if (name.ends_with("Exception")) return ReadFailure(name, root["message"].text());
    if (name == "messageStart") {
      Start(out);
    } else if (name == "contentBlockStart") {
      StartBlock(root, out);
    } else if (name == "contentBlockDelta") {
      Delta(root, out);
    } else if (name == "contentBlockStop") {
      StopBlock(root["contentBlockIndex"].integer().value_or(-1), out);
    } else if (name == "messageStop") {
      Finish(root["stopReason"], out);
    } else if (name == "metadata") {
      if (const auto usage = ReadUsage(root["usage"]))
        out.push_back({.kind = Kind::kUsage, .usage = usage});
      if (finished_) End(out);
    }
    return {};
  }

  Result<void> OnEnd(std::vector<StreamEvent>& out) override {
    if (ended_) return {};
    if (!finished_) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's stream ended early."};
    }
    End(out);
    return {};
  }

 private:
  struct Block {
    int part = -1;
    bool is_answer_tool = false;
    bool said = false;
  };

  void Start(std::vector<StreamEvent>& out) {
    if (!std::exchange(started_, true)) out.push_back({.kind = Kind::kStart});
  }

  // Only calls have a start of their own; any other block begins with its first delta.
  Block& Open(std::int64_t index, StreamEvent start, std::vector<StreamEvent>& out) {
    Start(out);
    auto [found, fresh] = blocks_.try_emplace(index);
    if (fresh) {
      found->second.part = start.part = parts_++;
      start.kind = Kind::kPartStart;
      start.origin = kSelf;
      out.push_back(std::move(start));
    }
    return found->second;
  }

  void StartBlock(JsonValue root, std::vector<StreamEvent>& out) {
    const JsonValue call = root["start"]["toolUse"];
    if (!call.is_object()) return;
    const std::int64_t index = root["contentBlockIndex"].integer().value_or(-1);
    if (call["name"].text() == kAnswerTool) {
      answered_by_tool_ = true;
      Open(index, {.part_kind = PartKind::kText}, out).is_answer_tool = true;
      return;
    }
    Open(index,
         {.part_kind = PartKind::kToolCall,
          .id = call["toolUseId"].string(),
          .name = call["name"].string()},
         out);
  }

  void Delta(JsonValue root, std::vector<StreamEvent>& out) {
    const std::int64_t index = root["contentBlockIndex"].integer().value_or(-1);
    const JsonValue delta = root["delta"];
    const auto add = [&](Kind kind, const Block& block, JsonValue text) {
      if (!text.text().empty()) {
        out.push_back({.kind = kind, .part = block.part, .text = text.string(), .origin = kSelf});
      }
    };
    if (delta["text"].is_string()) {
      add(Kind::kText, Open(index, {.part_kind = PartKind::kText}, out), delta["text"]);
    } else if (const JsonValue input = delta["toolUse"]["input"]; input.is_string()) {
      const auto found = blocks_.find(index);
      if (found == blocks_.end()) return;
      found->second.said = found->second.said || !input.text().empty();
      add(found->second.is_answer_tool ? Kind::kText : Kind::kArguments, found->second, input);
    } else if (const JsonValue thinking = delta["reasoningContent"]; thinking.is_object()) {
      const JsonValue redacted = thinking["redactedContent"];
      const Block& block =
          Open(index, {.part_kind = PartKind::kThinking, .redacted = redacted.is_string()}, out);
      add(Kind::kText, block, thinking["text"]);
      add(Kind::kSignature, block, redacted.is_string() ? redacted : thinking["signature"]);
    }
  }

  void StopBlock(std::int64_t index, std::vector<StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end()) return;
    if (found->second.is_answer_tool && !found->second.said)
      out.push_back({.kind = Kind::kText, .part = found->second.part, .text = "{}"});
    out.push_back({.kind = Kind::kPartEnd, .part = found->second.part});
    blocks_.erase(found);
  }

  void Finish(JsonValue reason, std::vector<StreamEvent>& out) {
    if (std::exchange(finished_, true)) return;
    Start(out);
    while (!blocks_.empty()) StopBlock(blocks_.begin()->first, out);
    llm::FinishReason finish = FinishOf(reason.text());
    if (answered_by_tool_ && finish == llm::FinishReason::kToolCalls)
      finish = llm::FinishReason::kStop;
    out.push_back({.kind = Kind::kFinish, .finish = finish, .raw_finish = reason.string()});
  }

  void End(std::vector<StreamEvent>& out) {
    if (!std::exchange(ended_, true)) out.push_back({.kind = Kind::kEnd});
  }

  JsonTree tree_;
  std::map<std::int64_t, Block> blocks_;  // by Bedrock's index
  int parts_ = 0;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool answered_by_tool_ = false;
};

class Writer final : public StreamWriter {
 public:
  void Write(const StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case Kind::kStart: AppendAwsEvent(out, "messageStart", R"({"role":"assistant"})"); break;
      case Kind::kPartStart:
        kinds_[event.part] = event;
        if (event.part_kind == PartKind::kToolCall) {
          AppendAwsEvent(out, "contentBlockStart",
                         fmt::format(R"({{"contentBlockIndex":{},"start":{{"toolUse":{{"name":{},)"
                                     R"("toolUseId":{}}}}}}})",
                                     event.part, JsonString(event.name), JsonString(event.id)));
        }
        break;
      case Kind::kText: {
        const bool thinking = kinds_[event.part].part_kind == PartKind::kThinking;
        Delta(event.part, thinking ? R"({"reasoningContent":{"text":)" : R"({"text":)", event.text,
              thinking ? "}}" : "}", out);
        break;
      }
      case Kind::kSignature: {
        if (kinds_[event.part].part_kind != PartKind::kThinking) break;
        const bool redacted = kinds_[event.part].redacted;
        Delta(event.part,
              redacted ? R"({"reasoningContent":{"redactedContent":)"
                       : R"({"reasoningContent":{"signature":)",
              event.text, "}}", out);
        break;
      }
      case Kind::kArguments:
        Delta(event.part, R"({"toolUse":{"input":)", event.text, "}}", out);
        break;
      case Kind::kPartEnd:
        if (kinds_[event.part].part_kind != PartKind::kOpaque) {
          AppendAwsEvent(out, "contentBlockStop",
                         fmt::format(R"({{"contentBlockIndex":{}}})", event.part));
        }
        break;
      case Kind::kUsage: usage_ = event.usage; break;
      case Kind::kFinish:
        AppendAwsEvent(out, "messageStop",
                       fmt::format(R"({{"stopReason":{}}})",
                                   JsonString(FinishWord(event.finish, event.raw_finish,
                                                         !event.stop_sequence.empty()))));
        break;
      case Kind::kEnd: {
        JsonWriter json;
        json.Begin('{');
        json.Key("usage");
        WriteUsage(json, usage_.value_or(llm::Usage{}));
        json.Key("metrics");
        json.Raw(R"({"latencyMs":1})");
        json.End('}');
        AppendAwsEvent(out, "metadata", json.Take());
        break;
      }
      case Kind::kCitation:
      case Kind::kLogprobs: break;  // no place for them
    }
  }

  void WriteError(const Error& error, std::string& out) override {
    std::string_view type = "modelStreamErrorException";
    if (error.code == ErrorCode::kRateLimited) type = "throttlingException";
    if (error.code == ErrorCode::kUnavailable) type = "serviceUnavailableException";
    AppendAwsEvent(out, type, fmt::format(R"({{"message":{}}})", JsonString(error.message)), true);
  }

 private:
  static void Delta(int part, std::string_view open, std::string_view text, std::string_view close,
                    std::string& out) {
    AppendAwsEvent(out, "contentBlockDelta",
                   fmt::format(R"({{"contentBlockIndex":{},"delta":{}{}{}}})", part, open,
                               JsonString(text), close));
  }

  std::map<int, StreamEvent> kinds_;  // how each part began
  std::optional<llm::Usage> usage_;
};

class BedrockDialect final : public Codec {
 public:
  llm::Dialect dialect() const override { return kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return bedrock::ReadRequest(body, limits);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view,
                                      const llm::Profile& profile) const override {
    return bedrock::WriteRequest(conversation, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return bedrock::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext&) const override {
    return bedrock::WriteAnswer(answer);
  }

  Framing framing() const override { return Framing::kAwsEventStream; }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext) const override {
    return NewWriter();
  }

  std::string WriteError(const Error& error, int, std::string_view) const override {
    return fmt::format(R"({{"message":{}}})", JsonString(error.message));
  }

  std::string_view KeepAlive() const override { return {}; }
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter() {
  return std::make_unique<Writer>();
}

}  // namespace triage::wire::bedrock

namespace triage::wire {

const Codec& BedrockCodec() {
  static const bedrock::BedrockDialect codec;
  return codec;
}

}  // namespace triage::wire
