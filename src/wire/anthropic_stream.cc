#include <deque>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/anthropic.h"
#include "wire/json.h"

namespace triage::wire::anthropic {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view, std::string_view data,
                       std::vector<StreamEvent>& out) override {
    if (!tree_.Parse(data, 256) || !tree_.root().is_object()) {
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider's stream holds something that is not JSON."};
    }
    const JsonValue root = tree_.root();
    const std::string_view type = root["type"].text();
    if (type == "error") return ReadFailure(root["error"]);
    if (ended_) return {};
    const bool content = type.starts_with("content_block_");
    if (!started_ && (content || type == "message_delta" || type == "message_stop")) {
      return Error{.code = ErrorCode::kUpstream,
                   .message = "The provider's stream has no message_start."};
    }
    if (content && finished_) return {};
    if (type == "message_start") {
      Start(root["message"], out);
    } else if (type == "content_block_start") {
      StartBlock(root["index"].integer().value_or(-1), root["content_block"], out);
    } else if (type == "content_block_delta") {
      Delta(root["index"].integer().value_or(-1), root["delta"], out);
    } else if (type == "content_block_stop") {
      StopBlock(root["index"].integer().value_or(-1), out);
    } else if (type == "message_delta") {
      MessageDelta(root, out);
    } else if (type == "message_stop") {
      End(out);
    }
    return {};
  }

  Result<void> OnEnd(std::vector<StreamEvent>& out) override {
    if (ended_) return {};
    // A stop reason is an end too, as long as nothing is missing in front of it.
    if (!finished_) {
      return Error{.code = ErrorCode::kUpstream, .message = "The provider's stream ended early."};
    }
    End(out);
    return {};
  }

 private:
  struct Block {
    int part = -1;
    bool is_call = false;
    bool is_answer_tool = false;
    bool said = false;    // arguments
    std::string opaque;   // the block of a type that has no neutral form, …
    std::string partial;  // … and its input, which comes in pieces
    std::string type;
  };

  void Start(JsonValue message, std::vector<StreamEvent>& out) {
    if (std::exchange(started_, true)) return;
    ReadUsage(message["usage"], usage_);
    out.push_back({.kind = Kind::kStart,
                   .id = message["id"].string(),
                   .model = message["model"].string(),
                   .usage = usage_,
                   .service_tier = message["usage"]["service_tier"].string()});
  }

  void StartBlock(std::int64_t index, JsonValue content, std::vector<StreamEvent>& out) {
    const std::string_view type = content["type"].text();
    const bool is_answer = type == "tool_use" && content["name"].text() == kAnswerTool;
    const bool is_call = type == "tool_use" && !is_answer;
    CloseBefore(index, is_call, out);
    Block& block = blocks_[index] = Block{};
    block.is_call = is_call;
    StreamEvent start{.kind = Kind::kPartStart, .origin = kSelf};
    std::vector<StreamEvent> first;
    const auto add = [&](Kind kind, std::string_view text) {
      if (!text.empty())
        first.push_back({.kind = kind, .text = std::string(text), .origin = kSelf});
    };
    if (type == "text") {
      add(Kind::kText, content["text"].text());
    } else if (type == "thinking") {
      start.part_kind = PartKind::kThinking;
      add(Kind::kText, content["thinking"].text());
      add(Kind::kSignature, content["signature"].text());
    } else if (type == "redacted_thinking") {
      start.part_kind = PartKind::kThinking;
      start.redacted = true;
      add(Kind::kSignature, content["data"].text());
    } else if (type == "tool_use") {
      block.is_answer_tool = is_answer;
      answered_by_tool_ = answered_by_tool_ || block.is_answer_tool;
      if (!block.is_answer_tool) {
        start.part_kind = PartKind::kToolCall;
        start.id = content["id"].string();
        start.name = content["name"].string();
      }
      // A whole input may come at once; an empty one stands for what follows.
      if (content["input"].size() > 0) {
        block.said = true;
        add(block.is_answer_tool ? Kind::kText : Kind::kArguments, content["input"].raw());
      }
    } else {
      block.opaque = content.raw();
      block.type = type;
      return;  // told when it is whole
    }
    block.part = start.part = parts_++;
    out.push_back(std::move(start));
    for (StreamEvent& event : first) {
      event.part = block.part;
      out.push_back(std::move(event));
    }
  }

  // Ends the blocks that cannot stay open beside a new one: only calls overlap.
  void CloseBefore(std::int64_t index, bool is_call, std::vector<StreamEvent>& out) {
    std::vector<std::int64_t> closing;
    for (const auto& [number, block] : blocks_) {
      if (number == index || !is_call || !block.is_call) closing.push_back(number);
    }
    for (const std::int64_t number : closing) StopBlock(number, out);
  }

  void Delta(std::int64_t index, JsonValue delta, std::vector<StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end()) return;
    Block& block = found->second;
    const std::string_view type = delta["type"].text();
    if (block.part < 0) {
      if (type == "input_json_delta") block.partial += delta["partial_json"].text();
      return;
    }
    const auto add = [&](Kind kind, JsonValue text) {
      if (text.text().empty()) return;
      out.push_back({.kind = kind, .part = block.part, .text = text.string(), .origin = kSelf});
    };
    if (type == "text_delta") {
      add(Kind::kText, delta["text"]);
    } else if (type == "thinking_delta") {
      add(Kind::kText, delta["thinking"]);
    } else if (type == "signature_delta") {
      add(Kind::kSignature, delta["signature"]);
    } else if (type == "input_json_delta") {
      block.said = block.said || !delta["partial_json"].text().empty();
      add(block.is_answer_tool ? Kind::kText : Kind::kArguments, delta["partial_json"]);
    } else if (type == "citations_delta") {
      out.push_back({.kind = Kind::kCitation,
                     .part = block.part,
                     .citation = ReadCitation(delta["citation"])});
    }
  }

  void StopBlock(std::int64_t index, std::vector<StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end()) return;
    Block& block = found->second;
    if (block.part < 0) {
      if (const llm::ByteRange input = FindMember(block.opaque, "input");
          !input.empty() && IsJsonObject(block.partial)) {
        block.opaque.replace(input.begin, input.end - input.begin, block.partial);
      }
      block.part = parts_++;
      out.push_back({.kind = Kind::kPartStart,
                     .part = block.part,
                     .part_kind = PartKind::kOpaque,
                     .text = block.opaque,
                     .name = block.type,
                     .origin = kSelf});
    }
    if (block.is_answer_tool && !block.said)
      out.push_back({.kind = Kind::kText, .part = block.part, .text = "{}"});
    out.push_back({.kind = Kind::kPartEnd, .part = block.part});
    blocks_.erase(found);
  }

  void MessageDelta(JsonValue root, std::vector<StreamEvent>& out) {
    if (root["usage"].is_object()) {
      ReadUsage(root["usage"], usage_);
      out.push_back({.kind = Kind::kUsage, .usage = usage_});
    }
    const JsonValue reason = root["delta"]["stop_reason"];
    if (!reason.is_string() || std::exchange(finished_, true)) return;
    while (!blocks_.empty()) StopBlock(blocks_.begin()->first, out);
    llm::FinishReason finish = FinishOf(reason.text());
    if (answered_by_tool_ && finish == llm::FinishReason::kToolCalls)
      finish = llm::FinishReason::kStop;
    out.push_back({.kind = Kind::kFinish,
                   .finish = finish,
                   .raw_finish = reason.string(),
                   .stop_sequence = root["delta"]["stop_sequence"].string()});
  }

  void End(std::vector<StreamEvent>& out) {
    if (std::exchange(ended_, true)) return;
    while (!blocks_.empty()) StopBlock(blocks_.begin()->first, out);
    if (!std::exchange(finished_, true)) out.push_back({.kind = Kind::kFinish});
    out.push_back({.kind = Kind::kEnd});
  }

  JsonTree tree_;
  std::map<std::int64_t, Block> blocks_;  // by Anthropic's index
  std::optional<llm::Usage> usage_;
  int parts_ = 0;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool answered_by_tool_ = false;
};

