#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "wire/json_tree.h"
#include "wire/responses_parts.h"
#include "wire/responses_request.h"

namespace triage::wire::responses {
namespace {

using llm::Message;
using llm::Role;

// Items that a client hands in, though no word of their type says so.
constexpr std::string_view kClientItems[] = {"mcp_approval_response", "compaction_trigger",
                                             "additional_tools"};

bool ComesFromClient(std::string_view type) {
  return type.ends_with("_output") ||
         std::ranges::find(kClientItems, type) != std::end(kClientItems);
}

// Puts items into the canonical form of llm::Message: the items of one assistant turn in one
// message, results right behind the turn that called for them.
class Turns {
 public:
  explicit Turns(std::vector<Message>& messages) : messages_(messages) {}

  void Add(Message message) {
    if (message.parts.empty()) return;
    if (message.role == Role::kAssistant) {
      for (llm::Part& part : message.parts) AddToAssistant(std::move(part));
    } else {
      messages_.push_back(std::move(message));
    }
  }

  void AddToAssistant(llm::Part part) {
    if (messages_.empty() || messages_.back().role != Role::kAssistant)
      messages_.push_back({.role = Role::kAssistant, .parts = {}});
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) calls_[call->id] = call->name;
    messages_.back().parts.push_back(std::move(part));
  }

  void AddResult(llm::ToolResultPart result) {
    std::size_t behind = messages_.size();
    if (const auto call = calls_.find(result.id); call != calls_.end()) {
      if (result.name.empty()) result.name = call->second;
      while (behind > 0 && !Calls(messages_[behind - 1], result.id)) --behind;
    }
    if (behind < messages_.size() && messages_[behind].role == Role::kTool) {
      messages_[behind].parts.emplace_back(std::move(result));
    } else if (behind == messages_.size() && behind > 0 &&
               messages_[behind - 1].role == Role::kTool) {
      messages_[behind - 1].parts.emplace_back(std::move(result));
    } else {
      Message message{.role = Role::kTool, .parts = {}};
      message.parts.emplace_back(std::move(result));
      messages_.insert(messages_.begin() + static_cast<std::ptrdiff_t>(behind), std::move(message));
    }
  }

 private:
  static bool Calls(const Message& message, std::string_view id) {
    return std::ranges::any_of(message.parts, [id](const llm::Part& part) {
      const auto* call = std::get_if<llm::ToolCallPart>(&part);
      return call != nullptr && call->id == id;
    });
  }

  std::vector<Message>& messages_;
  std::unordered_map<std::string, std::string> calls_;  // names by id
};

class RequestReader {
 public:
  explicit RequestReader(const ReadLimits& limits) : limits_(limits), turns_(out_.messages) {}

  Result<llm::Conversation> Read(JsonValue root) {
    out_.origin = kSelf;
    if (!root.is_object()) return Invalid(root, "must be a JSON object.");
    if (root.size() > limits_.max_fields) {
      return Invalid(root, fmt::format("has more than {} fields; send fewer.", limits_.max_fields));
    }
    for (JsonValue member : root) {
      if (!member.null() && !ReadMember(member)) return *std::move(error_);
    }
    if (out_.model.empty()) return InvalidMember(root, "model", "is required; name a model.");
    if (input_.null())
      return InvalidMember(root, "input", "is required; give a string or a list of items.");
    if (!ReadMessages()) return *std::move(error_);
    FinishInclude();
    if (out_.user.empty()) out_.user = safety_identifier_;
    return std::move(out_);
  }

 private:
  struct Field {
    std::string_view name;
    bool (RequestReader::*read)(JsonValue);
  };

  static std::span<const Field> Fields();

  bool Fail(Error error) {
    error_ = std::move(error);
    return false;
  }

  bool Fail(JsonValue at, std::string_view remedy) { return Fail(Invalid(at, remedy)); }

  bool ReadMember(JsonValue member) {
    for (const Field& field : Fields()) {
      if (field.name == member.key()) return (this->*field.read)(member);
    }
    return Keep(member);
  }

  // Top-level members.

  bool Keep(JsonValue member) {
    out_.extra.push_back({.name = std::string(member.key()), .json = std::string(member.raw())});
    return true;
  }

  bool Flag(JsonValue member) {
    return member.boolean() ? true : Fail(member, "must be true or false.");
  }

