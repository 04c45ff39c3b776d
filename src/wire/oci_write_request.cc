#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/json.h"
#include "wire/oci.h"

namespace triage::wire::oci {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;

std::string ToUpperAscii(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// What the words for effort come closest to; thresholds as other gateways draw them.
std::string_view EffortOf(std::int64_t budget_tokens) {
  if (budget_tokens <= 2048) return "low";
  return budget_tokens <= 8192 ? "medium" : "high";
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile) {}

  Result<WrittenRequest> Write(std::string_view model) {
    const Conversation& c = conversation_;
    if (c.choices.value_or(1) > 1) {
      return Unsupported("n: this model gives one answer to a request; leave n out.");
    }
    if (profile_.oci_compartment.empty()) {
      return Unsupported("This provider has no OCI compartment configured.");
    }
    if (model.starts_with("cohere.")) {
      return Unsupported(
          "Cohere's models speak a format of their own at OCI, which is not supported.");
    }
    json_.Begin('{');
    json_.Member("compartmentId", profile_.oci_compartment);
    WriteServingMode(model);
    json_.Key("chatRequest");
    json_.Begin('{');
    json_.Member("apiFormat", "GENERIC");
    WriteMessages();
    WriteTools();
    WriteResponseFormat();
    WriteReasoning();
    WriteSampling();
    WriteWords();
    WriteStream();
    WriteExtra();
    json_.End('}');
    json_.End('}');
    return WrittenRequest{.body = json_.Take(), .warnings = std::move(warnings_)};
  }

 private:
  static Error Unsupported(std::string message) {
    return {.code = ErrorCode::kUnsupported, .message = std::move(message)};
  }

  void Warn(std::string text) {
    if (std::ranges::find(warnings_, text) == warnings_.end()) warnings_.push_back(std::move(text));
  }

  bool Accepted(std::string_view field) const {
    if (std::ranges::find(profile_.refuses, field) != profile_.refuses.end()) return false;
    return profile_.accepts.empty() ||
           std::ranges::find(profile_.accepts, field) != profile_.accepts.end();
  }

  // Warns when the endpoint does not take the field.
  bool Takes(std::string_view field) {
    if (Accepted(field)) return true;
    Warn(std::string(field));
    return false;
  }

  // Dedicated endpoints have no other name than their OCID.
  void WriteServingMode(std::string_view model) {
    const bool dedicated = model.starts_with("ocid1.generativeaiendpoint.");
    json_.Key("servingMode");
    json_.Begin('{');
    json_.Member("servingType", dedicated ? "DEDICATED" : "ON_DEMAND");
    json_.Member(dedicated ? "endpointId" : "modelId", model);
    json_.End('}');
  }

  // Messages.

  void WriteMessages() {
    json_.Key("messages");
    json_.Begin('[');
    for (const Message& message : conversation_.messages) {
      for (const llm::Part& part : message.parts) WarnOf(part);
      if (message.role == Role::kTool) {
        for (const llm::Part& part : message.parts) WriteResult(part);
      } else if (std::ranges::any_of(message.parts, Expressible)) {
        WriteMessage(message);
      }
    }
    json_.End(']');
  }

  void WriteMessage(const Message& message) {
    json_.Begin('{');
    if (message.role == Role::kAssistant) {
      json_.Member("role", "ASSISTANT");
      WriteAssistant(json_, message.parts);
    } else {
      const bool developer = message.developer && profile_.developer_role;
      json_.Member("role", message.role == Role::kUser ? "USER"
                           : developer                 ? "DEVELOPER"
                                                       : "SYSTEM");
      json_.Key("content");
      json_.Begin('[');
      for (const llm::Part& part : message.parts) WriteContent(json_, part);
      json_.End(']');
    }
    if (!message.name.empty()) json_.Member("name", message.name);
    json_.End('}');
  }

  void WriteResult(const llm::Part& part) {
    const auto* result = std::get_if<llm::ToolResultPart>(&part);
    if (result == nullptr) return;
    json_.Begin('{');
    json_.Member("role", "TOOL");
    json_.Member("toolCallId", result->id);
    json_.Key("content");
    json_.Begin('[');
    for (const llm::ToolResultContent& content : result->content) {
      std::visit(
          [&](const auto& each) {
            WarnOf(llm::Part(each));
            WriteContent(json_, llm::Part(each));
          },
          content);
    }
    json_.End(']');
    json_.End('}');
  }

  // Whether anything is left of the part.
  static bool Expressible(const llm::Part& part) {
    if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      return thinking->origin == kSelf && !thinking->text.empty();
    }
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return opaque->origin == kSelf;
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) return image->file_id.empty();
    if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      return document->file_id.empty();
    }
    return true;
  }

  void WarnOf(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      WarnOfCache(text->cache);
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      WarnOfCache(image->cache);
      if (!image->file_id.empty()) Warn("image of another provider's file");
      const std::string& detail = image->detail;
      if (!detail.empty() && detail != "auto" && detail != "low" && detail != "high") {
        Warn("detail of an image");
      }
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      WarnOfCache(document->cache);
      if (!document->file_id.empty()) Warn("document of another provider's file");
      if (!document->text.empty()) Warn("document sent as text");
      if (!document->title.empty()) Warn("title of a document");
      if (!document->context.empty()) Warn("context of a document");
      if (document->citations) Warn("citations");
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      if (!Expressible(part)) Warn("thinking of another provider");
      if (thinking->origin == kSelf && !thinking->signature.empty()) Warn("signature of thinking");
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin != kSelf) Warn(opaque->type);
    } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      WarnOfCache(call->cache);
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WarnOfCache(result->cache);
      if (result->is_error) Warn("is_error of a tool's result");
    }
  }

  void WarnOfCache(llm::CacheHint cache) {
    if (cache != llm::CacheHint::kNone) Warn("cache_control");
  }

  // Tools and format.

  bool Writes(const llm::Tool& tool) const { return tool.is_function() || tool.origin == kSelf; }

  void WriteTools() {
    const Conversation& c = conversation_;
    for (const llm::Tool& tool : c.tools) {
      WarnOfCache(tool.cache);
      if (!Writes(tool))
        Warn(fmt::format("tool {}", tool.name.empty() ? "of a provider" : tool.name));
      if (tool.strict.value_or(false)) Warn("strict of a tool");
    }
    const bool any = std::ranges::any_of(c.tools, [&](const auto& tool) { return Writes(tool); });
    if (any && Takes("tools")) {
      json_.Key("tools");
      json_.Begin('[');
      for (const llm::Tool& tool : c.tools) {
        if (Writes(tool)) WriteTool(tool);
      }
      json_.End(']');
    }
    // Without the tools that they are about, they would be refused.
    if (!any && !c.tools.empty()) return;
    if (c.tool_choice && Takes("toolChoice")) WriteToolChoice(*c.tool_choice);
    if (c.parallel_tool_calls && Takes("isParallelToolCalls")) {
      json_.Flag("isParallelToolCalls", *c.parallel_tool_calls);
    }
  }

  void WriteTool(const llm::Tool& tool) {
    if (!tool.is_function()) return json_.Raw(tool.json);
    json_.Begin('{');
    json_.Member("type", "FUNCTION");
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    if (!tool.parameters.empty()) {
      json_.Key("parameters");
      json_.Raw(tool.parameters);
    }
    json_.End('}');
  }

  void WriteToolChoice(const llm::ToolChoice& choice) {
    using Kind = llm::ToolChoice::Kind;
    json_.Key("toolChoice");
    json_.Begin('{');
    json_.Member("type", choice.kind == Kind::kAuto       ? "AUTO"
                         : choice.kind == Kind::kNone     ? "NONE"
                         : choice.kind == Kind::kRequired ? "REQUIRED"
                                                          : "FUNCTION");
    if (choice.kind == Kind::kTool) json_.Member("name", choice.name);
    json_.End('}');
  }

  void WriteResponseFormat() {
    using Kind = llm::ResponseFormat::Kind;
    const auto& format = conversation_.response_format;
    if (!format || !Takes("responseFormat")) return;
    json_.Key("responseFormat");
    json_.Begin('{');
    switch (format->kind) {
      case Kind::kText: json_.Member("type", "TEXT"); break;
      case Kind::kJsonObject: json_.Member("type", "JSON_OBJECT"); break;
      case Kind::kJsonSchema:
        json_.Member("type", "JSON_SCHEMA");
        json_.Key("jsonSchema");
        json_.Begin('{');
        json_.Member("name", format->name.empty() ? "answer" : std::string_view(format->name));
        if (!format->description.empty()) json_.Member("description", format->description);
        if (!format->schema.empty()) {
          json_.Key("schema");
          json_.Raw(format->schema);
        }
        if (format->strict) json_.Flag("isStrict", *format->strict);
        json_.End('}');
        break;
    }
    json_.End('}');
  }

  // The rest.

  void WriteReasoning() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    std::string effort = reasoning.effort;
    if (reasoning.budget_tokens && effort.empty() && reasoning.enabled.value_or(true)) {
      effort = EffortOf(*reasoning.budget_tokens);
      Warn(fmt::format("thinking budget sent as effort {}", effort));
    }
    if (effort == "xhigh" || effort == "max") {
      Warn(fmt::format("effort {} lowered to high", effort));
      effort = "high";
    }
    // Not NONE: models that always reason, and those that never do, refuse it.
    if (reasoning.enabled == false && effort.empty()) Warn("thinking disabled");
    if (!reasoning.summary.empty()) Warn("summary of reasoning");
    WriteWord("reasoningEffort", effort, {"NONE", "MINIMAL", "LOW", "MEDIUM", "HIGH"});
  }

  void WriteWords() {
    WriteWord("verbosity", conversation_.verbosity, {"LOW", "MEDIUM", "HIGH"});
    WriteWord("serviceTier", conversation_.service_tier, {"AUTO", "DEFAULT", "PRIORITY"});
    if (!conversation_.metadata.empty() && Takes("metadata")) {
      json_.Key("metadata");
      json_.Raw(conversation_.metadata);
    }
    if (!conversation_.user.empty()) Warn("user");
  }

  // One of a closed list of words.
  void WriteWord(std::string_view field, std::string_view word,
                 std::initializer_list<std::string_view> known) {
    if (word.empty()) return;
    const std::string upper = ToUpperAscii(word);
    if (std::ranges::find(known, upper) == known.end()) {
      Warn(fmt::format("{} {}", field, word));
    } else if (Takes(field)) {
      json_.Member(field, upper);
    }
  }

  void WriteNumber(std::string_view field, std::optional<double> value) {
    if (value && Takes(field)) json_.Member(field, value);
  }

  void WriteInteger(std::string_view field, std::optional<std::int64_t> value) {
    if (value && Takes(field)) json_.Member(field, *value);
  }

  void WriteSampling() {
    const Conversation& c = conversation_;
    WriteInteger(profile_.max_tokens_field.empty() ? "maxTokens"
                                                   : std::string_view(profile_.max_tokens_field),
                 c.max_output_tokens);
    std::optional<double> temperature = c.temperature;
    if (temperature && *temperature > profile_.max_temperature) {
      Warn(fmt::format("temperature lowered to {}", profile_.max_temperature));
      temperature = profile_.max_temperature;
    }
    WriteNumber("temperature", temperature);
    WriteNumber("topP", c.top_p);
    WriteInteger("topK", c.top_k);
    WriteNumber("frequencyPenalty", c.frequency_penalty);
    WriteNumber("presencePenalty", c.presence_penalty);
    WriteInteger("seed", c.seed);
    WriteInteger("numGenerations", c.choices);
    if (c.logprobs.value_or(false) || c.top_logprobs.value_or(0) > 0) {
      WriteInteger("logProbs", std::max<std::int64_t>(1, c.top_logprobs.value_or(1)));
    }
    if (!c.stop.empty() && Takes("stop")) json_.Strings("stop", c.stop);
  }

  void WriteStream() {
    if (!conversation_.stream) return;
    json_.Flag("isStream", true);
    if (!profile_.stream_usage || !Accepted("streamOptions")) return;
    json_.Key("streamOptions");
    json_.Begin('{');
    json_.Flag("isIncludeUsage", true);
    json_.End('}');
  }

  void WriteExtra() {
    for (const llm::ExtraField& field : conversation_.extra) {
      if (conversation_.origin != kSelf) {
        Warn(field.name);
      } else if (Takes(field.name)) {
        json_.Key(field.name);
        json_.Raw(field.json);
      }
    }
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  JsonWriter json_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write(model);
}

}  // namespace triage::wire::oci