/// One block is open at a time, in the order of their starts: what comes for a later one waits.
class Writer final : public StreamWriter {
 public:
  explicit Writer(AnswerContext context) : context_(std::move(context)) {}

  void Write(const StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case Kind::kStart: Start(event, out); break;
      case Kind::kPartStart: StartPart(event, out); break;
      case Kind::kText: Text(event, out); break;
      case Kind::kSignature: Signature(event, out); break;
      case Kind::kArguments:
        Add(event.part, Delta("input_json_delta", "partial_json", event.text), out);
        break;
      case Kind::kCitation: Citation(event, out); break;
      case Kind::kPartEnd: EndPart(event.part, out); break;
      case Kind::kUsage: usage_ = event.usage; break;
      case Kind::kFinish: finish_ = event; break;
      case Kind::kEnd: End(out); break;
      case Kind::kLogprobs: break;  // no place for them
    }
  }

  void WriteError(const Error& error, std::string& out) override {
    int status = error.upstream_status;
    if (error.code == ErrorCode::kRateLimited) status = 429;
    if (error.code == ErrorCode::kTimeout) status = 504;
    if (status < 429) status = 500;  // what the client sent was fine, or nothing would have come
    out += fmt::format("event: error\ndata: {}\n\n", ErrorBody(error, status, context_.id));
  }

 private:
  struct Block {
    PartKind kind = PartKind::kText;
    bool redacted = false;
    std::string start;  // the content_block
    std::string waiting_data = {};
    std::deque<std::string> waiting = {};  // deltas
    bool ended = false;
  };

  static void Event(std::string& out, std::string_view name, std::string_view data) {
    out += "event: ";
    out += name;
    out += "\ndata: ";
    out += data;
    out += "\n\n";
  }

  static std::string Delta(std::string_view type, std::string_view field, std::string_view text) {
    JsonWriter json;
    json.Begin('{');
    json.Member("type", type);
    json.Member(field, text);
    json.End('}');
    return json.Take();
  }

  void Start(const StreamEvent& event, std::string& out) {
    if (event.usage) usage_ = event.usage;
    JsonWriter json;
    json.Begin('{');
    json.Member("type", "message_start");
    json.Key("message");
    json.Begin('{');
    json.Member("id", event.id.empty() ? "msg_" + context_.id : event.id);
    json.Member("type", "message");
    json.Member("role", "assistant");
    json.Member("model", event.model.empty() ? context_.model : event.model);
    json.Key("content");
    json.Raw("[]");
    json.Key("stop_reason");
    json.Null();
    json.Key("stop_sequence");
    json.Null();
    json.Key("usage");
    WriteUsage(json, usage_.value_or(llm::Usage{}));
    json.End('}');
    json.End('}');
    Event(out, "message_start", json.Take());
  }

  void StartPart(const StreamEvent& event, std::string& out) {
    JsonWriter json;
    json.Begin('{');
    switch (event.part_kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        json.Member("type", "text");
        json.Member("text", "");
        break;
      case PartKind::kThinking:
        if (event.redacted) {
          // Its data comes with the block, so the block waits for it.
          json.Member("type", "redacted_thinking");
        } else {
          json.Member("type", "thinking");
          json.Member("thinking", "");
          json.Member("signature", "");
        }
        break;
      case PartKind::kToolCall:
        json.Member("type", "tool_use");
        json.Member("id", SafeId(event.id));
        json.Member("name", event.name);
        json.Key("input");
        json.Raw("{}");
        break;
      case PartKind::kOpaque: break;
    }
    json.End('}');
    Block block{.kind = event.part_kind, .redacted = event.redacted, .start = json.Take()};
    if (event.part_kind == PartKind::kOpaque) {
      block.start = event.origin == kSelf ? event.text : "";  // nothing of another dialect's
    }
    const bool ready = !block.redacted;
    blocks_.push_back(std::move(block));
    order_[event.part] = blocks_.size() - 1;
    if (ready) Advance(out);
  }

  // Opens the next block when none is open.
  void Advance(std::string& out) {
    while (!open_ && next_ < blocks_.size()) {
      Block& block = blocks_[next_];
      if (block.redacted && !block.ended) return;
      if (block.start.empty()) {
        if (!block.ended) return;
        ++next_;
        continue;
      }
      open_ = true;
      Event(out, "content_block_start",
            fmt::format(R"({{"type":"content_block_start","index":{},"content_block":{}}})", index_,
                        block.start));
      for (const std::string& delta : block.waiting) Send(delta, out);
      block.waiting.clear();
      if (!block.ended) return;
      Stop(out);
    }
  }

  void Send(std::string_view delta, std::string& out) const {
    Event(out, "content_block_delta",
          fmt::format(R"({{"type":"content_block_delta","index":{},"delta":{}}})", index_, delta));
  }

  void Stop(std::string& out) {
    Event(out, "content_block_stop",
          fmt::format(R"({{"type":"content_block_stop","index":{}}})", index_));
    open_ = false;
    ++index_;
    ++next_;
  }

  void Add(int part, std::string delta, std::string& out) {
    const auto found = order_.find(part);
    if (found == order_.end()) return;
    if (open_ && found->second == next_) {
      Send(delta, out);
    } else {
      blocks_[found->second].waiting.push_back(std::move(delta));
    }
  }

  Block* BlockOf(int part) {
    const auto found = order_.find(part);
    return found == order_.end() ? nullptr : &blocks_[found->second];
  }

  void Text(const StreamEvent& event, std::string& out) {
    const Block* block = BlockOf(event.part);
    if (block == nullptr) return;
    const bool thinking = block->kind == PartKind::kThinking;
    Add(event.part,
        thinking ? Delta("thinking_delta", "thinking", event.text)
                 : Delta("text_delta", "text", event.text),
        out);
  }

  void Signature(const StreamEvent& event, std::string& out) {
    Block* block = BlockOf(event.part);
    // Of another provider's thinking there is nothing that a client could hand back.
    if (block == nullptr || !SignsThinking(event.origin) || block->kind != PartKind::kThinking)
      return;
    if (block->redacted) {
      block->waiting_data += event.text;
    } else {
      Add(event.part, Delta("signature_delta", "signature", event.text), out);
    }
  }

  void Citation(const StreamEvent& event, std::string& out) {
    if (!event.citation || event.citation->origin != kSelf) return;
    Add(event.part,
        fmt::format(R"({{"type":"citations_delta","citation":{}}})", event.citation->raw), out);
  }

  void EndPart(int part, std::string& out) {
    const auto found = order_.find(part);
    if (found == order_.end()) return;
    Block& block = blocks_[found->second];
    block.ended = true;
    if (block.redacted) block.start = Delta("redacted_thinking", "data", block.waiting_data);
    if (open_ && found->second == next_) Stop(out);
    Advance(out);
  }

  void End(std::string& out) {
    JsonWriter json;
    json.Begin('{');
    json.Member("type", "message_delta");
    json.Key("delta");
    json.Begin('{');
    WriteFinish(json, finish_.finish, finish_.raw_finish, finish_.stop_sequence);
    json.End('}');
    json.Key("usage");
    WriteUsage(json, usage_.value_or(llm::Usage{}));
    json.End('}');
    Event(out, "message_delta", json.Take());
    Event(out, "message_stop", R"({"type":"message_stop"})");
  }

  const AnswerContext context_;
  std::deque<Block> blocks_;
  std::map<int, std::size_t> order_;  // by part: index into blocks_
  std::size_t next_ = 0;              // the block that is open or will be
  std::int64_t index_ = 0;            // of the block on the wire
  bool open_ = false;
  std::optional<llm::Usage> usage_;
  StreamEvent finish_;
};

class AnthropicDialect final : public Codec {
 public:
  llm::Dialect dialect() const override { return kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return anthropic::ReadRequest(body, limits, true);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return anthropic::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return anthropic::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return anthropic::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const override {
    return NewWriter(std::move(context));
  }

  std::string WriteError(const Error& error, int status,
                         std::string_view request_id) const override {
    return ErrorBody(error, status, request_id);
  }

  std::string_view KeepAlive() const override {
    return "event: ping\ndata: {\"type\": \"ping\"}\n\n";
  }
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

std::unique_ptr<StreamWriter> NewWriter(AnswerContext context) {
  return std::make_unique<Writer>(std::move(context));
}

}  // namespace triage::wire::anthropic

namespace triage::wire {

const Codec& AnthropicCodec() {
  static const anthropic::AnthropicDialect codec;
  return codec;
}

}  // namespace triage::wire
