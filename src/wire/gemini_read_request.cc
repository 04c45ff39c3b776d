#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/gemini.h"

namespace triage::wire::gemini {
namespace {

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
    for (const JsonValue member : object) {
      if (member.null()) continue;
      const std::string name = CamelCase(member.key());
      const auto found = std::ranges::find(table, std::string_view(name),
                                           [](const auto& row) { return row.first; });
      if (found == table.end()) {
        Keep(fmt::format("{}{}", prefix, name), member);
      } else if (found->second != nullptr && !(this->*found->second)(member)) {
        return false;
      }
    }
    return true;
  }

  void Keep(std::string name, JsonValue member) {
    out_.extra.push_back({.name = std::move(name), .json = std::string(member.raw())});
  }

  bool ReadRoot(JsonValue root) {
    static constexpr auto kMembers = std::to_array<std::pair<std::string_view, Reader>>({
        {"systemInstruction", nullptr},  // read first
        {"model", nullptr},              // the URL's counts
        {"contents", &RequestReader::ReadContents},
        {"tools", &RequestReader::ReadTools},
        {"toolConfig", &RequestReader::ReadToolConfig},
        {"generationConfig", &RequestReader::ReadConfig},
        {"serviceTier", &RequestReader::ReadServiceTier},
    });
    if (root.size() > limits_.max_fields) {
      return Fail(root, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
    }
    if (Member(root, "contents").null()) {
      return Missing(root, "contents", "is required; give a list with at least one content.");
    }
    const JsonValue system = Member(root, "systemInstruction");
    if (!system.null() && !ReadSystem(system)) return false;
    if (!ReadMembers(root, kMembers, "")) return false;
    SetFormat();
    return true;
  }

  // Messages.

  // Protocol buffers' JSON takes a lone object for a list.
  template <class Take>
  bool Each(JsonValue list, std::string_view remedy, Take take) {
    if (list.is_object()) return take(list);
    if (!list.is_array() || list.size() == 0) return Fail(list, remedy);
    for (const JsonValue each : list) {
      if (!take(each)) return false;
    }
    return true;
  }

  bool ReadSystem(JsonValue system) {
    Message message{.role = Role::kSystem, .parts = {}};
    const bool read =
        Each(system["parts"], "must be a list of parts with text.", [&](JsonValue part) {
          if (!part["text"].is_string()) return Fail(part, "must be a part with text.");
          message.parts.emplace_back(llm::TextPart{.text = part["text"].string()});
          return Count(part);
        });
    if (!read) {
      return system["parts"].present() ? false
                                       : Missing(system, "parts", "is required; give a text.");
    }
    out_.messages.push_back(std::move(message));
    return true;
  }

  bool ReadContents(JsonValue contents) {
    if (contents.size() > limits_.max_messages) {
      return Fail(contents,
                  fmt::format("has more than {} contents; send fewer.", limits_.max_messages));
    }
    return Each(contents, "must be a list with at least one content.",
                [&](JsonValue content) { return ReadContent(content); });
  }

  bool ReadContent(JsonValue content) {
    const JsonValue role = content["role"];
    const bool user = role.null() || role.text() == "user" || role.text() == "function";
    if (!content.is_object()) return Fail(content, "must be an object with role and parts.");
    if (!user && role.text() != "model") return Missing(content, "role", "must be user or model.");
    const JsonValue parts = content["parts"];
    if (parts.null() || (parts.is_array() && parts.size() == 0)) {
      // A model may have said nothing.
      return user ? Missing(content, "parts", "is required; give at least one part.") : true;
    }
    Message message{.role = user ? Role::kUser : Role::kAssistant, .parts = {}};
    Message results{.role = Role::kTool, .parts = {}};
    const bool read = Each(parts, "must be a list of parts.", [&](JsonValue part) {
      if (!part.is_object() || part.size() == 0) {
        return Fail(part, "must be a part with text, inlineData, functionCall or the like.");
      }
      const JsonValue result = Member(part, "functionResponse");
      if (!result.null()) return user ? ReadResult(result, results) : Fail(result, kWrongRole);
      return Count(part) && ReadPart(part, message);
    });
    if (!read) return false;
    // Results follow the turn that asked for them, whatever else stands beside them.
    if (!results.parts.empty()) {
      auto& last = out_.messages;
      if (!last.empty() && last.back().role == Role::kTool) {
        std::ranges::move(results.parts, std::back_inserter(last.back().parts));
      } else {
        last.push_back(std::move(results));
      }
    }
    if (!message.parts.empty()) out_.messages.push_back(std::move(message));
    return true;
  }

  static constexpr std::string_view kWrongRole = "has no place in a content of this role.";

  bool ReadPart(JsonValue part, Message& message) {
    const JsonValue signature = Member(part, "thoughtSignature");
    const JsonValue text = part["text"];
    if (!text.null() && !text.is_string()) return Fail(text, "must be a string.");
    const JsonValue call = Member(part, "functionCall");
    if (!call.null()) return ReadCall(call, signature, message);
    const std::string data = DataOf(part);
    if (data.empty()) {
      AddText(part, text.text(), signature.text(), message);
    } else if (data == "inlineData" || data == "fileData") {
      message.parts.push_back(ReadMedia(part));
    } else {
      message.parts.emplace_back(
          llm::OpaquePart{.origin = kSelf, .type = data, .json = std::string(part.raw())});
    }
    return true;
  }

  // What a part holds that is no text.
  static std::string DataOf(JsonValue part) {
    for (const JsonValue member : part) {
      std::string name = CamelCase(member.key());
      if (name != "text" && name != "thought" && name != "thoughtSignature") return name;
    }
    return {};
  }

  static void AddText(JsonValue part, std::string_view text, std::string_view signature,
                      Message& message) {
    if (part["thought"].boolean().value_or(false) && !text.empty()) {
      message.parts.emplace_back(llm::ThinkingPart{
          .text = std::string(text), .signature = std::string(signature), .origin = kSelf});
      return;
    }
    if (!text.empty() || signature.empty()) {
      message.parts.emplace_back(llm::TextPart{.text = std::string(text)});
    }
    if (!signature.empty()) {
      message.parts.emplace_back(llm::ThinkingPart{
          .signature = std::string(signature), .redacted = true, .origin = kSelf});
    }
  }

  bool ReadCall(JsonValue call, JsonValue signature, Message& message) {
    if (message.role != Role::kAssistant) return Fail(call, kWrongRole);
    if (call["name"].text().empty()) return Missing(call, "name", "is required.");
    const JsonValue args = call["args"];
    if (!args.null() && !args.is_object()) return Fail(args, "must be an object.");
    llm::ToolCallPart part{.id = call["id"].string(),
                           .name = call["name"].string(),
                           .arguments = args.null() ? "{}" : std::string(args.raw()),
                           .signature = signature.string(),
                           .origin = kSelf};
    ++calls_;
    if (part.id.empty()) part.id = fmt::format("call_{}", calls_);
    open_.push_back({.id = part.id, .name = part.name});
    message.parts.emplace_back(std::move(part));
    return true;
  }

  // The call that a result without an id answers: the first of that name without one.
  std::string AnsweredBy(std::string_view id, std::string_view name) {
    const auto call = std::ranges::find_if(
        open_, [&](const Call& each) { return id.empty() ? each.name == name : each.id == id; });
    if (call == open_.end()) return id.empty() ? fmt::format("call_{}", ++calls_) : std::string(id);
    std::string found = std::move(call->id);
    open_.erase(call);
    return found;
  }

  bool ReadResult(JsonValue response, Message& results) {
    if (response["name"].text().empty()) return Missing(response, "name", "is required.");
    llm::ToolResultPart part{.id = AnsweredBy(response["id"].text(), response["name"].text()),
                             .name = response["name"].string()};
    const JsonValue value = response["response"];
    if (!value.null() && !value.is_object()) return Fail(value, "must be an object.");
    const JsonValue only = value.size() == 1 ? *value.begin() : JsonValue();
    const bool named = only.key() == "output" || only.key() == "error";
    part.is_error = only.key() == "error";
    if (named && only.is_string()) {
      part.content.emplace_back(llm::TextPart{.text = only.string()});
    } else if (value.size() > 0) {
      part.content.emplace_back(llm::TextPart{.text = std::string(value.raw())});
    }
    for (const JsonValue each : response["parts"]) {
      llm::Part media = ReadMedia(each);
      if (auto* image = std::get_if<llm::ImagePart>(&media)) {
        part.content.emplace_back(std::move(*image));
      } else if (auto* document = std::get_if<llm::DocumentPart>(&media)) {
        part.content.emplace_back(std::move(*document));
      } else {
        return Fail(each, "must be a part with inlineData that is an image or a document.");
      }
      if (!Count(each)) return false;
    }
    results.parts.emplace_back(std::move(part));
    return Count(response);
  }

  bool Count(JsonValue at) {
    if (++parts_ <= limits_.max_parts) return true;
    return Fail(at, fmt::format("has more than {} parts; send fewer.", limits_.max_parts));
  }

  // Tools.

  bool ReadTools(JsonValue tools) {
    if (!tools.is_array()) return Fail(tools, "must be a list of tools.");
    for (const JsonValue tool : tools) {
      if (!tool.is_object()) return Fail(tool, "must be an object such as functionDeclarations.");
      for (const JsonValue member : tool) {
        const std::string name = CamelCase(member.key());
        if (name != "functionDeclarations") {
          out_.tools.push_back({.name = name,
                                .json = fmt::format(R"({{"{}":{}}})", name, member.raw()),
                                .origin = kSelf});
          continue;
        }
        if (!member.is_array()) return Fail(member, "must be a list of functions.");
        for (const JsonValue each : member) {
          if (!ReadFunction(each)) return false;
        }
      }
    }
    return true;
  }

  bool ReadFunction(JsonValue function) {
    llm::Tool tool{.name = function["name"].string(),
                   .description = function["description"].string(),
                   .origin = kSelf};
    if (tool.name.empty()) return Missing(function, "name", "is required.");
    const JsonValue schema = Member(function, "parametersJsonSchema");
    const JsonValue open_api = function["parameters"];
    if (!schema.null() && !open_api.null()) {
      return Fail(schema, "cannot stand beside parameters; leave one out.");
    }
    const JsonValue given = schema.null() ? open_api : schema;
    if (!given.null() && !given.is_object()) return Fail(given, "must be a JSON Schema object.");
    if (!schema.null()) tool.parameters = schema.raw();
    if (!open_api.null()) tool.parameters = JsonSchemaOf(open_api);
    out_.tools.push_back(std::move(tool));
    return true;
  }

  bool ReadToolConfig(JsonValue member) {
    using Kind = llm::ToolChoice::Kind;
    const JsonValue config = Member(member, "functionCallingConfig");
    const JsonValue allowed = Member(config, "allowedFunctionNames");
    const std::string mode = ToLowerAscii(config["mode"].text());
    bool exact = member.size() == (config.present() ? 1U : 0U);
    if (mode == "none") {
      out_.tool_choice = {.kind = Kind::kNone};
    } else if (mode == "any") {
      const bool one = allowed.is_array() && allowed.size() == 1;
      out_.tool_choice = {.kind = one ? Kind::kTool : Kind::kRequired};
      if (one) out_.tool_choice->name = (*allowed.begin()).string();
      exact = exact && (one || allowed.size() == 0);
    } else if (mode == "auto" || mode == "validated") {
      out_.tool_choice = {.kind = Kind::kAuto};
      exact = exact && mode == "auto" && allowed.size() == 0;
    } else if (!mode.empty()) {
      return Missing(config, "mode", "must be AUTO, ANY, NONE or VALIDATED.");
    }
    if (!exact) Keep("toolConfig", member);  // says more than the choice does
    return true;
  }

  // Settings.

  bool Integer(JsonValue member, std::int64_t low, std::int64_t high,
               std::optional<std::int64_t>& into) {
    into = member.integer();
    if (into && *into >= low && *into <= high) return true;
    return Fail(member, fmt::format("must be a whole number from {} to {}.", low, high));
  }

  bool Number(JsonValue member, double low, double high, std::optional<double>& into) {
    into = member.number();
    if (into && *into >= low && *into <= high) return true;
    return Fail(member, fmt::format("must be a number from {} to {}.", low, high));
  }

  bool ReadConfig(JsonValue config) {
    static constexpr auto kMembers = std::to_array<std::pair<std::string_view, Reader>>({
        {"temperature", &RequestReader::ReadTemperature},
        {"topP", &RequestReader::ReadTopP},
        {"topK", &RequestReader::ReadTopK},
        {"maxOutputTokens", &RequestReader::ReadMaxTokens},
        {"stopSequences", &RequestReader::ReadStop},
        {"candidateCount", &RequestReader::ReadChoices},
        {"seed", &RequestReader::ReadSeed},
        {"presencePenalty", &RequestReader::ReadPresencePenalty},
        {"frequencyPenalty", &RequestReader::ReadFrequencyPenalty},
        {"responseMimeType", &RequestReader::ReadMimeType},
        {"responseSchema", &RequestReader::ReadOpenApiSchema},
        {"responseJsonSchema", &RequestReader::ReadJsonSchema},
        {"_responseJsonSchema", &RequestReader::ReadJsonSchema},
        {"responseLogprobs", &RequestReader::ReadResponseLogprobs},
        {"logprobs", &RequestReader::ReadLogprobsCount},
        {"thinkingConfig", &RequestReader::ReadThinking},
    });
    if (!config.is_object()) return Fail(config, "must be an object.");
    return ReadMembers(config, kMembers, kConfigPrefix);
  }

  bool ReadTemperature(JsonValue member) { return Number(member, 0, 2, out_.temperature); }

  bool ReadTopP(JsonValue member) { return Number(member, 0, 1, out_.top_p); }

  bool ReadTopK(JsonValue member) { return Integer(member, 1, 1'000'000, out_.top_k); }

  bool ReadMaxTokens(JsonValue member) {
    return Integer(member, 1, limits_.max_output_tokens, out_.max_output_tokens);
  }

  bool ReadStop(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of strings.");
    for (const JsonValue each : member) {
      if (!each.is_string()) return Fail(each, "must be a string.");
      out_.stop.push_back(each.string());
    }
    return true;
  }

  bool ReadChoices(JsonValue member) { return Integer(member, 1, 8, out_.choices); }

  bool ReadSeed(JsonValue member) {
    using Limits = std::numeric_limits<std::int32_t>;
    return Integer(member, Limits::min(), Limits::max(), out_.seed);
  }

  bool ReadPresencePenalty(JsonValue member) {
    return Number(member, -2, 2, out_.presence_penalty);
  }

  bool ReadFrequencyPenalty(JsonValue member) {
    return Number(member, -2, 2, out_.frequency_penalty);
  }

  bool ReadMimeType(JsonValue member) {
    if (!member.is_string()) return Fail(member, "must be a media type, such as application/json.");
    mime_type_ = member;
    return true;
  }

  bool ReadSchema(JsonValue member) {
    if (!schema_.empty()) return Fail(member, "is a second schema; leave one out.");
    if (!member.is_object()) return Fail(member, "must be a JSON Schema object.");
    return true;
  }

  bool ReadOpenApiSchema(JsonValue member) {
    if (!ReadSchema(member)) return false;
    schema_ = JsonSchemaOf(member);
    return true;
  }

  bool ReadJsonSchema(JsonValue member) {
    if (!ReadSchema(member)) return false;
    schema_ = member.raw();
    return true;
  }

  bool ReadResponseLogprobs(JsonValue member) {
    out_.logprobs = member.boolean();
    return out_.logprobs ? true : Fail(member, "must be true or false.");
  }

  bool ReadLogprobsCount(JsonValue member) { return Integer(member, 0, 20, out_.top_logprobs); }

  // A budget of 0 turns thinking off, one of -1 leaves it to the model.
  bool ReadThinking(JsonValue config) {
    llm::Reasoning& reasoning = out_.reasoning;
    if (!config.is_object()) return Fail(config, "must be an object.");
    const JsonValue include = Member(config, "includeThoughts");
    if (!include.null() && !include.boolean()) return Fail(include, "must be true or false.");
    if (include.boolean().value_or(false)) reasoning.summary = "auto";
    const JsonValue level = Member(config, "thinkingLevel");
    if (!level.null() && level.text().empty()) return Fail(level, "must be a word such as LOW.");
    reasoning.effort = ToLowerAscii(level.text());
    const JsonValue budget = Member(config, "thinkingBudget");
    if (budget.null()) return true;
    std::optional<std::int64_t> tokens;
    if (!Integer(budget, -1, limits_.max_output_tokens, tokens)) return false;
    if (*tokens == 0) {
      reasoning.enabled = false;
    } else if (*tokens < 0) {
      reasoning.adaptive = true;
    } else {
      reasoning.budget_tokens = tokens;
    }
    return true;
  }

  bool ReadServiceTier(JsonValue member) {
    if (member.text().empty()) return Fail(member, "must be a word such as flex.");
    out_.service_tier = ToLowerAscii(member.text());
    if (out_.service_tier == "standard") out_.service_tier = "default";
    return true;
  }

  // What media type and schema together ask for.
  void SetFormat() {
    using Kind = llm::ResponseFormat::Kind;
    const std::string_view type = mime_type_.text();
    if (!type.empty() && type != "application/json" && type != "text/plain") {
      Keep(fmt::format("{}responseMimeType", kConfigPrefix), mime_type_);  // text/x.enum
      if (!schema_.empty()) {
        out_.extra.push_back(
            {.name = fmt::format("{}responseJsonSchema", kConfigPrefix), .json = schema_});
      }
      return;
    }
    if (!schema_.empty()) {
      out_.response_format = {.kind = Kind::kJsonSchema, .schema = std::move(schema_)};
    } else if (!type.empty()) {
      out_.response_format = {.kind = type == "text/plain" ? Kind::kText : Kind::kJsonObject};
    }
  }

  struct Call {
    std::string id;
    std::string name;
  };

  const ReadLimits& limits_;
  llm::Conversation out_;
  std::vector<Call> open_;  // calls without a result so far
  std::size_t calls_ = 0;
  std::size_t parts_ = 0;
  JsonValue mime_type_;
  std::string schema_;
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

}  // namespace triage::wire::gemini