  bool Text(JsonValue member, std::string& place) {
    if (!member.is_string()) return Fail(member, "must be a string.");
    place = member.string();
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

  bool Model(JsonValue member) { return Text(member, out_.model); }

  bool User(JsonValue member) { return Text(member, out_.user); }

  bool ServiceTier(JsonValue member) { return Text(member, out_.service_tier); }

  bool Temperature(JsonValue member) { return Number(member, 0, 2, out_.temperature); }

  bool TopP(JsonValue member) { return Number(member, 0, 1, out_.top_p); }

  bool TopLogprobs(JsonValue member) { return Integer(member, 0, 20, out_.top_logprobs); }

  bool MaxOutputTokens(JsonValue member) {
    return Integer(member, 1, limits_.max_output_tokens, out_.max_output_tokens);
  }

  bool Instructions(JsonValue member) {
    instructions_ = member;
    return member.is_string() || Fail(member, "must be a string.");
  }

  bool Input(JsonValue member) {
    input_ = member;
    return member.is_string() || member.is_array() ||
           Fail(member, "must be a string or a list of items.");
  }

  bool Stream(JsonValue member) {
    out_.stream = member.boolean().value_or(false);
    return Flag(member);
  }

  bool ParallelToolCalls(JsonValue member) {
    out_.parallel_tool_calls = member.boolean();
    return Flag(member);
  }

  bool Metadata(JsonValue member) {
    if (!member.is_object()) return Fail(member, "must be an object.");
    out_.metadata = member.raw();
    return true;
  }

  bool SafetyIdentifier(JsonValue member) {
    return Text(member, safety_identifier_) && Keep(member);
  }

  bool PreviousResponse(JsonValue member) {
    return Fail(member,
                "responses are not kept here; send the whole conversation as items of input.");
  }

  bool ConversationId(JsonValue member) {
    return Fail(member,
                "conversations are not kept here; send the whole conversation as items of input.");
  }

  bool Include(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of strings.");
    for (JsonValue entry : member) {
      if (!entry.is_string()) return Fail(entry, "must be a string.");
    }
    include_ = member;
    return Keep(member);  // its place among the others; FinishInclude says what is left of it
  }

  bool ReadReasoning(JsonValue member) {
    if (!member.is_object()) return Fail(member, "must be an object.");
    for (const auto& [name, place] :
         {std::pair<std::string_view, std::string*>{"generate_summary", &out_.reasoning.summary},
          {"summary", &out_.reasoning.summary},
          {"effort", &out_.reasoning.effort}}) {
      if (!member[name].null() && !Text(member[name], *place)) return false;
    }
    return true;
  }

  bool ReadText(JsonValue member) {
    if (!member.is_object()) return Fail(member, "must be an object.");
    const JsonValue verbosity = member["verbosity"];
    if (!verbosity.null() && !Text(verbosity, out_.verbosity)) return false;
    return member["format"].null() || ReadFormat(member["format"]);
  }

  bool ReadFormat(JsonValue format) {
    if (!format.is_object()) return Fail(format, "must be an object.");
    using Kind = llm::ResponseFormat::Kind;
    llm::ResponseFormat& read = out_.response_format.emplace();
    const std::string_view type = format["type"].text();
    if (type == "text") return true;
    if (type == "json_object") {
      read.kind = Kind::kJsonObject;
      return true;
    }
    if (type != "json_schema") {
      return Fail(InvalidMember(format, "type", "must be text, json_object or json_schema."));
    }
    read.kind = Kind::kJsonSchema;
    if (!format["name"].is_string())
      return Fail(InvalidMember(format, "name", "is required; give a string."));
    read.name = format["name"].string();
    if (!format["schema"].is_object())
      return Fail(InvalidMember(format, "schema", "is required; give a JSON Schema object."));
    read.schema = format["schema"].raw();
    if (!format["description"].null() && !Text(format["description"], read.description))
      return false;
    read.strict = format["strict"].boolean();
    return format["strict"].null() || Flag(format["strict"]);
  }

  bool Tools(JsonValue member) {
    if (!member.is_array()) return Fail(member, "must be a list of tools.");
    for (JsonValue tool : member) {
      if (!ReadTool(tool)) return false;
    }
    return true;
  }

  bool ReadTool(JsonValue tool) {
    if (!tool.is_object()) return Fail(tool, "must be a tool, an object.");
    const JsonValue type = tool["type"];
    if (!type.is_string()) return Fail(InvalidMember(tool, "type", "is required; give a string."));
    llm::Tool read{.origin = kSelf};
    if (!tool["name"].null() && !Text(tool["name"], read.name)) return false;
    if (type.text() != "function") {
      if (read.name.empty()) read.name = type.string();
      read.json = tool.raw();
      out_.tools.push_back(std::move(read));
      return true;
    }
    if (read.name.empty())
      return Fail(InvalidMember(tool, "name", "is required; name the function."));
    if (!tool["description"].null() && !Text(tool["description"], read.description)) return false;
    const JsonValue parameters = tool["parameters"];
    if (!parameters.null() && !parameters.is_object())
      return Fail(parameters, "must be a JSON Schema object.");
    if (parameters.is_object()) read.parameters = parameters.raw();
    if (!tool["strict"].null() && !Flag(tool["strict"])) return false;
    read.strict = tool["strict"].boolean();
    out_.tools.push_back(std::move(read));
    return true;
  }

  bool ToolChoice(JsonValue member) {
    using Kind = llm::ToolChoice::Kind;
    if (member.is_string()) {
      const std::string_view word = member.text();
      if (word == "auto") {
        out_.tool_choice = {.kind = Kind::kAuto};
      } else if (word == "none") {
        out_.tool_choice = {.kind = Kind::kNone};
      } else if (word == "required") {
        out_.tool_choice = {.kind = Kind::kRequired};
      } else {
        return Fail(member, "must be auto, none, required or an object.");
      }
      return true;
    }
    if (!member.is_object()) return Fail(member, "must be auto, none, required or an object.");
    if (!member["type"].is_string())
      return Fail(InvalidMember(member, "type", "is required; give a string."));
    if (member["type"].text() != "function") return Keep(member);  // of tools that OpenAI runs
    if (!member["name"].is_string())
      return Fail(InvalidMember(member, "name", "is required; name the function."));
    out_.tool_choice = {.kind = Kind::kTool, .name = member["name"].string()};
    return true;
  }

  // Entries that have a neutral meaning, or that the writer asks for by itself, are taken out.
  void FinishInclude() {
    if (include_.null()) return;
    JsonWriter rest;
    rest.Begin('[');
    std::size_t kept = 0;
    for (JsonValue entry : include_) {
      if (entry.text() == kIncludeLogprobs) {
        out_.logprobs = true;
      } else if (entry.text() != kIncludeEncrypted || !AsksForEncrypted(out_.reasoning)) {
        rest.Raw(entry.raw());
        ++kept;
      }
    }
    rest.End(']');
    const auto place = std::ranges::find(out_.extra, "include", &llm::ExtraField::name);
    if (kept == 0) {
      out_.extra.erase(place);
    } else {
      place->json = rest.Take();
    }
  }

  // Input items.

  bool ReadMessages() {
    if (const std::string_view text = instructions_.text(); !text.empty()) {
      Message message{.role = Role::kSystem, .parts = {}};
      message.parts.emplace_back(llm::TextPart{.text = std::string(text)});
      turns_.Add(std::move(message));
    }
    if (input_.is_string()) {
      Message message{.role = Role::kUser, .parts = {}};
      message.parts.emplace_back(llm::TextPart{.text = input_.string()});
      turns_.Add(std::move(message));
      return true;
    }
    if (input_.size() > limits_.max_messages) {
      return Fail(input_, fmt::format("has more than {} items; send fewer.", limits_.max_messages));
    }
    for (JsonValue item : input_) {
      if (!ReadItem(item)) return false;
      if (parts_ > limits_.max_parts) {
        return Fail(input_,
                    fmt::format("has more than {} content parts; send fewer.", limits_.max_parts));
      }
    }
    return true;
  }

  bool ReadItem(JsonValue item) {
    if (!item.is_object()) return Fail(item, "must be an item, an object.");
    ++parts_;
    const JsonValue type = item["type"];
    if (!type.null() && !type.is_string()) return Fail(type, "must be a string.");
    const std::string_view word = type.text();
    if (word == "message" || (type.null() && !item["role"].null())) return ReadMessage(item);
    if (word == "item_reference" || (type.null() && !item["id"].null())) {
      return Fail(item, "refers to an item that is not kept here; send the item itself.");
    }
    if (word.empty()) return Fail(InvalidMember(item, "type", "is required; give a string."));
    if (word == "function_call") {
      Result<llm::ToolCallPart> call = ReadFunctionCall(item);
      if (!call) return Fail(std::move(call).error());
      if (!IsJsonObject(call->arguments)) {
        return Fail(InvalidMember(item, "arguments", "must be the text of a JSON object."));
      }
      turns_.AddToAssistant(*std::move(call));
      return true;
    }
    if (word == "function_call_output") return ReadFunctionOutput(item);
    if (word == "reasoning") {
      Result<llm::ThinkingPart> thinking = responses::ReadReasoning(item);
      if (!thinking) return Fail(std::move(thinking).error());
      turns_.AddToAssistant(*std::move(thinking));
      return true;
    }
    llm::OpaquePart opaque{
        .origin = kSelf, .type = OpaqueItemType(word), .json = std::string(item.raw())};
    if (ComesFromClient(word)) {
      Message message{.role = Role::kUser, .parts = {}};
      message.parts.emplace_back(std::move(opaque));
      turns_.Add(std::move(message));
    } else {
      turns_.AddToAssistant(std::move(opaque));
    }
    return true;
  }

  bool ReadMessage(JsonValue item) {
    const std::string_view role = item["role"].text();
    Message message;
    if (role == "user") {
      message.role = Role::kUser;
    } else if (role == "assistant") {
      message.role = Role::kAssistant;
    } else if (role == "system" || role == "developer") {
      message.role = Role::kSystem;
      message.developer = role == "developer";
    } else {
      return Fail(InvalidMember(item, "role", "must be user, assistant, system or developer."));
    }
    const JsonValue content = item["content"];
    if (content.is_string()) {
      // Clients send an empty one beside their calls.
      if (message.role != Role::kAssistant || !content.text().empty())
        message.parts.emplace_back(llm::TextPart{.text = content.string()});
    } else if (content.is_array()) {
      for (JsonValue each : content) {
        ++parts_;
        Result<llm::Part> part = ReadContent(each);
        if (!part) return Fail(std::move(part).error());
        message.parts.push_back(*std::move(part));
      }
    } else {
      return Fail(InvalidMember(item, "content", "must be a string or a list of content parts."));
    }
    turns_.Add(std::move(message));
    return true;
  }

  bool ReadFunctionOutput(JsonValue item) {
    llm::ToolResultPart result;
    const JsonValue id = item["call_id"];
    if (!id.is_string() || id.text().empty())
      return Fail(InvalidMember(item, "call_id", "is required; give the id of the call."));
    result.id = id.string();
    if (!item["name"].null() && !Text(item["name"], result.name)) return false;
    const JsonValue output = item["output"];
    if (output.is_string()) {
      if (!output.text().empty())
        result.content.emplace_back(llm::TextPart{.text = output.string()});
    } else if (output.is_array()) {
      for (JsonValue each : output) {
        ++parts_;
        Result<llm::Part> part = ReadContent(each);
        if (!part) return Fail(std::move(part).error());
        if (auto* text = std::get_if<llm::TextPart>(&*part)) {
          result.content.emplace_back(std::move(*text));
        } else if (auto* image = std::get_if<llm::ImagePart>(&*part)) {
          result.content.emplace_back(std::move(*image));
        } else if (auto* document = std::get_if<llm::DocumentPart>(&*part)) {
          result.content.emplace_back(std::move(*document));
        } else {
          return Fail(
              InvalidMember(each, "type", "must be input_text, input_image or input_file."));
        }
      }
    } else {
      return Fail(InvalidMember(item, "output", "must be a string or a list of content parts."));
    }
    turns_.AddResult(std::move(result));
    return true;
  }

  const ReadLimits& limits_;
  llm::Conversation out_;
  Turns turns_;
  JsonValue instructions_;
  JsonValue input_;
  JsonValue include_;
  std::string safety_identifier_;
  std::size_t parts_ = 0;
  std::optional<Error> error_;
};

std::span<const RequestReader::Field> RequestReader::Fields() {
  static constexpr Field kFields[] = {
      {"model", &RequestReader::Model},
      {"instructions", &RequestReader::Instructions},
      {"input", &RequestReader::Input},
      {"tools", &RequestReader::Tools},
      {"tool_choice", &RequestReader::ToolChoice},
      {"parallel_tool_calls", &RequestReader::ParallelToolCalls},
      {"text", &RequestReader::ReadText},
      {"reasoning", &RequestReader::ReadReasoning},
      {"max_output_tokens", &RequestReader::MaxOutputTokens},
      {"temperature", &RequestReader::Temperature},
      {"top_p", &RequestReader::TopP},
      {"top_logprobs", &RequestReader::TopLogprobs},
      {"include", &RequestReader::Include},
      {"metadata", &RequestReader::Metadata},
      {"user", &RequestReader::User},
      {"safety_identifier", &RequestReader::SafetyIdentifier},
      {"service_tier", &RequestReader::ServiceTier},
      {"stream", &RequestReader::Stream},
      // What the gateway serves by itself.
      {"store", &RequestReader::Flag},
      {"background", &RequestReader::Flag},
      {"previous_response_id", &RequestReader::PreviousResponse},
      {"conversation", &RequestReader::ConversationId},
  };
  return kFields;
}

}  // namespace

bool AsksForEncrypted(const llm::Reasoning& reasoning) {
  return !reasoning.empty() && reasoning.effort != "none" && reasoning.enabled.value_or(true);
}

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

}  // namespace triage::wire::responses
