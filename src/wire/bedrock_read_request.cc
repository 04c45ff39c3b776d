#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "wire/bedrock.h"

namespace triage::wire::bedrock {
namespace {

using llm::CacheHint;
using llm::Message;
using llm::Role;

Error Invalid(std::string pointer, std::string_view remedy) {
  std::string message = fmt::format("{}: {}", pointer.empty() ? "/" : pointer, remedy);
  return {.code = ErrorCode::kInvalidRequest,
          .message = std::move(message),
          .field = std::move(pointer)};
}

class RequestReader {
 public:
  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    const bool fine = root.is_object() ? ReadRoot(root) : Fail(root, "must be a JSON object.");
    if (!fine) return *std::move(error_);
    return std::move(out_);
  }

 private:
  using Reader = bool (RequestReader::*)(JsonValue);
  using Table = std::span<const std::pair<std::string_view, Reader>>;

  bool Fail(JsonValue at, std::string_view remedy) {
    error_ = Invalid(at.Pointer(), remedy);
    return false;
  }

  bool Missing(JsonValue object, std::string_view member, std::string_view remedy) {
    error_ = Invalid(fmt::format("{}/{}", object.Pointer(), member), remedy);
    return false;
  }

  // Members in `table` are read, others kept under `prefix`.
  bool ReadMembers(JsonValue object, Table table, std::string_view prefix) {
    if (!object.is_object()) return Fail(object, "must be an object.");
    for (const JsonValue member : object) {
      if (member.null()) continue;
      const auto found =
          std::ranges::find(table, member.key(), [](const auto& row) { return row.first; });
      if (found == table.end()) {
        Keep(prefix, member);
      } else if (found->second != nullptr && !(this->*found->second)(member)) {
        return false;
      }
    }
    return true;
  }

  void Keep(std::string_view prefix, JsonValue member) {
    out_.extra.push_back(
        {.name = fmt::format("{}{}", prefix, member.key()), .json = std::string(member.raw())});
  }

