#include <map>
#include <utility>

#include "wire/anthropic.h"
#include "wire/json.h"

namespace triage::wire::anthropic {
namespace {

using llm::PartKind;
using llm::StreamEvent;
using Kind = llm::StreamEvent::Kind;

Error Broken(std::string_view message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

/// Gives the member another value, which is JSON or nothing.
void SetMember(std::string& object, std::string_view member, std::string_view value) {
  if (value.empty()) return;
  const llm::ByteRange range = FindMember(object, member);
  if (!range.empty()) object.replace(range.begin, range.end - range.begin, value);
}

class Reader final : public StreamReader {
 public:
  Result<void> OnEvent(std::string_view name, std::string_view data,
                       std::vector<StreamEvent>& out) override {
    // Behind its end nothing counts; some compatible providers put OpenAI's [DONE] there.
    if (ended_ || data.empty() || data == "[DONE]") return {};
    if (!tree_.Parse(data, kMaxDepth) || !tree_.root().is_object())
      return Broken("The provider's stream holds something that is not JSON.");
    const JsonValue root = tree_.root();
    const std::string_view type = root["type"].text();
    if (type == "error" || name == "error" || (type.empty() && root["error"].is_object()))
      return ReadFailure(root["error"]);
    const bool content = type.starts_with("content_block_");
    if (!started_ && (content || type == "message_delta" || type == "message_stop"))
      return Broken("The provider's stream has no message_start.");
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
    if (!finished_) return Broken("The provider's stream ended early.");
    End(out);
    return {};
  }

 private:
  struct Block {
    int part = -1;            // -1 of a block that has no neutral form until it is whole
    bool call = false;        // of a tool of the client's
    bool answer = false;      // of kAnswerTool: its input is the text
    std::string input = {};   // whole, as its start had it; counts when no pieces follow
    bool in_pieces = false;   // pieces of input came
    std::string opaque = {};  // the whole block …
    std::string type = {};
    std::string pieces = {};  // … and its input, which comes in pieces
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
    if (!content.is_object()) return;
    const std::string_view type = content["type"].text();
    const bool tool = type == "tool_use";
    const bool answer = tool && content["name"].text() == kAnswerTool;
    CloseBefore(index, tool && !answer, out);
    Block& block = blocks_[index] = Block{.call = tool && !answer, .answer = answer};
    StreamEvent start{.kind = Kind::kPartStart, .origin = kSelf};
    if (type == "thinking" || type == "redacted_thinking") {
      start.part_kind = PartKind::kThinking;
      start.redacted = type == "redacted_thinking";
    } else if (block.call) {
      start.part_kind = PartKind::kToolCall;
      start.id = CallId(content["id"].text(), static_cast<std::size_t>(parts_));
      start.name = content["name"].string();
    } else if (type != "text" && !answer) {
      block.opaque = content.raw();
      block.type = type;
      return;  // told when it is whole
    }
    answer_tool_ = answer_tool_ || answer;
    calls_ = calls_ || block.call;
    block.part = start.part = parts_++;
    // An empty input stands for what follows.
    if (tool && content["input"].size() > 0) block.input = content["input"].raw();
    out.push_back(std::move(start));
    if (type == "text") Tell(block, Kind::kText, content["text"], out);
    if (type == "thinking") {
      Tell(block, Kind::kText, content["thinking"], out);
      Tell(block, Kind::kSignature, content["signature"], out);
    }
    if (type == "redacted_thinking") Tell(block, Kind::kSignature, content["data"], out);
  }

  // Ends the blocks that cannot stay open beside a new one: only calls overlap.
  void CloseBefore(std::int64_t index, bool call, std::vector<StreamEvent>& out) {
    std::vector<std::int64_t> closing;
    for (const auto& [number, block] : blocks_) {
      if (number == index || !call || !block.call) closing.push_back(number);
    }
    for (const std::int64_t number : closing) StopBlock(number, out);
  }

  static void Tell(const Block& block, Kind kind, JsonValue text, std::vector<StreamEvent>& out) {
    if (text.text().empty()) return;
    out.push_back({.kind = kind, .part = block.part, .text = text.string(), .origin = kSelf});
  }

  void Delta(std::int64_t index, JsonValue delta, std::vector<StreamEvent>& out) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end()) return;
    Block& block = found->second;
    const std::string_view type = delta["type"].text();
    const bool input = block.call || block.answer;
    if (block.part < 0) {
      if (type == "input_json_delta") block.pieces += delta["partial_json"].text();
      if (type == "compaction_delta") SetMember(block.opaque, "content", delta["content"].raw());
    } else if (type == "text_delta" && !input) {
      Tell(block, Kind::kText, delta["text"], out);
    } else if (type == "thinking_delta") {
      Tell(block, Kind::kText, delta["thinking"], out);
    } else if (type == "signature_delta") {
      Tell(block, Kind::kSignature, delta["signature"], out);
    } else if (type == "input_json_delta" && input) {
      block.in_pieces = block.in_pieces || !delta["partial_json"].text().empty();
      Tell(block, block.answer ? Kind::kText : Kind::kArguments, delta["partial_json"], out);
    } else if (type == "citations_delta" && delta["citation"].is_object()) {
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
      if (IsJsonObject(block.pieces)) SetMember(block.opaque, "input", block.pieces);
      block.part = parts_++;
      out.push_back({.kind = Kind::kPartStart,
                     .part = block.part,
                     .part_kind = PartKind::kOpaque,
                     .text = block.opaque,
                     .name = block.type,
                     .origin = kSelf});
    }
    if (!block.in_pieces && (block.answer || !block.input.empty())) {
      out.push_back({.kind = block.answer ? Kind::kText : Kind::kArguments,
                     .part = block.part,
                     .text = block.input.empty() ? "{}" : block.input,
                     .origin = kSelf});
    }
    out.push_back({.kind = Kind::kPartEnd, .part = block.part});
    blocks_.erase(found);
  }

  void StopAll(std::vector<StreamEvent>& out) {
    while (!blocks_.empty()) StopBlock(blocks_.begin()->first, out);
  }

  void MessageDelta(JsonValue root, std::vector<StreamEvent>& out) {
    if (root["usage"].is_object()) {
      ReadUsage(root["usage"], usage_);
      out.push_back({.kind = Kind::kUsage, .usage = usage_});
    }
    const JsonValue reason = root["delta"]["stop_reason"];
    if (!reason.is_string() || std::exchange(finished_, true)) return;
    StopAll(out);
    out.push_back({.kind = Kind::kFinish,
                   .finish = FinishOf(reason.text(), answer_tool_, calls_),
                   .raw_finish = reason.string(),
                   .stop_sequence = root["delta"]["stop_sequence"].string()});
  }

  void End(std::vector<StreamEvent>& out) {
    ended_ = true;
    StopAll(out);
    if (!std::exchange(finished_, true)) out.push_back({.kind = Kind::kFinish});
    out.push_back({.kind = Kind::kEnd});
  }

  JsonTree tree_;
  std::map<std::int64_t, Block> blocks_;  // that are open, by Anthropic's index
  std::optional<llm::Usage> usage_;
  int parts_ = 0;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool answer_tool_ = false;
  bool calls_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> NewReader() {
  return std::make_unique<Reader>();
}

}  // namespace triage::wire::anthropic
