#include <array>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/oci.h"

namespace triage::wire::oci {
namespace {

using llm::Message;
using llm::Role;

class RequestReader {
 public:
  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    const bool fine = root.is_object() ? ReadDetails(root) : Fail(root, "must be a JSON object.");
    if (!fine) return *std::move(error_);
    return std::move(out_);
  }

 private:
  using Reader = bool (RequestReader::*)(JsonValue);

  bool Fail(JsonValue at, std::string_view remedy) {
    error_ = Invalid(at, remedy);
    return false;
  }

  bool Missing(JsonValue object, std::string_view member, std::string_view remedy) {
    error_ = Invalid(object, remedy);
    error_->field += fmt::format("/{}", member);
    error_->message = fmt::format("{}: {}", error_->field, remedy);
    return false;
  }

  bool ReadDetails(JsonValue root) {
    for (const JsonValue member : root) {
      const std::string_view key = member.key();
      if (key != "compartmentId" && key != "servingMode" && key != "chatRequest") {
        return Fail(member, "is not known; expected compartmentId, servingMode and chatRequest.");
      }
    }
    // Which compartment pays is the provider's configuration, and no part of the conversation.
    if (root["compartmentId"].text().empty()) {
      return Missing(root, "compartmentId", "is required; give the OCID of a compartment.");
    }
    if (!root["servingMode"].is_object()) {
      return Missing(root, "servingMode", "is required; name a model or an endpoint.");
    }
    if (!root["chatRequest"].is_object()) {
      return Missing(root, "chatRequest", "is required; give an object with apiFormat GENERIC.");
    }
    return ReadServingMode(root["servingMode"]) && ReadChat(root["chatRequest"]);
  }

  bool ReadServingMode(JsonValue mode) {
    const std::string_view type = mode["servingType"].text();
    if (type != "ON_DEMAND" && type != "DEDICATED") {
      return Missing(mode, "servingType", "must be ON_DEMAND or DEDICATED.");
    }
    const std::string_view member = type == "ON_DEMAND" ? "modelId" : "endpointId";
    out_.model = mode[member].string();
    if (out_.model.empty()) {
      return Missing(mode, member,
                     type == "ON_DEMAND" ? "is required; name a model."
                                         : "is required; give the OCID of an endpoint.");
    }
    return true;
  }

