#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "wire/openai_chat_neutral.h"

namespace triage::wire::openai_chat {
namespace {

using llm::Message;
using llm::Role;

constexpr std::string_view kRoles =
    "must be one of system, developer, user, assistant, tool, function.";

/// "data:image/png;base64,…" cut into its media type and data; false for any other URL.
bool SplitDataUrl(std::string_view url, std::string& media_type, std::string& data) {
  constexpr std::string_view kScheme = "data:";
  constexpr std::string_view kBase64 = ";base64,";
  if (!url.starts_with(kScheme)) return false;
  const std::size_t at = url.find(kBase64);
  if (at == std::string_view::npos) return false;
  media_type = url.substr(kScheme.size(), at - kScheme.size());
  data = url.substr(at + kBase64.size());
  return true;
}

class RequestReader {
 public:
  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    if (!root.is_object()) {
      Fail(root, "must be a JSON object.");
      return *std::move(error_);
    }
    if (root.size() > limits_.max_fields) {
      Fail(root, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
      return *std::move(error_);
    }
    for (JsonValue member : root) {
      if (!member.null() && !ReadMember(member)) return *std::move(error_);
    }
    if (out_.model.empty()) {
      FailMember(root, "model", "is missing; send \"auto\" or a model's name.");
      return *std::move(error_);
    }
    if (out_.messages.empty()) {
      FailMember(root, "messages", "is missing or empty; send at least one message.");
      return *std::move(error_);
    }
    return std::move(out_);
  }

 private:
  struct Field {
    std::string_view name;
    bool (RequestReader::*read)(JsonValue);
  };

  static std::span<const Field> Fields();

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
    out_.extra.push_back({.name = std::string(member.key()), .json = std::string(member.raw())});
    return true;
  }

  // Scalars.

  bool Text(JsonValue member, std::string& place) {
    if (!member.is_string()) return Fail(member, "must be a string.");
    place = member.string();
    return true;
  }

