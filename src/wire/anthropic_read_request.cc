#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "wire/anthropic.h"
#include "wire/sealed_thinking.h"

namespace triage::wire::anthropic {
namespace {

using llm::CacheHint;
using llm::Message;
using llm::Role;

class RequestReader {
 public:
  RequestReader(const ReadLimits& limits, bool needs_max_tokens)
      : limits_(limits), needs_max_tokens_(needs_max_tokens) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    if (ReadRoot(root)) return std::move(out_);
    return *std::move(error_);
  }

 private:
  struct Field {
    std::string_view name;
    bool (RequestReader::*read)(JsonValue);
  };

  static std::span<const Field> Fields();

  bool ReadRoot(JsonValue root) {
    if (!root.is_object()) return Fail(root, "must be a JSON object.");
    if (root.size() > limits_.max_fields) {
      return Fail(root, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
    }
    // The system text stands in front, wherever its field does.
    if (const JsonValue system = root["system"]; !system.null() && !System(system)) return false;
    for (JsonValue member : root) {
      if (member.key() != "system" && !member.null() && !ReadMember(member)) return false;
    }
    if (out_.model.empty())
      return FailMember(root, "model", "is missing; send \"auto\" or a model's name.");
    if (!has_messages_)
      return FailMember(root, "messages", "is missing or empty; send at least one message.");
    if (needs_max_tokens_ && !out_.max_output_tokens)
      return FailMember(root, "max_tokens", "is missing; say how long the answer may be.");
    return true;
  }

  bool Fail(JsonValue at, std::string_view remedy) {
    std::string pointer = at.Pointer();
    error_ = Error{.code = ErrorCode::kInvalidRequest,
                   .message = fmt::format("{}: {}", pointer.empty() ? "the body" : pointer, remedy),
                   .field = std::move(pointer)};
    return false;
  }

  bool FailMember(JsonValue object, std::string_view member, std::string_view remedy) {
    std::string pointer = fmt::format("{}/{}", object.Pointer(), member);
    error_ = Error{.code = ErrorCode::kInvalidRequest,
                   .message = fmt::format("{}: {}", pointer, remedy),
                   .field = std::move(pointer)};
    return false;
  }

  bool ReadMember(JsonValue member) {
    for (const Field& field : Fields()) {
      if (field.name == member.key()) return (this->*field.read)(member);
    }
    return Keep(member);
  }

  bool Keep(JsonValue member) {
    out_.extra.push_back({.name = std::string(member.key()), .json = std::string(member.raw())});
    return true;
  }

  bool Text(JsonValue member, std::string& place) {
    if (!member.is_string()) return Fail(member, "must be a string.");
    place = member.string();
    return true;
  }

  bool TextMember(JsonValue object, std::string_view member, std::string& place) {
    if (!object[member].is_string()) return FailMember(object, member, "must be a string.");
    place = object[member].string();
    return true;
  }

  bool Number(JsonValue member, double low, double high, std::optional<double>& place) {
    place = member.number();
    if (place && *place >= low && *place <= high) return true;
    return Fail(member, fmt::format("must be a number from {} to {}.", low, high));
  }

  bool Integer(JsonValue member, std::int64_t low, std::int64_t high,
               std::optional<std::int64_t>& place) {
    place = member.integer();
    if (place && *place >= low && *place <= high) return true;
    return Fail(member, fmt::format("must be a whole number from {} to {}.", low, high));
  }

  bool Model(JsonValue v) { return Text(v, out_.model); }

  bool ServiceTier(JsonValue v) { return Text(v, out_.service_tier); }

  bool Temperature(JsonValue v) { return Number(v, 0, 1, out_.temperature); }

  bool TopP(JsonValue v) { return Number(v, 0, 1, out_.top_p); }

  bool TopK(JsonValue v) { return Integer(v, 0, 1'000'000, out_.top_k); }

  bool MaxTokens(JsonValue v) {
    return Integer(v, 1, limits_.max_output_tokens, out_.max_output_tokens);
  }

  bool Stream(JsonValue v) {
    out_.stream = v.boolean().value_or(false);
    return v.boolean() ? true : Fail(v, "must be true or false.");
  }

  bool StopSequences(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of strings.");
    for (JsonValue each : v) {
      if (!each.is_string()) return Fail(each, "must be a string.");
      out_.stop.push_back(each.string());
    }
    return true;
  }

  bool Metadata(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object.");
    if (!v["user_id"].null() && !Text(v["user_id"], out_.user)) return false;
    // More than that is for Triage: the API knows no other key.
    if (v.size() > (v["user_id"].present() ? 1U : 0U)) out_.metadata = v.raw();
    return true;
  }

  bool Thinking(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object with a type.");
    const std::string_view type = v["type"].text();
    if (type == "disabled") {
      out_.reasoning.enabled = false;
    } else if (type == "adaptive") {
      out_.reasoning.enabled = true;
      out_.reasoning.adaptive = true;
    } else if (type == "enabled") {
      out_.reasoning.enabled = true;
      if (!Integer(v["budget_tokens"], 1024, limits_.max_output_tokens,
                   out_.reasoning.budget_tokens)) {
        return FailMember(v, "budget_tokens", "must be a whole number of at least 1024.");
      }
    } else {
      return FailMember(v, "type", "must be enabled, disabled or adaptive.");
    }
    return v["display"].null() || Text(v["display"], out_.reasoning.summary);
  }

  bool ReadFormat(JsonValue v) {
    if (v["type"].text() != "json_schema") return FailMember(v, "type", "must be json_schema.");
    if (!v["schema"].is_object()) return FailMember(v, "schema", "must be a JSON Schema object.");
    out_.response_format = {.kind = llm::ResponseFormat::Kind::kJsonSchema,
                            .schema = std::string(v["schema"].raw())};
    return true;
  }

  bool OutputConfig(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object.");
    for (JsonValue member : v) {
      if (member.null()) continue;
      if (member.key() == "format") {
        if (!ReadFormat(member)) return false;
      } else if (member.key() == "effort") {
        if (!Text(member, out_.reasoning.effort)) return false;
      }
    }
    KeepUnknown(v, {"format", "effort"}, "output_config");
    return true;
  }

  bool OutputFormat(JsonValue v) { return ReadFormat(v); }

  // Tools.

  bool ReadCache(JsonValue block, CacheHint& cache) {
    const JsonValue control = block["cache_control"];
    if (control.null()) return true;
    if (control["type"].text() != "ephemeral")
      return Fail(control, "must be an object of type ephemeral.");
    const JsonValue ttl = control["ttl"];
    if (!ttl.null() && ttl.text() != "5m" && ttl.text() != "1h")
      return FailMember(control, "ttl", "must be 5m or 1h.");
    cache = ttl.text() == "1h" ? CacheHint::kOneHour : CacheHint::kFiveMinutes;
    return true;
  }

  bool Tools(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of tools.");
    for (JsonValue each : v) {
      llm::Tool tool{.origin = kSelf};
      if (!ReadTool(each, tool)) return false;
      out_.tools.push_back(std::move(tool));
    }
    return true;
  }

  bool ReadTool(JsonValue v, llm::Tool& tool) {
    if (!v.is_object()) return Fail(v, "must be an object with name and input_schema.");
    const std::string_view type = v["type"].text();
    const bool function = type.empty() || type == "custom";
    tool.name = v["name"].is_string() ? v["name"].string() : std::string(type);
    if (function && v["name"].text().empty())
      return FailMember(v, "name", "is missing; name the tool.");
    if (!function) {
      tool.json = v.raw();
      return true;
    }
    const JsonValue schema = v["input_schema"];
    if (!schema.is_object()) return FailMember(v, "input_schema", "must be a JSON Schema object.");
    if (schema["type"].present() && schema["type"].text() != "object")
      return FailMember(schema, "type", "must be \"object\".");
    tool.parameters = schema.raw();
    if (!v["description"].null() && !Text(v["description"], tool.description)) return false;
    if (!v["strict"].null() && !v["strict"].boolean())
      return FailMember(v, "strict", "must be true or false.");
    tool.strict = v["strict"].boolean();
    KeepUnknown(v, {"type", "name", "description", "input_schema", "strict", "cache_control"},
                "tools");
    return ReadCache(v, tool.cache);
  }

  // What only Anthropic knows inside of a field that is understood otherwise: the bytes go to
  // Anthropic as they are, and a warning says so elsewhere.
  void KeepUnknown(JsonValue object, std::initializer_list<std::string_view> known,
                   std::string_view field) {
    for (JsonValue member : object) {
      if (member.null() || std::ranges::find(known, member.key()) != known.end()) continue;
      std::string name = fmt::format("{}.{}", field, member.key());
      if (std::ranges::find(out_.extra, name, &llm::ExtraField::name) == out_.extra.end())
        out_.extra.push_back({.name = std::move(name), .json = std::string(member.raw())});
    }
  }

  bool ToolChoice(JsonValue v) {
    using Kind = llm::ToolChoice::Kind;
    if (!v.is_object()) return Fail(v, "must be an object with a type.");
    const std::string_view type = v["type"].text();
    if (type == "auto") {
      out_.tool_choice = {.kind = Kind::kAuto};
    } else if (type == "any") {
      out_.tool_choice = {.kind = Kind::kRequired};
    } else if (type == "none") {
      out_.tool_choice = {.kind = Kind::kNone};
    } else if (type == "tool") {
      if (!v["name"].is_string()) return FailMember(v, "name", "is missing; name the tool.");
      out_.tool_choice = {.kind = Kind::kTool, .name = v["name"].string()};
    } else {
      return FailMember(v, "type", "must be auto, any, tool or none.");
    }
    const JsonValue alone = v["disable_parallel_tool_use"];
    if (alone.null()) return true;
    if (!alone.boolean())
      return FailMember(v, "disable_parallel_tool_use", "must be true or false.");
    out_.parallel_tool_calls = !*alone.boolean();
    return true;
  }

  // Messages.

  bool System(JsonValue v) {
    Message message{.role = Role::kSystem, .parts = {}};
    if (v.is_string()) {
      if (!v.text().empty()) message.parts.emplace_back(llm::TextPart{.text = v.string()});
    } else if (v.is_array()) {
      for (JsonValue block : v) {
        if (block["type"].text() != "text") return Fail(block, "must be a text block.");
        if (!ReadText(block, message.parts)) return false;
      }
    } else {
      return Fail(v, "must be a string or an array of text blocks.");
    }
    if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    return true;
  }

  bool Messages(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of messages.");
    if (v.size() > limits_.max_messages) {
      return Fail(v, fmt::format("has more than {} messages; send fewer.", limits_.max_messages));
    }
    for (JsonValue each : v) {
      if (!ReadMessage(each)) return false;
      has_messages_ = true;
    }
    return true;
  }

  bool ReadMessage(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object with role and content.");
    const std::string_view role = v["role"].text();
    Message message;
    if (role == "assistant") {
      message.role = Role::kAssistant;
    } else if (role == "system") {
      message.role = Role::kSystem;
    } else if (role != "user") {
      return FailMember(v, "role", "must be user or assistant.");
    }
    const JsonValue content = v["content"];
    Message results{.role = Role::kTool, .parts = {}};
    if (content.is_string()) {
      message.parts.emplace_back(llm::TextPart{.text = content.string()});
    } else if (content.is_array()) {
      if (!CountParts(content)) return false;
      for (JsonValue block : content) {
        if (!ReadBlock(block, message, results)) return false;
      }
    } else {
      return FailMember(v, "content", "must be a string or an array of content blocks.");
    }
    if (!results.parts.empty()) AddResults(std::move(results));
    if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    return true;
  }

  bool CountParts(JsonValue content) {
    parts_ += content.size();
    if (parts_ <= limits_.max_parts) return true;
    return Fail(content, fmt::format("brings the blocks of all messages above {}; send fewer.",
                                     limits_.max_parts));
  }

  // All results that follow one assistant turn stand in one message behind it, in however many
  // they came.
  void AddResults(Message results) {
    std::vector<Message>& all = out_.messages;
    const auto assistant = std::find_if(all.rbegin(), all.rend(), [](const Message& message) {
      return message.role == Role::kAssistant;
    });
    const auto behind = assistant == all.rend() ? all.end() : assistant.base();
    if (behind == all.end() || behind->role != Role::kTool) {
      all.insert(behind, std::move(results));
      return;
    }
    for (llm::Part& part : results.parts) behind->parts.push_back(std::move(part));
  }

  template <class Parts>
  bool ReadText(JsonValue block, Parts& parts) {
    if (!block["text"].is_string()) return FailMember(block, "text", "must be a string.");
    llm::TextPart part{.text = block["text"].string()};
    for (JsonValue citation : block["citations"]) part.citations.push_back(ReadCitation(citation));
    if (!ReadCache(block, part.cache)) return false;
    parts.emplace_back(std::move(part));
    return true;
  }

  bool ReadBlock(JsonValue v, Message& message, Message& results) {
    if (!v.is_object()) return Fail(v, "must be an object with a type.");
    const std::string_view type = v["type"].text();
    if (type.empty()) return FailMember(v, "type", "must be a string such as \"text\".");
    if (type == "text") {
      return ReadText(v, message.parts);
    } else if (type == "image") {
      llm::ImagePart part;
      if (!ReadImage(v, part)) return false;
      message.parts.emplace_back(std::move(part));
    } else if (type == "document" && !HoldsBlocks(v)) {
      llm::DocumentPart part;
      if (!ReadDocument(v, part)) return false;
      message.parts.emplace_back(std::move(part));
    } else if (type == "thinking") {
      llm::ThinkingPart part{.origin = kSelf};
      if (!TextMember(v, "thinking", part.text)) return false;
      if (!v["signature"].null() && !Text(v["signature"], part.signature)) return false;
      Unseal(std::string(part.signature), part);
      message.parts.emplace_back(std::move(part));
    } else if (type == "redacted_thinking") {
      llm::ThinkingPart part{.redacted = true, .origin = kSelf};
      if (!TextMember(v, "data", part.signature)) return false;
      Unseal(std::string(part.signature), part);
      message.parts.emplace_back(std::move(part));
    } else if (type == "tool_use") {
      if (message.role != Role::kAssistant)
        return Fail(v, "calls of tools belong to assistant messages.");
      return ReadToolUse(v, message);
    } else if (type == "tool_result") {
      if (message.role != Role::kUser) return Fail(v, "results of tools belong to user messages.");
      return ReadToolResult(v, results);
    } else {
      message.parts.emplace_back(llm::OpaquePart{
          .origin = kSelf, .type = std::string(type), .json = std::string(v.raw())});
    }
    return true;
  }

  // A document of blocks of which some are no text.
  static bool HoldsBlocks(JsonValue document) {
    const JsonValue source = document["source"];
    if (source["type"].text() != "content") return false;
    for (JsonValue block : source["content"]) {
      if (block["type"].text() != "text") return true;
    }
    return false;
  }

  // Of a string, or of blocks of text.
  static std::string JoinTexts(JsonValue content) {
    if (content.is_string()) return content.string();
    std::string texts;
    for (JsonValue block : content) {
      if (!texts.empty()) texts += "\n\n";
      texts += block["text"].text();
    }
    return texts;
  }

  bool ReadImage(JsonValue v, llm::ImagePart& part) {
    const JsonValue source = v["source"];
    const std::string_view type = source["type"].text();
    part.origin = kSelf;
    if (!ReadCache(v, part.cache)) return false;
    if (type == "base64") {
      part.media_type = source["media_type"].string();
      part.data = source["data"].string();
      if (part.media_type.empty() || part.data.empty())
        return FailMember(v, "source", "must have media_type and data.");
    } else if (type == "url") {
      part.url = source["url"].string();
      if (part.url.empty()) return FailMember(v, "source", "must have a url.");
    } else if (type == "file") {
      part.file_id = source["file_id"].string();
      if (part.file_id.empty()) return FailMember(v, "source", "must have a file_id.");
    } else {
      return FailMember(v, "source", "must be of type base64, url or file.");
    }
    return true;
  }

  bool ReadDocument(JsonValue v, llm::DocumentPart& part) {
    const JsonValue source = v["source"];
    const std::string_view type = source["type"].text();
    part.origin = kSelf;
    if (!ReadCache(v, part.cache)) return false;
    if (!v["title"].null() && !Text(v["title"], part.title)) return false;
    if (!v["context"].null() && !Text(v["context"], part.context)) return false;
    part.citations = v["citations"]["enabled"].boolean().value_or(false);
    if (type == "content") {
      // Pieces for citations to point at; others read them as one text.
      part.text = JoinTexts(source["content"]);
      return !part.text.empty() || FailMember(v, "source", "has no text.");
    }
    std::string* place = nullptr;
    if (type == "base64") {
      part.media_type = source["media_type"].string();
      place = &part.data;
    } else if (type == "text") {
      place = &part.text;
    } else if (type == "url") {
      place = &part.url;
    } else if (type == "file") {
      place = &part.file_id;
    } else {
      return FailMember(v, "source", "must be of type base64, text, url, content or file.");
    }
    *place = source[type == "url" ? "url" : type == "file" ? "file_id" : "data"].string();
    return !place->empty() || FailMember(v, "source", "is empty.");
  }

  bool ReadToolUse(JsonValue v, Message& message) {
    llm::ToolCallPart part{.origin = kSelf};
    if (!TextMember(v, "id", part.id) || !TextMember(v, "name", part.name)) return false;
    if (part.id.empty()) return FailMember(v, "id", "is empty.");
    if (!v["input"].is_object()) return FailMember(v, "input", "must be an object.");
    part.arguments = v["input"].raw();
    if (!ReadCache(v, part.cache)) return false;
    names_[part.id] = part.name;
    message.parts.emplace_back(std::move(part));
    return true;
  }

  bool ReadToolResult(JsonValue v, Message& results) {
    if (!v["tool_use_id"].is_string()) return FailMember(v, "tool_use_id", "must be a string.");
    llm::ToolResultPart part{.id = v["tool_use_id"].string()};
    if (const auto known = names_.find(part.id); known != names_.end()) part.name = known->second;
    const JsonValue failed = v["is_error"];
    if (!failed.null() && !failed.boolean())
      return FailMember(v, "is_error", "must be true or false.");
    part.is_error = failed.boolean().value_or(false);
    if (!ReadCache(v, part.cache)) return false;
    const JsonValue content = v["content"];
    if (content.is_string()) {
      part.content.emplace_back(llm::TextPart{.text = content.string()});
    } else if (!content.null() && !content.is_array()) {
      return FailMember(v, "content", "must be a string or an array of content blocks.");
    }
    if (content.is_array() && !CountParts(content)) return false;
    for (JsonValue block : content) {
      if (!ReadResultBlock(block, part)) return false;
    }
    results.parts.emplace_back(std::move(part));
    return true;
  }

  bool ReadResultBlock(JsonValue block, llm::ToolResultPart& part) {
    const std::string_view type = block["type"].text();
    if (type == "text") return ReadText(block, part.content);
    if (type == "image") {
      llm::ImagePart image;
      if (!ReadImage(block, image)) return false;
      part.content.emplace_back(std::move(image));
    } else if (type == "document" && !HoldsBlocks(block)) {
      llm::DocumentPart document;
      if (!ReadDocument(block, document)) return false;
      part.content.emplace_back(std::move(document));
    } else if (type == "search_result") {
      // Its words are all that others can read of it.
      std::string text = fmt::format("{} ({})\n\n", block["title"].text(), block["source"].text());
      text += JoinTexts(block["content"]);
      part.content.emplace_back(llm::TextPart{.text = std::move(text)});
    } else {
      part.content.emplace_back(llm::TextPart{.text = std::string(block.raw())});
    }
    return true;
  }

  const ReadLimits& limits_;
  const bool needs_max_tokens_;
  llm::Conversation out_;
  std::optional<Error> error_;
  std::unordered_map<std::string, std::string> names_;  // of called tools, by the call's id
  std::size_t parts_ = 0;
  bool has_messages_ = false;
};

std::span<const RequestReader::Field> RequestReader::Fields() {
  static constexpr Field kFields[] = {
      {"model", &RequestReader::Model},
      {"messages", &RequestReader::Messages},
      {"max_tokens", &RequestReader::MaxTokens},
      {"stream", &RequestReader::Stream},
      {"temperature", &RequestReader::Temperature},
      {"top_p", &RequestReader::TopP},
      {"top_k", &RequestReader::TopK},
      {"stop_sequences", &RequestReader::StopSequences},
      {"tools", &RequestReader::Tools},
      {"tool_choice", &RequestReader::ToolChoice},
      {"thinking", &RequestReader::Thinking},
      {"output_config", &RequestReader::OutputConfig},
      {"output_format", &RequestReader::OutputFormat},
      {"metadata", &RequestReader::Metadata},
      {"service_tier", &RequestReader::ServiceTier},
  };
  return kFields;
}

}  // namespace

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits,
                                      bool needs_max_tokens) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The body has {} bytes; {} are allowed.", body.size(),
                                        limits.max_body_bytes)};
  }
  JsonTree tree;
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return std::move(parsed).error();
  return RequestReader(limits, needs_max_tokens).Read(tree.root());
}

}  // namespace triage::wire::anthropic
