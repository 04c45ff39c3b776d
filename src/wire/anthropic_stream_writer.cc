#include <algorithm>
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

std::string DeltaOf(std::string_view type, std::string_view field, std::string_view text) {
  JsonWriter json;
  json.Begin('{');
  json.Member("type", type);
  json.Member(field, text);
  json.End('}');
  return json.Take();
}

/// One block is open at a time, in the order of their starts: what comes for a later one waits.
class Writer final : public StreamWriter {
 public:
  explicit Writer(AnswerContext context) : context_(std::move(context)) {}

  void Write(const StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case Kind::kStart: Start(event, out); break;
      case Kind::kPartStart: StartPart(event, out); break;
      case Kind::kText: Text(event, out); break;
      case Kind::kSignature: Signature(event); break;
      case Kind::kArguments: Arguments(event, out); break;
      case Kind::kCitation: Citation(event, out); break;
      case Kind::kPartEnd: EndPart(event.part, out); break;
      case Kind::kUsage: usage_ = event.usage; break;
      case Kind::kFinish: finish_ = event; break;
      case Kind::kEnd: End(out); break;
      case Kind::kLogprobs: break;  // no place for them
    }
    if (!event.service_tier.empty()) service_tier_ = event.service_tier;
  }

  void WriteError(const Error& error, std::string& out) override {
    int status = error.upstream_status;
    if (error.code == ErrorCode::kRateLimited) status = 429;
    if (error.code == ErrorCode::kTimeout) status = 504;
    if (error.code == ErrorCode::kUnavailable) status = 503;
    if (status < 429) status = 500;  // what the client sent was fine, or nothing would have come
    Event(out, "error", ErrorBody(error, status, context_.id));
  }

 private:
  struct Block {
    PartKind kind = PartKind::kText;
    llm::Dialect origin = kSelf;           // of thinking
    bool redacted = false;                 // likewise
    std::string start = {};                // the content_block; empty = it is not to be told (yet)
    std::deque<std::string> waiting = {};  // deltas
    std::string signature = {};            // its pieces
    std::string cut = {};                  // of a character that arguments were cut in
    bool ended = false;
  };

  // Blocks and citations go on as they were written, which may be on several lines.
  static void Event(std::string& out, std::string_view name, std::string_view data) {
    out += "event: ";
    out += name;
    out += "\ndata: ";
    const std::size_t begin = out.size();
    out += data;
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
        [](char c) { return c == '\n' || c == '\r'; }, ' ');
    out += "\n\n";
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
    WriteUsage(json, usage_.value_or(llm::Usage{}), event.service_tier);
    json.End('}');
    json.End('}');
    Event(out, "message_start", json.Take());
  }

  void StartPart(const StreamEvent& event, std::string& out) {
    Block block{.kind = event.part_kind, .redacted = event.redacted};
    switch (event.part_kind) {
      case PartKind::kText:
      case PartKind::kRefusal: block.start = R"({"type":"text","text":""})"; break;
      case PartKind::kThinking:
        // Redacted thinking comes with its block, and another provider's turns out to be redacted
        // when it ends without a text: both starts wait.
        block.origin = event.origin;
        if (SignsThinking(event.origin) && !block.redacted) block.start = kThinkingStart;
        break;
      case PartKind::kToolCall: {
        JsonWriter json;
        json.Begin('{');
        json.Member("type", "tool_use");
        json.Member("id", SafeId(event.id));
        json.Member("name", event.name);
        json.Key("input");
        json.Raw("{}");
        json.End('}');
        block.start = json.Take();
        calls_ = true;
        break;
      }
      case PartKind::kOpaque:
        if (event.origin == kSelf) block.start = event.text;
        break;
    }
    order_[event.part] = blocks_.size();
    blocks_.push_back(std::move(block));
    Advance(out);
  }

  // Opens the next block when none is open.
  void Advance(std::string& out) {
    while (!open_ && next_ < blocks_.size()) {
      Block& block = blocks_[next_];
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

  Block* BlockOf(int part) {
    const auto found = order_.find(part);
    return found == order_.end() ? nullptr : &blocks_[found->second];
  }

  void Add(Block& block, std::string delta, std::string& out) {
    if (open_ && &block == &blocks_[next_]) {
      Send(delta, out);
    } else {
      block.waiting.push_back(std::move(delta));
    }
  }

  void Text(const StreamEvent& event, std::string& out) {
    Block* block = BlockOf(event.part);
    if (block == nullptr) return;
    if (block->kind != PartKind::kThinking) {
      Add(*block, DeltaOf("text_delta", "text", event.text), out);
    } else if (!block->redacted) {
      Add(*block, DeltaOf("thinking_delta", "thinking", event.text), out);
      if (!std::exchange(block->start, kThinkingStart).empty()) return;
      Advance(out);
    }
  }

  void Signature(const StreamEvent& event) {
    Block* block = BlockOf(event.part);
    if (block != nullptr && block->kind == PartKind::kThinking) block->signature += event.text;
  }

  // JSON holds whole characters only.
  void Arguments(const StreamEvent& event, std::string& out) {
    Block* block = BlockOf(event.part);
    if (block == nullptr) return;
    std::string text = std::exchange(block->cut, {}) + event.text;
    const std::size_t whole = WholeCharacters(text);
    block->cut = text.substr(whole);
    text.resize(whole);
    if (!text.empty()) Add(*block, DeltaOf("input_json_delta", "partial_json", text), out);
  }

  void Citation(const StreamEvent& event, std::string& out) {
    Block* block = BlockOf(event.part);
    if (block == nullptr || !event.citation || !Tells(*event.citation)) return;
    JsonWriter json;
    json.Begin('{');
    json.Member("type", "citations_delta");
    json.Key("citation");
    WriteCitation(json, *event.citation);
    json.End('}');
    Add(*block, json.Take(), out);
  }

  void EndPart(int part, std::string& out) {
    Block* block = BlockOf(part);
    if (block == nullptr || block->ended) return;
    if (block->kind == PartKind::kThinking) {
      const std::string signature = SignatureFor(block->origin, block->signature);
      if (!block->start.empty()) {
        // In one piece: SDKs take each for the whole.
        if (!signature.empty())
          Add(*block, DeltaOf("signature_delta", "signature", signature), out);
      } else if (!block->signature.empty()) {
        block->start = DeltaOf("redacted_thinking", "data", signature);
      }
    }
    if (!block->cut.empty())
      Add(*block, DeltaOf("input_json_delta", "partial_json", block->cut), out);
    block->ended = true;
    if (open_ && block == &blocks_[next_]) Stop(out);
    Advance(out);
  }

  void End(std::string& out) {
    JsonWriter json;
    json.Begin('{');
    json.Member("type", "message_delta");
    json.Key("delta");
    json.Begin('{');
    WriteFinish(json, finish_.finish, finish_.raw_finish, finish_.stop_sequence, calls_);
    json.End('}');
    json.Key("usage");
    WriteUsage(json, usage_.value_or(llm::Usage{}), service_tier_);
    json.End('}');
    Event(out, "message_delta", json.Take());
    Event(out, "message_stop", R"({"type":"message_stop"})");
  }

  static constexpr const char* kThinkingStart =
      R"({"type":"thinking","thinking":"","signature":""})";

  const AnswerContext context_;
  std::deque<Block> blocks_;
  std::map<int, std::size_t> order_;  // by part: index into blocks_
  std::size_t next_ = 0;              // the block that is open or will be
  std::int64_t index_ = 0;            // of the block on the wire
  bool open_ = false;
  bool calls_ = false;
  std::optional<llm::Usage> usage_;
  std::string service_tier_;
  StreamEvent finish_;
};

}  // namespace

std::unique_ptr<StreamWriter> NewWriter(AnswerContext context) {
  return std::make_unique<Writer>(std::move(context));
}

}  // namespace triage::wire::anthropic
