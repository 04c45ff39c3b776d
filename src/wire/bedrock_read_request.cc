#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "wire/bedrock.h"

namespace triage::wire::bedrock {
namespace {

constexpr std::string_view kAdditional = "additionalModelRequestFields";

using llm::CacheHint;
using llm::Message;
using llm::Role;

class RequestReader {
 public:
  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    if (ReadRoot(root)) return std::move(out_);
    return *std::move(error_);
  }

 private:
  bool ReadRoot(JsonValue root) {
    if (!root.is_object()) return Fail(root, "must be a JSON object.");
    if (root.size() > limits_.max_fields) return Fail(root, "has too many fields.");
    if (!ReadSystem(root["system"])) return false;
    for (JsonValue member : root) {
      const std::string_view name = member.key();
      if (member.null() || name == "system") continue;
      if (name == "messages") {
        if (!ReadMessages(member)) return false;
      } else if (name == "inferenceConfig") {
        if (!ReadInference(member)) return false;
      } else if (name == "toolConfig") {
        if (!ReadTools(member)) return false;
      } else if (name == kAdditional && member.is_object()) {
        ReadAdditional(member);
      } else {
        out_.extra.push_back({.name = std::string(name), .json = std::string(member.raw())});
      }
    }
    const bool talks = std::ranges::any_of(
        out_.messages, [](const Message& message) { return message.role != Role::kSystem; });
    return talks || FailMember(root, "messages", "is missing or empty; send at least one message.");
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

  static CacheHint HintOf(JsonValue point) {
    return point["ttl"].text() == "1h" ? CacheHint::kOneHour : CacheHint::kFiveMinutes;
  }

  // A cache point stands behind what it is for.
  static void SetCache(std::vector<llm::Part>& parts, CacheHint hint) {
    if (parts.empty()) return;
    std::visit(
        [hint](auto& part) {
          if constexpr (requires { part.cache; }) part.cache = hint;
        },
        parts.back());
  }

  bool ReadSystem(JsonValue system) {
    if (system.null()) return true;
    if (!system.is_array()) return Fail(system, "must be an array of blocks.");
    Message message{.role = Role::kSystem, .parts = {}};
    for (JsonValue block : system) {
      if (block["cachePoint"].is_object()) {
        SetCache(message.parts, HintOf(block["cachePoint"]));
      } else if (block["text"].is_string()) {
        message.parts.emplace_back(llm::TextPart{.text = block["text"].string()});
      } else {
        message.parts.emplace_back(Opaque(block));
      }
    }
    if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    return true;
  }

  static llm::OpaquePart Opaque(JsonValue block) {
    const std::string_view type = block.size() > 0 ? (*block.begin()).key() : "block";
    return {.origin = kSelf, .type = std::string(type), .json = std::string(block.raw())};
  }

  bool ReadMessages(JsonValue messages) {
    if (!messages.is_array()) return Fail(messages, "must be an array of messages.");
    if (messages.size() > limits_.max_messages) return Fail(messages, "has too many messages.");
    for (JsonValue each : messages) {
      const std::string_view role = each["role"].text();
      if (role != "user" && role != "assistant")
        return FailMember(each, "role", "must be user or assistant.");
      if (!each["content"].is_array())
        return FailMember(each, "content", "must be an array of blocks.");
      Message message{.role = role == "user" ? Role::kUser : Role::kAssistant, .parts = {}};
      Message results{.role = Role::kTool, .parts = {}};
      for (JsonValue block : each["content"]) {
        if (++parts_ > limits_.max_parts) return Fail(block, "is one block too many.");
        if (!ReadBlock(block, message, results)) return false;
      }
      if (!results.parts.empty()) out_.messages.push_back(std::move(results));
      if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    }
    return true;
  }

  bool ReadBlock(JsonValue block, Message& message, Message& results) {
    if (!block.is_object()) return Fail(block, "must be an object.");
    if (block["text"].is_string()) {
      message.parts.emplace_back(llm::TextPart{.text = block["text"].string()});
    } else if (block["image"].is_object()) {
      message.parts.emplace_back(ReadImage(block["image"]));
    } else if (block["document"].is_object()) {
      message.parts.emplace_back(ReadDocument(block["document"]));
    } else if (const JsonValue call = block["toolUse"]; call.is_object()) {
      if (!call["toolUseId"].is_string() || !call["name"].is_string() || !call["input"].is_object())
        return Fail(call, "must have toolUseId, name and input.");
      names_[call["toolUseId"].string()] = call["name"].string();
      message.parts.emplace_back(llm::ToolCallPart{.id = call["toolUseId"].string(),
                                                   .name = call["name"].string(),
                                                   .arguments = std::string(call["input"].raw()),
                                                   .origin = kSelf});
    } else if (block["toolResult"].is_object()) {
      return ReadResult(block["toolResult"], results);
    } else if (const JsonValue thinking = block["reasoningContent"]; thinking.is_object()) {
      const JsonValue text = thinking["reasoningText"];
      if (text.is_object()) {
        message.parts.emplace_back(llm::ThinkingPart{.text = text["text"].string(),
                                                     .signature = text["signature"].string(),
                                                     .origin = kSelf});
      } else {
        message.parts.emplace_back(llm::ThinkingPart{
            .signature = thinking["redactedContent"].string(), .redacted = true, .origin = kSelf});
      }
    } else if (block["cachePoint"].is_object()) {
      SetCache(message.parts.empty() ? results.parts : message.parts, HintOf(block["cachePoint"]));
    } else {
      message.parts.emplace_back(Opaque(block));
    }
    return true;
  }

  static llm::ImagePart ReadImage(JsonValue image) {
    llm::ImagePart part{.data = image["source"]["bytes"].string(),
                        .media_type = std::string(MediaTypeOf(image["format"].text(), true)),
                        .origin = kSelf};
    if (part.data.empty()) part.file_id = image.At({"source", "s3Location", "uri"}).string();
    return part;
  }

  static llm::DocumentPart ReadDocument(JsonValue document) {
    const JsonValue source = document["source"];
    llm::DocumentPart part{.data = source["bytes"].string(),
                           .text = source["text"].string(),
                           .title = document["name"].string(),
                           .context = document["context"].string(),
                           .citations = document["citations"]["enabled"].boolean().value_or(false),
                           .origin = kSelf};
    if (!part.data.empty()) part.media_type = MediaTypeOf(document["format"].text(), false);
    if (part.data.empty() && part.text.empty())
      part.file_id = source.At({"s3Location", "uri"}).string();
    return part;
  }

  bool ReadResult(JsonValue result, Message& results) {
    if (!result["toolUseId"].is_string())
      return FailMember(result, "toolUseId", "must be a string.");
    llm::ToolResultPart part{.id = result["toolUseId"].string()};
    if (const auto known = names_.find(part.id); known != names_.end()) part.name = known->second;
    part.is_error = result["status"].text() == "error";
    for (JsonValue block : result["content"]) {
      if (block["text"].is_string()) {
        part.content.emplace_back(llm::TextPart{.text = block["text"].string()});
      } else if (block["json"].present()) {
        part.content.emplace_back(llm::TextPart{.text = std::string(block["json"].raw())});
      } else if (block["image"].is_object()) {
        part.content.emplace_back(ReadImage(block["image"]));
      } else if (block["document"].is_object()) {
        part.content.emplace_back(ReadDocument(block["document"]));
      }
    }
    results.parts.emplace_back(std::move(part));
    return true;
  }

  bool ReadInference(JsonValue config) {
    if (!config.is_object()) return Fail(config, "must be an object.");
    if (const JsonValue limit = config["maxTokens"]; !limit.null()) {
      out_.max_output_tokens = limit.integer();
      if (out_.max_output_tokens.value_or(0) < 1 ||
          *out_.max_output_tokens > limits_.max_output_tokens) {
        return Fail(limit, "must be a whole number of at least 1.");
      }
    }
    if (const JsonValue value = config["temperature"]; !value.null()) {
      out_.temperature = value.number();
      if (!out_.temperature || *out_.temperature < 0 || *out_.temperature > 1)
        return Fail(value, "must be a number from 0 to 1.");
    }
    if (const JsonValue value = config["topP"]; !value.null()) {
      out_.top_p = value.number();
      if (!out_.top_p || *out_.top_p < 0 || *out_.top_p > 1)
        return Fail(value, "must be a number from 0 to 1.");
    }
    for (JsonValue stop : config["stopSequences"]) {
      if (!stop.is_string()) return Fail(stop, "must be a string.");
      out_.stop.push_back(stop.string());
    }
    return true;
  }

  bool ReadTools(JsonValue config) {
    if (!config["tools"].is_array())
      return FailMember(config, "tools", "must be an array of tools.");
    for (JsonValue each : config["tools"]) {
      if (each["cachePoint"].is_object()) {
        if (!out_.tools.empty()) out_.tools.back().cache = HintOf(each["cachePoint"]);
        continue;
      }
      const JsonValue spec = each["toolSpec"];
      llm::Tool tool{.name = spec["name"].string(), .origin = kSelf};
      if (spec.is_object()) {
        if (tool.name.empty()) return FailMember(spec, "name", "is missing; name the tool.");
        tool.description = spec["description"].string();
        const JsonValue schema = spec["inputSchema"]["json"];
        if (!schema.is_object()) return FailMember(spec, "inputSchema", "must hold a JSON Schema.");
        tool.parameters = schema.raw();
        tool.strict = spec["strict"].boolean();
      } else {
        tool.name = Opaque(each).type;
        tool.json = each.raw();
      }
      out_.tools.push_back(std::move(tool));
    }
    const JsonValue choice = config["toolChoice"];
    using Kind = llm::ToolChoice::Kind;
    if (choice["auto"].present()) out_.tool_choice = {.kind = Kind::kAuto};
    if (choice["any"].present()) out_.tool_choice = {.kind = Kind::kRequired};
    if (choice["tool"].is_object())
      out_.tool_choice = {.kind = Kind::kTool, .name = choice["tool"]["name"].string()};
    return true;
  }

  // What Anthropic's models take here; other members stay with their names.
  void ReadAdditional(JsonValue fields) {
    for (JsonValue member : fields) {
      if (member.key() == "top_k" && member.integer()) {
        out_.top_k = member.integer();
      } else if (member.key() == "thinking" && member["type"].text() == "enabled") {
        out_.reasoning.enabled = true;
        out_.reasoning.budget_tokens = member["budget_tokens"].integer();
      } else {
        out_.extra.push_back({.name = fmt::format("{}.{}", kAdditional, member.key()),
                              .json = std::string(member.raw())});
      }
    }
  }

  const ReadLimits& limits_;
  llm::Conversation out_;
  std::optional<Error> error_;
  std::unordered_map<std::string, std::string> names_;
  std::size_t parts_ = 0;
};

}  // namespace

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits) {
  if (body.size() > limits.max_body_bytes)
    return Error{.code = ErrorCode::kTooLarge, .message = "The body is too large."};
  JsonTree tree;
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return std::move(parsed).error();
  return RequestReader(limits).Read(tree.root());
}

}  // namespace triage::wire::bedrock