  bool Flag(JsonValue member, std::optional<bool>& place) {
    place = member.boolean();
    return place || Fail(member, "must be true or false.");
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

  bool User(JsonValue v) { return Text(v, out_.user); }

  bool ServiceTier(JsonValue v) { return Text(v, out_.service_tier); }

  bool Verbosity(JsonValue v) { return Text(v, out_.verbosity); }

  bool ReasoningEffort(JsonValue v) { return Text(v, out_.reasoning.effort); }

  bool Temperature(JsonValue v) { return Number(v, 0, 2, out_.temperature); }

  bool TopP(JsonValue v) { return Number(v, 0, 1, out_.top_p); }

  bool FrequencyPenalty(JsonValue v) { return Number(v, -2, 2, out_.frequency_penalty); }

  bool PresencePenalty(JsonValue v) { return Number(v, -2, 2, out_.presence_penalty); }

  bool TopK(JsonValue v) { return Integer(v, 0, 1'000'000, out_.top_k); }

  bool Seed(JsonValue v) { return Integer(v, INT64_MIN, INT64_MAX, out_.seed); }

  bool Choices(JsonValue v) { return Integer(v, 1, 128, out_.choices); }

  bool Logprobs(JsonValue v) { return Flag(v, out_.logprobs); }

  bool TopLogprobs(JsonValue v) { return Integer(v, 0, 20, out_.top_logprobs); }

  bool ParallelToolCalls(JsonValue v) { return Flag(v, out_.parallel_tool_calls); }

  bool MaxTokens(JsonValue v) {
    std::optional<std::int64_t> limit;
    if (!Integer(v, 1, limits_.max_output_tokens, limit)) return false;
    // Both may be given; the newer field is the one that counts.
    if (!out_.max_output_tokens || v.key() == "max_completion_tokens")
      out_.max_output_tokens = limit;
    return true;
  }

  bool Stream(JsonValue v) {
    std::optional<bool> flag;
    if (!Flag(v, flag)) return false;
    out_.stream = *flag;
    return true;
  }

  bool StreamOptions(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object.");
    out_.include_usage = v["include_usage"].boolean().value_or(false);
    return true;
  }

  bool Metadata(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object.");
    out_.metadata = v.raw();
    return true;
  }

  bool Stop(JsonValue v) {
    if (v.is_string()) {
      out_.stop.push_back(v.string());
      return true;
    }
    if (!v.is_array()) return Fail(v, "must be a string or an array of strings.");
    for (JsonValue each : v) {
      if (!each.is_string()) return Fail(each, "must be a string.");
      out_.stop.push_back(each.string());
    }
    return true;
  }

  bool ResponseFormat(JsonValue v) {
    using Kind = llm::ResponseFormat::Kind;
    if (!v.is_object()) return Fail(v, "must be an object with a type.");
    llm::ResponseFormat& format = out_.response_format.emplace();
    const std::string_view type = v["type"].text();
    if (type == "text") return true;
    if (type == "json_object") {
      format.kind = Kind::kJsonObject;
      return true;
    }
    if (type != "json_schema")
      return FailMember(v, "type", "must be text, json_object or json_schema.");
    format.kind = Kind::kJsonSchema;
    const JsonValue schema = v["json_schema"];
    if (!schema.is_object()) return FailMember(v, "json_schema", "must be an object.");
    if (!schema["schema"].is_object())
      return FailMember(schema, "schema", "must be a JSON Schema object.");
    format.schema = schema["schema"].raw();
    if (!schema["name"].null() && !Text(schema["name"], format.name)) return false;
    if (!schema["description"].null() && !Text(schema["description"], format.description))
      return false;
    return schema["strict"].null() || Flag(schema["strict"], format.strict);
  }

  // Tools.

  bool ReadFunction(JsonValue function, llm::Tool& tool) {
    if (!function.is_object()) return Fail(function, "must be an object.");
    if (!function["name"].is_string() || function["name"].text().empty())
      return FailMember(function, "name", "is missing; name the function.");
    tool.name = function["name"].string();
    if (!function["description"].null() && !Text(function["description"], tool.description))
      return false;
    const JsonValue parameters = function["parameters"];
    if (!parameters.null() && !parameters.is_object())
      return Fail(parameters, "must be a JSON Schema object.");
    if (parameters.is_object()) tool.parameters = parameters.raw();
    return function["strict"].null() || Flag(function["strict"], tool.strict);
  }

  bool Tools(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of tools.");
    for (JsonValue each : v) {
      if (!each.is_object()) return Fail(each, "must be an object with a type.");
      if (!each["type"].is_string()) return FailMember(each, "type", "must be a string.");
      llm::Tool tool{.origin = kSelf};
      if (each["type"].text() == "function") {
        if (each["function"].null())
          return FailMember(each, "function", "is missing; describe the function.");
        if (!ReadFunction(each["function"], tool)) return false;
      } else {
        tool.name = each[each["type"].text()]["name"].string();
        if (tool.name.empty()) tool.name = each["type"].string();
        tool.json = each.raw();
      }
      out_.tools.push_back(std::move(tool));
    }
    return true;
  }

  // The older form of tools.
  bool Functions(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of functions.");
    for (JsonValue each : v) {
      llm::Tool tool{.origin = kSelf};
      if (!ReadFunction(each, tool)) return false;
      out_.tools.push_back(std::move(tool));
    }
    return true;
  }

  bool ToolChoice(JsonValue v) {
    using Kind = llm::ToolChoice::Kind;
    if (v.is_string()) {
      const std::string_view word = v.text();
      if (word == "auto") {
        out_.tool_choice = {.kind = Kind::kAuto};
      } else if (word == "none") {
        out_.tool_choice = {.kind = Kind::kNone};
      } else if (word == "required" || word == "any") {
        out_.tool_choice = {.kind = Kind::kRequired};
      } else {
        return Fail(v, "must be auto, none, required or an object that names a function.");
      }
      return true;
    }
    const JsonValue function = v["function"].present() ? v["function"] : v;  // `function_call`
    if (v["type"].present() && v["type"].text() != "function") {
      out_.extra.push_back({.name = std::string(v.key()), .json = std::string(v.raw())});
      return true;
    }
    if (!function["name"].is_string())
      return Fail(v, "must be auto, none, required or an object that names a function.");
    out_.tool_choice = {.kind = Kind::kTool, .name = function["name"].string()};
    return true;
  }

  // Messages.

  bool Messages(JsonValue v) {
    if (!v.is_array()) return Fail(v, "must be an array of messages.");
    if (v.size() > limits_.max_messages) {
      return Fail(v, fmt::format("has more than {} messages; send fewer.", limits_.max_messages));
    }
    for (JsonValue each : v) {
      if (!ReadMessage(each)) return false;
    }
    return true;
  }

  bool ReadMessage(JsonValue v) {
    if (!v.is_object()) return Fail(v, "must be an object with role and content.");
    const std::string_view role = v["role"].text();
    if (role == "tool" || role == "function") return ReadToolResult(v);
    Message message;
    if (role == "system" || role == "developer") {
      message.role = Role::kSystem;
      message.developer = role == "developer";
    } else if (role == "assistant") {
      message.role = Role::kAssistant;
    } else if (role != "user") {
      return FailMember(v, "role", kRoles);
    }
    if (!v["name"].null() && !Text(v["name"], message.name)) return false;
    if (message.role == Role::kAssistant) {
      if (const JsonValue thinking = ReasoningOf(v); !thinking.text().empty()) {
        message.parts.emplace_back(llm::ThinkingPart{.text = thinking.string(), .origin = kSelf});
      }
    }
    const bool optional = message.role == Role::kAssistant;
    if (v["content"].null() && !optional)
      return FailMember(v, "content", "is missing; send a string or an array of parts.");
    if (!ReadContent(v["content"], message.parts)) return false;
    if (optional && !ReadAssistant(v, message)) return false;
    // A message without any part says nothing; the API takes it, and no dialect could write it.
    if (message.parts.empty()) message.parts.emplace_back(llm::TextPart{});
    out_.messages.push_back(std::move(message));
    return true;
  }

  bool ReadAssistant(JsonValue v, Message& message) {
    if (!v["refusal"].null()) {
      llm::RefusalPart refusal;
      if (!Text(v["refusal"], refusal.text)) return false;
      message.parts.emplace_back(std::move(refusal));
    }
    if (v["audio"].is_object()) {
      message.parts.emplace_back(
          llm::OpaquePart{.origin = kSelf, .type = "audio", .json = std::string(v["audio"].raw())});
    }
    if (v["annotations"].is_array()) {
      for (llm::Part& part : message.parts) {
        if (auto* text = std::get_if<llm::TextPart>(&part))
          text->citations = ReadAnnotations(v["annotations"]);
      }
    }
    if (const JsonValue call = v["function_call"]; !call.null()) {
      if (!ReadCall(call, call, {})) return false;
      functions_[call_parts_.back().name] = call_parts_.back().id;
    }
    const JsonValue calls = v["tool_calls"];
    if (!calls.null() && !calls.is_array()) return Fail(calls, "must be an array of tool calls.");
    for (JsonValue call : calls) {
      if (!call.is_object()) return Fail(call, "must be an object with id and function.");
      if (call["type"].present() && call["type"].text() != "function") {
        message.parts.emplace_back(llm::OpaquePart{
            .origin = kSelf, .type = call["type"].string(), .json = std::string(call.raw())});
        continue;
      }
      if (!ReadCall(call, call["function"], call["id"])) return false;
    }
    for (llm::ToolCallPart& call : call_parts_) {
      names_[call.id] = call.name;
      message.parts.emplace_back(std::move(call));
    }
    call_parts_.clear();
    return true;
  }

  bool ReadCall(JsonValue call, JsonValue function, JsonValue id) {
    if (!function.is_object()) return FailMember(call, "function", "must be an object.");
    llm::ToolCallPart part{.origin = kSelf};
    if (!function["name"].is_string()) return FailMember(function, "name", "must be a string.");
    part.name = function["name"].string();
    part.id = id.string();
    if (part.id.empty()) part.id = MadeUpCallId(++made_up_);
    part.arguments = function["arguments"].string();
    if (part.arguments.empty()) part.arguments = "{}";
    if (!IsJsonObject(part.arguments))
      return FailMember(function, "arguments", "must be the text of a JSON object.");
    // Gemini's OpenAI-compatible endpoint hands its thought signature on here.
    part.signature = call.At({"extra_content", "google", "thought_signature"}).string();
    call_parts_.push_back(std::move(part));
    return true;
  }

  bool ReadToolResult(JsonValue v) {
    llm::ToolResultPart result;
    const bool older = v["role"].text() == "function";
    const std::string_view wanted = older ? "name" : "tool_call_id";
    if (!v[wanted].is_string())
      return FailMember(v, wanted, "is missing; say which call this is the result of.");
    result.id = v[wanted].string();
    result.name = v["name"].string();
    if (older) {  // names the function, and means its last call
      if (const auto call = functions_.find(result.id); call != functions_.end())
        result.id = call->second;
    }
    if (result.name.empty()) {
      if (const auto known = names_.find(result.id); known != names_.end())
        result.name = known->second;
    }
    if (v["content"].null())
      return FailMember(v, "content", "is missing; send a string or an array of parts.");
    std::vector<llm::Part> parts;
    if (!ReadContent(v["content"], parts)) return false;
    for (llm::Part& part : parts) {
      if (auto* text = std::get_if<llm::TextPart>(&part)) {
        result.content.emplace_back(std::move(*text));
      } else if (auto* image = std::get_if<llm::ImagePart>(&part)) {
        result.content.emplace_back(std::move(*image));
      } else if (auto* document = std::get_if<llm::DocumentPart>(&part)) {
        result.content.emplace_back(std::move(*document));
      } else {
        return FailMember(v, "content", "may hold text, images and files only.");
      }
    }
    if (out_.messages.empty() || out_.messages.back().role != Role::kTool)
      out_.messages.push_back({.role = Role::kTool, .parts = {}});
    out_.messages.back().parts.emplace_back(std::move(result));
    return true;
  }

  bool ReadContent(JsonValue v, std::vector<llm::Part>& parts) {
    if (v.null()) return true;
    if (v.is_string()) {
      if (!v.text().empty()) parts.emplace_back(llm::TextPart{.text = v.string()});
      return true;
    }
    if (!v.is_array()) return Fail(v, "must be a string or an array of parts.");
    parts_ += v.size();
    if (parts_ > limits_.max_parts) {
      return Fail(v, fmt::format("brings the parts of all messages above {}; send fewer.",
                                 limits_.max_parts));
    }
    for (JsonValue each : v) {
      if (!ReadPart(each, parts)) return false;
    }
    return true;
  }

  bool ReadPart(JsonValue v, std::vector<llm::Part>& parts) {
    if (!v.is_object()) return Fail(v, "must be an object with a type.");
    const std::string_view type = v["type"].text();
    if (type.empty())
      return FailMember(v, "type", "must be a string such as \"text\" or \"image_url\".");
    if (type == "text") {
      llm::TextPart part;
      if (!v["text"].is_string()) return FailMember(v, "text", "must be a string.");
      part.text = v["text"].string();
      part.cache = CacheOf(v["cache_control"]);
      parts.emplace_back(std::move(part));
      return true;
    }
    if (type == "refusal") {
      llm::RefusalPart part;
      if (!v["refusal"].is_string()) return FailMember(v, "refusal", "must be a string.");
      part.text = v["refusal"].string();
      parts.emplace_back(std::move(part));
      return true;
    }
    if (type == "image_url") return ReadImage(v, parts);
    if (type == "file") return ReadFile(v, parts);
    parts.emplace_back(
        llm::OpaquePart{.origin = kSelf, .type = std::string(type), .json = std::string(v.raw())});
    return true;
  }

  // Not OpenAI's, but what OpenRouter and others take for providers that want to be told.
  static llm::CacheHint CacheOf(JsonValue control) {
    if (!control.is_object()) return llm::CacheHint::kNone;
    return control["ttl"].text() == "1h" ? llm::CacheHint::kOneHour : llm::CacheHint::kFiveMinutes;
  }

  bool ReadImage(JsonValue v, std::vector<llm::Part>& parts) {
    const JsonValue image = v["image_url"];
    const JsonValue url = image.is_string() ? image : image["url"];
    if (!url.is_string() || url.text().empty())
      return FailMember(v, "image_url", "must be an object with a url.");
    llm::ImagePart part{.detail = image["detail"].string(), .origin = kSelf};
    if (url.text().starts_with("data:")) {
      if (!SplitDataUrl(url.text(), part.media_type, part.data))
        return Fail(url, "a data URL must be of the form data:image/png;base64,...");
    } else {
      part.url = url.string();
    }
    parts.emplace_back(std::move(part));
    return true;
  }

  bool ReadFile(JsonValue v, std::vector<llm::Part>& parts) {
    const JsonValue file = v["file"];
    if (!file.is_object()) return FailMember(v, "file", "must be an object.");
    llm::DocumentPart part{.title = file["filename"].string(), .origin = kSelf};
    if (file["file_id"].is_string()) {
      part.file_id = file["file_id"].string();
    } else if (file["file_data"].is_string()) {
      const std::string_view data = file["file_data"].text();
      if (!SplitDataUrl(data, part.media_type, part.data)) {
        part.data = data;
        part.media_type = "application/pdf";
      }
    } else {
      return Fail(file, "must have file_data or file_id.");
    }
    parts.emplace_back(std::move(part));
    return true;
  }

  const ReadLimits& limits_;
  llm::Conversation out_;
  std::optional<Error> error_;
  std::unordered_map<std::string, std::string> names_;      // of called functions, by the call's id
  std::unordered_map<std::string, std::string> functions_;  // last call's id, by its function
  std::vector<llm::ToolCallPart> call_parts_;               // of the message that is being read
  std::size_t made_up_ = 0;
  std::size_t parts_ = 0;
};

std::span<const RequestReader::Field> RequestReader::Fields() {
  static constexpr Field kFields[] = {
      {"model", &RequestReader::Model},
      {"messages", &RequestReader::Messages},
      {"stream", &RequestReader::Stream},
      {"stream_options", &RequestReader::StreamOptions},
      {"max_tokens", &RequestReader::MaxTokens},
      {"max_completion_tokens", &RequestReader::MaxTokens},
      {"temperature", &RequestReader::Temperature},
      {"top_p", &RequestReader::TopP},
      {"top_k", &RequestReader::TopK},
      {"frequency_penalty", &RequestReader::FrequencyPenalty},
      {"presence_penalty", &RequestReader::PresencePenalty},
      {"seed", &RequestReader::Seed},
      {"stop", &RequestReader::Stop},
      {"n", &RequestReader::Choices},
      {"logprobs", &RequestReader::Logprobs},
      {"top_logprobs", &RequestReader::TopLogprobs},
      {"tools", &RequestReader::Tools},
      {"functions", &RequestReader::Functions},
      {"tool_choice", &RequestReader::ToolChoice},
      {"function_call", &RequestReader::ToolChoice},
      {"parallel_tool_calls", &RequestReader::ParallelToolCalls},
      {"response_format", &RequestReader::ResponseFormat},
      {"reasoning_effort", &RequestReader::ReasoningEffort},
      {"verbosity", &RequestReader::Verbosity},
      {"user", &RequestReader::User},
      {"service_tier", &RequestReader::ServiceTier},
      {"metadata", &RequestReader::Metadata},
  };
  return kFields;
}

}  // namespace

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The body has {} bytes; {} are allowed.", body.size(),
                                        limits.max_body_bytes)};
  }
  JsonTree tree;
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return std::move(parsed).error();
  return RequestReader(limits).Read(tree.root());
}

}  // namespace triage::wire::openai_chat