  bool ReadChat(JsonValue chat) {
    if (chat.size() > limits_.max_fields) {
      return Fail(chat, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
    }
    const JsonValue format = chat["apiFormat"];
    if (format.text() == "COHERE" || format.text() == "COHEREV2") {
      Fail(format, "Cohere's format is not supported here; use GENERIC with another model.");
      error_->code = ErrorCode::kUnsupported;
      return false;
    }
    if (format.text() != "GENERIC") return Missing(chat, "apiFormat", "must be GENERIC.");
    if (!chat["messages"].is_array() || chat["messages"].size() == 0) {
      return Missing(chat, "messages", "is required; give a list with at least one message.");
    }
    for (const JsonValue member : chat) {
      if (member.null() || member.key() == "apiFormat") continue;
      if (!ReadMember(member)) return false;
    }
    return true;
  }

  bool ReadMember(JsonValue member) {
    static constexpr auto kMembers = std::to_array<std::pair<std::string_view, Reader>>({
        {"messages", &RequestReader::ReadMessages},
        {"isStream", &RequestReader::ReadStream},
        {"streamOptions", &RequestReader::ReadStreamOptions},
        {"tools", &RequestReader::ReadTools},
        {"toolChoice", &RequestReader::ReadToolChoice},
        {"isParallelToolCalls", &RequestReader::ReadParallel},
        {"responseFormat", &RequestReader::ReadResponseFormat},
        {"reasoningEffort", &RequestReader::ReadEffort},
        {"verbosity", &RequestReader::ReadVerbosity},
        {"serviceTier", &RequestReader::ReadServiceTier},
        {"metadata", &RequestReader::ReadMetadata},
        {"maxTokens", &RequestReader::ReadMaxTokens},
        {"maxCompletionTokens", &RequestReader::ReadMaxTokens},
        {"temperature", &RequestReader::ReadTemperature},
        {"topP", &RequestReader::ReadTopP},
        {"topK", &RequestReader::ReadTopK},
        {"frequencyPenalty", &RequestReader::ReadFrequencyPenalty},
        {"presencePenalty", &RequestReader::ReadPresencePenalty},
        {"seed", &RequestReader::ReadSeed},
        {"numGenerations", &RequestReader::ReadChoices},
        {"logProbs", &RequestReader::ReadLogProbs},
        {"stop", &RequestReader::ReadStop},
    });
    for (const auto& [name, read] : kMembers) {
      if (name == member.key()) return (this->*read)(member);
    }
    out_.extra.push_back({.name = std::string(member.key()), .json = std::string(member.raw())});
    return true;
  }

  // Values of one kind.

  bool Bool(JsonValue member, std::optional<bool>& into) {
    into = member.boolean();
    return into ? true : Fail(member, "must be true or false.");
  }

  bool Integer(JsonValue member, std::int64_t low, std::optional<std::int64_t>& into) {
    into = member.integer();
    if (into && *into >= low) return true;
    return Fail(member, fmt::format("must be a whole number from {}.", low));
  }

  bool Number(JsonValue member, double low, double high, std::optional<double>& into) {
    into = member.number();
    if (into && *into >= low && *into <= high) return true;
    return Fail(member, fmt::format("must be a number from {} to {}.", low, high));
  }

  bool Word(JsonValue member, std::string& into) {
    if (member.text().empty()) return Fail(member, "must be a word such as LOW or AUTO.");
    into = ToLowerAscii(member.text());
    return true;
  }

  // Members.

  bool ReadStream(JsonValue member) {
    std::optional<bool> stream;
    if (!Bool(member, stream)) return false;
    out_.stream = *stream;
    return true;
  }

  bool ReadStreamOptions(JsonValue member) {
    if (!member.is_object()) return Fail(member, "must be an object.");
    const JsonValue usage = member["isIncludeUsage"];
    if (usage.null()) return true;
    std::optional<bool> include;
    if (!Bool(usage, include)) return false;
    out_.include_usage = *include;
    return true;
  }

  bool ReadParallel(JsonValue member) { return Bool(member, out_.parallel_tool_calls); }

  bool ReadEffort(JsonValue member) { return Word(member, out_.reasoning.effort); }

  bool ReadVerbosity(JsonValue member) { return Word(member, out_.verbosity); }

  bool ReadServiceTier(JsonValue member) { return Word(member, out_.service_tier); }

  bool ReadMetadata(JsonValue member) {
    if (!member.is_object()) return Fail(member, "must be an object.");
    out_.metadata = std::string(member.raw());
    return true;
  }

  bool ReadMaxTokens(JsonValue member) {
    std::optional<std::int64_t> limit;
    if (!Integer(member, 1, limit)) return false;
    if (*limit > limits_.max_output_tokens) {
      return Fail(member, fmt::format("must be at most {}.", limits_.max_output_tokens));
    }
    // With both, the newer one counts.
    if (!out_.max_output_tokens || member.key() == "maxCompletionTokens") {
      out_.max_output_tokens = limit;
    }
    return true;
  }

  bool ReadTemperature(JsonValue member) { return Number(member, 0, 2, out_.temperature); }

  bool ReadTopP(JsonValue member) { return Number(member, 0, 1, out_.top_p); }

  bool ReadTopK(JsonValue member) { return Integer(member, -1, out_.top_k); }

  bool ReadFrequencyPenalty(JsonValue member) {
    return Number(member, -2, 2, out_.frequency_penalty);
  }

  bool ReadPresencePenalty(JsonValue member) {
    return Number(member, -2, 2, out_.presence_penalty);
  }

  bool ReadSeed(JsonValue member) {
    return Integer(member, std::numeric_limits<std::int64_t>::min(), out_.seed);
  }

  bool ReadChoices(JsonValue member) { return Integer(member, 1, out_.choices); }

  bool ReadLogProbs(JsonValue member) {
    if (!Integer(member, 0, out_.top_logprobs)) return false;
    out_.logprobs = true;
    return true;
  }

  bool ReadStop(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of strings.");
    for (const JsonValue each : member) {
      if (!each.is_string()) return Fail(each, "must be a string.");
      out_.stop.push_back(each.string());
    }
    return true;
  }

  bool ReadTools(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of tools.");
    for (const JsonValue each : member) {
      const std::string_view type = each["type"].text();
      if (type.empty()) return Fail(each, "must be a tool with a type, such as FUNCTION.");
      llm::Tool tool{.name = each["name"].string(), .origin = kSelf};
      if (type != "FUNCTION") {
        tool.json = std::string(each.raw());  // one that the provider runs
      } else {
        if (tool.name.empty()) return Missing(each, "name", "is required.");
        const JsonValue parameters = each["parameters"];
        if (!parameters.null() && !parameters.is_object()) {
          return Fail(parameters, "must be a JSON Schema object.");
        }
        tool.description = each["description"].string();
        if (!parameters.null()) tool.parameters = std::string(parameters.raw());
      }
      out_.tools.push_back(std::move(tool));
    }
    return true;
  }

  bool ReadToolChoice(JsonValue member) {
    using Kind = llm::ToolChoice::Kind;
    static constexpr auto kKinds =
        std::to_array<std::pair<std::string_view, Kind>>({{"AUTO", Kind::kAuto},
                                                          {"NONE", Kind::kNone},
                                                          {"REQUIRED", Kind::kRequired},
                                                          {"FUNCTION", Kind::kTool}});
    for (const auto& [word, kind] : kKinds) {
      if (member["type"].text() != word) continue;
      out_.tool_choice = {.kind = kind};
      if (kind != Kind::kTool) return true;
      out_.tool_choice->name = member["name"].string();
      return out_.tool_choice->name.empty() ? Missing(member, "name", "is required.") : true;
    }
    return Missing(member, "type", "must be AUTO, NONE, REQUIRED or FUNCTION.");
  }

  bool ReadResponseFormat(JsonValue member) {
    using Kind = llm::ResponseFormat::Kind;
    const std::string_view type = member["type"].text();
    llm::ResponseFormat& format = out_.response_format.emplace();
    if (type == "TEXT") return true;
    if (type == "JSON_OBJECT") {
      format.kind = Kind::kJsonObject;
      return true;
    }
    if (type != "JSON_SCHEMA") {
      return Missing(member, "type", "must be TEXT, JSON_OBJECT or JSON_SCHEMA.");
    }
    format.kind = Kind::kJsonSchema;
    const JsonValue schema = member["jsonSchema"];
    if (schema["name"].text().empty()) {
      return Missing(member, "jsonSchema", "is required; give a name and a schema.");
    }
    if (!schema["schema"].null() && !schema["schema"].is_object()) {
      return Fail(schema["schema"], "must be a JSON Schema object.");
    }
    format.name = schema["name"].string();
    format.description = schema["description"].string();
    if (!schema["schema"].null()) format.schema = std::string(schema["schema"].raw());
    format.strict = schema["isStrict"].boolean();
    return true;
  }

  // Messages.

  bool ReadMessages(JsonValue member) {
    if (member.size() > limits_.max_messages) {
      return Fail(member,
                  fmt::format("has more than {} messages; send fewer.", limits_.max_messages));
    }
    for (const JsonValue each : member) {
      if (!ReadMessage(each)) return false;
    }
    return true;
  }

  bool ReadMessage(JsonValue message) {
    const std::string_view role = message["role"].text();
    if (role == "TOOL") return ReadResult(message);
    Message out{.role = Role::kUser, .parts = {}};
    out.name = message["name"].string();
    if (role == "ASSISTANT") {
      out.role = Role::kAssistant;
      Result<std::vector<llm::Part>> parts = ReadAssistant(message);
      if (!parts) {
        error_ = parts.error();
        return false;
      }
      out.parts = *std::move(parts);
      for (const llm::Part& part : out.parts) {
        const auto* call = std::get_if<llm::ToolCallPart>(&part);
        if (call != nullptr) calls_[call->id] = call->name;
      }
      if (out.parts.empty()) return true;  // it said nothing
    } else {
      if (role == "SYSTEM" || role == "DEVELOPER") {
        out.role = Role::kSystem;
        out.developer = role == "DEVELOPER";
      } else if (role != "USER") {
        return Missing(message, "role", "must be SYSTEM, DEVELOPER, USER, ASSISTANT or TOOL.");
      }
      if (!ReadContents(message, [&](llm::Part part) {
            out.parts.push_back(std::move(part));
            return true;
          })) {
        return false;
      }
      if (out.parts.empty()) return Missing(message, "content", "must not be empty.");
    }
    if (!Count(message, out.parts.size())) return false;
    out_.messages.push_back(std::move(out));
    return true;
  }

  // All results behind one assistant turn stand in one message.
  bool ReadResult(JsonValue message) {
    llm::ToolResultPart result{.id = message["toolCallId"].string()};
    if (result.id.empty()) return Missing(message, "toolCallId", "is required.");
    if (const auto call = calls_.find(result.id); call != calls_.end()) result.name = call->second;
    const bool read = ReadContents(message, [&](llm::Part part) {
      if (auto* text = std::get_if<llm::TextPart>(&part)) {
        result.content.emplace_back(std::move(*text));
      } else if (auto* image = std::get_if<llm::ImagePart>(&part)) {
        result.content.emplace_back(std::move(*image));
      } else if (auto* document = std::get_if<llm::DocumentPart>(&part)) {
        result.content.emplace_back(std::move(*document));
      } else {
        return false;
      }
      return true;
    });
    if (!read || !Count(message, 1 + result.content.size())) return false;
    if (out_.messages.empty() || out_.messages.back().role != Role::kTool) {
      out_.messages.push_back({.role = Role::kTool, .parts = {}});
    }
    out_.messages.back().parts.emplace_back(std::move(result));
    return true;
  }

  template <class Take>
  bool ReadContents(JsonValue message, Take take) {
    const JsonValue content = message["content"];
    if (!content.is_array()) {
      return Missing(message, "content", "must be a list of content objects.");
    }
    for (const JsonValue each : content) {
      std::optional<llm::Part> part = ReadContent(each);
      if (!part || !take(*std::move(part))) {
        return Fail(each, "must be a content object with a type and what belongs to it.");
      }
    }
    return true;
  }

  bool Count(JsonValue message, std::size_t parts) {
    parts_ += parts;
    if (parts_ <= limits_.max_parts) return true;
    return Fail(message,
                fmt::format("is behind more than {} parts; send fewer.", limits_.max_parts));
  }

  const ReadLimits& limits_;
  llm::Conversation out_;
  std::map<std::string, std::string, std::less<>> calls_;  // names by id
  std::size_t parts_ = 0;
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
  const Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return parsed.error();
  return RequestReader(limits).Read(tree.root());
}

}  // namespace triage::wire::oci