  bool ReadRoot(JsonValue root) {
    static constexpr auto kMembers = std::to_array<std::pair<std::string_view, Reader>>({
        {"system", nullptr},  // read first
        {"messages", &RequestReader::ReadMessages},
        {"inferenceConfig", &RequestReader::ReadInference},
        {"toolConfig", &RequestReader::ReadTools},
        {"outputConfig", &RequestReader::ReadOutputConfig},
        {"additionalModelRequestFields", &RequestReader::ReadAdditional},
        {"requestMetadata", &RequestReader::ReadMetadata},
        {"serviceTier", &RequestReader::ReadServiceTier},
    });
    if (root.size() > limits_.max_fields) {
      return Fail(root, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
    }
    if (!root["messages"].is_array() || root["messages"].size() == 0) {
      return Missing(root, "messages", "is required; give a list with at least one message.");
    }
    return (root["system"].null() || ReadSystem(root["system"])) && ReadMembers(root, kMembers, "");
  }

  // A cache point stands behind what it is for.

  static CacheHint HintOf(JsonValue point) {
    return point["ttl"].text() == "1h" ? CacheHint::kOneHour : CacheHint::kFiveMinutes;
  }

  static void SetCache(std::vector<llm::Part>& parts, JsonValue point) {
    if (parts.empty()) return;
    std::visit(
        [&](auto& part) {
          if constexpr (requires { part.cache; }) part.cache = HintOf(point);
        },
        parts.back());
  }

  bool Count(JsonValue at) {
    if (++parts_ <= limits_.max_parts) return true;
    return Fail(at, fmt::format("has more than {} blocks; send fewer.", limits_.max_parts));
  }

  bool ReadSystem(JsonValue system) {
    if (!system.is_array()) return Fail(system, "must be a list of blocks.");
    Message message{.role = Role::kSystem, .parts = {}};
    for (const JsonValue block : system) {
      if (block["cachePoint"].is_object()) {
        SetCache(message.parts, block["cachePoint"]);
        continue;
      }
      std::optional<llm::Part> part = ReadBlock(block);
      if (!part) return Fail(block, kBrokenBlock);
      if (!Count(block)) return false;
      message.parts.push_back(*std::move(part));
    }
    if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    return true;
  }

  bool ReadMessages(JsonValue messages) {
    if (messages.size() > limits_.max_messages) {
      return Fail(messages,
                  fmt::format("has more than {} messages; send fewer.", limits_.max_messages));
    }
    for (const JsonValue each : messages) {
      const std::string_view role = each["role"].text();
      if (role != "user" && role != "assistant") {
        return Missing(each, "role", "must be user or assistant.");
      }
      if (!each["content"].is_array() || each["content"].size() == 0) {
        return Missing(each, "content", "must be a list with at least one block.");
      }
      Message message{.role = role == "user" ? Role::kUser : Role::kAssistant, .parts = {}};
      Message results{.role = Role::kTool, .parts = {}};
      for (const JsonValue block : each["content"]) {
        if (!ReadContent(block, message, results)) return false;
      }
      if (!results.parts.empty()) out_.messages.push_back(std::move(results));
      if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    }
    return true;
  }

  static constexpr std::string_view kBrokenBlock =
      "must be a content block with what belongs to its type.";

  bool ReadContent(JsonValue block, Message& message, Message& results) {
    if (block["cachePoint"].is_object()) {
      SetCache(after_result_ ? results.parts : message.parts, block["cachePoint"]);
      return true;
    }
    if (!Count(block)) return false;
    after_result_ = block["toolResult"].is_object();
    if (after_result_) {
      if (message.role == Role::kUser) return ReadResult(block["toolResult"], results);
      return Fail(block, "has no place in a message of this role.");
    }
    std::optional<llm::Part> part = ReadBlock(block);
    if (!part) return Fail(block, kBrokenBlock);
    if (const auto* call = std::get_if<llm::ToolCallPart>(&*part)) {
      if (message.role == Role::kUser)
        return Fail(block, "has no place in a message of this role.");
      names_[call->id] = call->name;
    }
    message.parts.push_back(*std::move(part));
    return true;
  }

  bool ReadResult(JsonValue result, Message& results) {
    if (result["toolUseId"].text().empty()) return Missing(result, "toolUseId", "is required.");
    if (!result["content"].null() && !result["content"].is_array()) {
      return Fail(result["content"], "must be a list of blocks.");
    }
    llm::ToolResultPart part{.id = result["toolUseId"].string()};
    if (const auto call = names_.find(part.id); call != names_.end()) part.name = call->second;
    part.is_error = result["status"].text() == "error";
    for (const JsonValue block : result["content"]) {
      if (!Count(block)) return false;
      const JsonValue json = block["json"];
      std::optional<llm::Part> read = ReadBlock(block);
      if (json.present()) {
        part.content.emplace_back(llm::TextPart{.text = std::string(json.raw())});
      } else if (read && std::holds_alternative<llm::TextPart>(*read)) {
        part.content.emplace_back(std::get<llm::TextPart>(*std::move(read)));
      } else if (read && std::holds_alternative<llm::ImagePart>(*read)) {
        part.content.emplace_back(std::get<llm::ImagePart>(*std::move(read)));
      } else if (read && std::holds_alternative<llm::DocumentPart>(*read)) {
        part.content.emplace_back(std::get<llm::DocumentPart>(*std::move(read)));
      } else {
        return Fail(block, "must be a block with text, json, image or document.");
      }
    }
    results.parts.emplace_back(std::move(part));
    return true;
  }

  // Settings.

  bool ReadInference(JsonValue config) {
    static constexpr auto kMembers = std::to_array<std::pair<std::string_view, Reader>>({
        {"maxTokens", &RequestReader::ReadMaxTokens},
        {"temperature", &RequestReader::ReadTemperature},
        {"topP", &RequestReader::ReadTopP},
        {"stopSequences", &RequestReader::ReadStop},
    });
    return ReadMembers(config, kMembers, kInferencePrefix);
  }

  bool ReadMaxTokens(JsonValue member) {
    out_.max_output_tokens = member.integer();
    const std::int64_t tokens = out_.max_output_tokens.value_or(0);
    if (tokens >= 1 && tokens <= limits_.max_output_tokens) return true;
    return Fail(member,
                fmt::format("must be a whole number from 1 to {}.", limits_.max_output_tokens));
  }

  bool Share(JsonValue member, std::optional<double>& into) {
    into = member.number();
    if (into && *into >= 0 && *into <= 1) return true;
    return Fail(member, "must be a number from 0 to 1.");
  }

  bool ReadTemperature(JsonValue member) { return Share(member, out_.temperature); }

  bool ReadTopP(JsonValue member) { return Share(member, out_.top_p); }

  bool ReadStop(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of strings.");
    for (const JsonValue each : member) {
      if (!each.is_string()) return Fail(each, "must be a string.");
      out_.stop.push_back(each.string());
    }
    return true;
  }

  bool ReadTools(JsonValue config) {
    if (!config["tools"].is_array()) return Missing(config, "tools", "must be a list of tools.");
    for (const JsonValue each : config["tools"]) {
      if (each["cachePoint"].is_object()) {
        if (!out_.tools.empty()) out_.tools.back().cache = HintOf(each["cachePoint"]);
        continue;
      }
      if (!each.is_object() || each.size() == 0) return Fail(each, "must be a tool.");
      const JsonValue spec = each["toolSpec"];
      llm::Tool tool{.origin = kSelf};
      if (spec.null()) {
        tool.name = (*each.begin()).key();
        tool.json = each.raw();
      } else {
        const JsonValue schema = spec["inputSchema"]["json"];
        tool.name = spec["name"].string();
        if (tool.name.empty()) return Missing(spec, "name", "is required.");
        if (!schema.is_object()) {
          return Missing(spec, "inputSchema", "must hold a JSON Schema object as json.");
        }
        tool.description = spec["description"].string();
        tool.parameters = schema.raw();
        tool.strict = spec["strict"].boolean();
      }
      out_.tools.push_back(std::move(tool));
    }
    return config["toolChoice"].null() || ReadToolChoice(config["toolChoice"]);
  }

  bool ReadToolChoice(JsonValue choice) {
    using Kind = llm::ToolChoice::Kind;
    if (choice["auto"].present()) {
      out_.tool_choice = {.kind = Kind::kAuto};
    } else if (choice["any"].present()) {
      out_.tool_choice = {.kind = Kind::kRequired};
    } else if (!choice["tool"]["name"].text().empty()) {
      out_.tool_choice = {.kind = Kind::kTool, .name = choice["tool"]["name"].string()};
    } else {
      return Fail(choice, "must have auto, any, or tool with a name.");
    }
    return true;
  }

  // The schema stands in a string.
  bool ReadOutputConfig(JsonValue config) {
    const JsonValue text = config["textFormat"];
    if (text.null() || config.size() > 1) {
      Keep("", config);
      return true;
    }
    const JsonValue schema = text.At({"structure", "jsonSchema", "schema"});
    JsonTree tree;
    if (!schema.is_string() || !tree.Parse(schema.text(), limits_.max_depth) ||
        !tree.root().is_object()) {
      return Fail(text, "must be json_schema with a JSON Schema object as the text of schema.");
    }
    const JsonValue definition = text.At({"structure", "jsonSchema"});
    out_.response_format = {.kind = llm::ResponseFormat::Kind::kJsonSchema,
                            .name = definition["name"].string(),
                            .description = definition["description"].string(),
                            .schema = schema.string()};
    return true;
  }

  // What Anthropic's models take here; other members stay with their names.
  bool ReadAdditional(JsonValue fields) {
    if (!fields.is_object()) return Fail(fields, "must be an object.");
    for (const JsonValue member : fields) {
      const bool top_k = member.key() == "top_k" && member.integer();
      const bool thinking = member.key() == "thinking" && ReadThinking(member);
      if (top_k) out_.top_k = member.integer();
      if (!top_k && !thinking) Keep(kAdditionalPrefix, member);
    }
    return true;
  }

  bool ReadThinking(JsonValue thinking) {
    llm::Reasoning& reasoning = out_.reasoning;
    const std::string_view type = thinking["type"].text();
    if (type == "enabled" && thinking["budget_tokens"].integer()) {
      reasoning.enabled = true;
      reasoning.budget_tokens = thinking["budget_tokens"].integer();
    } else if (type == "adaptive") {
      reasoning.enabled = true;
      reasoning.adaptive = true;
    } else if (type == "disabled") {
      reasoning.enabled = false;
    } else {
      return false;
    }
    reasoning.summary = thinking["display"].string();
    return true;
  }

  bool ReadMetadata(JsonValue metadata) {
    if (!metadata.is_object()) return Fail(metadata, "must be an object of strings.");
    for (const JsonValue member : metadata) {
      if (!member.is_string()) return Fail(member, "must be a string.");
    }
    out_.metadata = metadata.raw();
    return true;
  }

  bool ReadServiceTier(JsonValue tier) {
    out_.service_tier = tier["type"].string();
    return out_.service_tier.empty() ? Missing(tier, "type", "is required.") : true;
  }

  const ReadLimits& limits_;
  llm::Conversation out_;
  std::map<std::string, std::string, std::less<>> names_;  // of calls, by id
  std::size_t parts_ = 0;
  bool after_result_ = false;
  std::optional<Error> error_;
};

}  // namespace

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The request has more than {} bytes; send less.",
                                        limits.max_body_bytes)};
  }
  JsonTree tree;
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return std::move(parsed).error();
  return RequestReader(limits).Read(tree.root());
}

}  // namespace triage::wire::bedrock
