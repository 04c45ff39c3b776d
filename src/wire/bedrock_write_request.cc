#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/bedrock.h"

namespace triage::wire::bedrock {
namespace {

constexpr std::string_view kAdditional = "additionalModelRequestFields";

using llm::CacheHint;
using llm::Message;
using llm::Role;

class RequestWriter {
 public:
  RequestWriter(const llm::Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile), own_(conversation.origin == kSelf) {}

  Result<WrittenRequest> Write() {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out.",
                   .field = "/n"};
    }
    const auto& format = conversation_.response_format;
    forced_tool_ = format && format->kind != llm::ResponseFormat::Kind::kText;
    json_.Begin('{');
    WriteMessages();
    WriteSystem();
    WriteInference();
    WriteTools();
    WriteAdditional();
    for (const llm::ExtraField& field : conversation_.extra) {
      if (field.name.starts_with(kAdditional)) continue;
      if (!own_) {
        Warn(field.name);
        continue;
      }
      json_.Key(field.name);
      json_.Raw(field.json);
    }
    WarnOfOthers();
    json_.End('}');
    return WrittenRequest{.body = json_.Take(), .warnings = std::move(warnings_)};
  }

 private:
  void Warn(std::string text) {
    if (std::ranges::find(warnings_, text) == warnings_.end()) warnings_.push_back(std::move(text));
  }

  void WriteCache(CacheHint cache) {
    if (cache == CacheHint::kNone) return;
    json_.Begin('{');
    json_.Key("cachePoint");
    json_.Begin('{');
    json_.Member("type", "default");
    if (cache == CacheHint::kOneHour) json_.Member("ttl", "1h");
    json_.End('}');
    json_.End('}');
  }

  void WriteText(std::string_view text) {
    json_.Begin('{');
    json_.Member("text", text);
    json_.End('}');
  }

  void WriteSystem() {
    bool begun = false;
    bool turns = false;
    for (const Message& message : conversation_.messages) {
      if (message.role != Role::kSystem) {
        turns = true;
        continue;
      }
      if (turns) Warn("system text between the turns was moved to the front");
      for (const llm::Part& part : message.parts) {
        const auto* text = std::get_if<llm::TextPart>(&part);
        const auto* opaque = std::get_if<llm::OpaquePart>(&part);
        const bool fits = (text != nullptr && !text->text.empty()) ||
                          (opaque != nullptr && opaque->origin == kSelf);
        if (!fits) continue;
        if (!std::exchange(begun, true)) {
          json_.Key("system");
          json_.Begin('[');
        }
        if (text != nullptr) {
          WriteText(text->text);
          WriteCache(text->cache);
        } else {
          json_.Raw(opaque->json);
        }
      }
    }
    if (begun) json_.End(']');
  }

  void WriteMessages() {
    json_.Key("messages");
    json_.Begin('[');
    std::string_view open;
    for (const Message& message : conversation_.messages) {
      if (message.role == Role::kSystem) continue;
      const std::string_view role = message.role == Role::kAssistant ? "assistant" : "user";
      for (const llm::Part& part : message.parts) {
        if (!Writable(part)) continue;
        if (open.empty() && role == "assistant") {
          Warn("a user turn was put in front");
          Open("user", open);
          WriteText("(The conversation so far:)");
        }
        Open(role, open);
        WritePart(part);
      }
    }
    if (open.empty()) {
      Warn("a user turn was put behind the instructions");
      Open("user", open);
      WriteText("(Follow the instructions.)");
    }
    json_.End(']');
    json_.End('}');
    json_.End(']');
  }

  void Open(std::string_view role, std::string_view& open) {
    if (open == role) return;
    if (!open.empty()) {
      json_.End(']');
      json_.End('}');
    }
    open = role;
    json_.Begin('{');
    json_.Member("role", role);
    json_.Key("content");
    json_.Begin('[');
  }

  // Warns of what cannot be said.
  bool Writable(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) return !text->text.empty();
    if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) return !refusal->text.empty();
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) return Writable(*image);
    if (const auto* document = std::get_if<llm::DocumentPart>(&part)) return Writable(*document);
    if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      if (thinking->origin == kSelf) return true;
      Warn("thinking of another provider");
      return false;
    }
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin == kSelf) return true;
      Warn(opaque->type);
      return false;
    }
    return true;
  }

  bool Writable(const llm::ImagePart& image) {
    const bool fits =
        !image.file_id.empty() ? image.origin == kSelf : !FormatOf(image.media_type).empty();
    if (!fits) Warn(image.url.empty() ? "image" : "image by URL");
    return fits;
  }

  bool Writable(const llm::DocumentPart& document) {
    const bool fits = !document.text.empty() ||
                      (!document.data.empty() && !FormatOf(document.media_type).empty()) ||
                      (!document.file_id.empty() && document.origin == kSelf);
    if (!fits) Warn(document.url.empty() ? "document" : "document by URL");
    return fits;
  }

  void WritePart(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      WriteText(text->text);
      WriteCache(text->cache);
    } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
      WriteText(refusal->text);
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      WriteImage(*image);
      WriteCache(image->cache);
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      WriteDocument(*document);
      WriteCache(document->cache);
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      WriteThinking(*thinking);
    } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      json_.Begin('{');
      json_.Key("toolUse");
      json_.Begin('{');
      json_.Member("toolUseId", call->id);
      json_.Member("name", call->name);
      json_.Key("input");
      json_.Raw(call->arguments.empty() ? "{}" : std::string_view(call->arguments));
      json_.End('}');
      json_.End('}');
      WriteCache(call->cache);
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WriteResult(*result);
      WriteCache(result->cache);
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      json_.Raw(opaque->json);
    }
  }

  void WriteSource(std::string_view bytes, std::string_view text, std::string_view uri) {
    json_.Key("source");
    json_.Begin('{');
    if (!bytes.empty()) {
      json_.Member("bytes", bytes);
    } else if (!text.empty()) {
      json_.Member("text", text);
    } else {
      json_.Key("s3Location");
      json_.Begin('{');
      json_.Member("uri", uri);
      json_.End('}');
    }
    json_.End('}');
  }

  void WriteImage(const llm::ImagePart& image) {
    json_.Begin('{');
    json_.Key("image");
    json_.Begin('{');
    const std::string_view format = FormatOf(image.media_type);
    json_.Member("format", format.empty() ? "png" : format);
    WriteSource(image.data, {}, image.file_id);
    json_.End('}');
    json_.End('}');
  }

  // The API takes few characters in names, and wants one.
  static std::string DocumentName(std::string_view title) {
    std::string name;
    for (const char c : title) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '(' || c == ')' || c == '[' ||
                         c == ']';
      if (plain) {
        name += c;
      } else if (!name.empty() && name.back() != ' ') {
        name += ' ';
      }
    }
    while (!name.empty() && name.back() == ' ') name.pop_back();
    return name.empty() ? "document" : name;
  }

  void WriteDocument(const llm::DocumentPart& document) {
    json_.Begin('{');
    json_.Key("document");
    json_.Begin('{');
    const std::string_view format = FormatOf(document.media_type);
    json_.Member("format", format.empty() ? "txt" : format);
    json_.Member("name", DocumentName(document.title));
    WriteSource(document.data, document.text, document.file_id);
    if (!document.context.empty()) json_.Member("context", document.context);
    if (document.citations) {
      json_.Key("citations");
      json_.Begin('{');
      json_.Flag("enabled", true);
      json_.End('}');
    }
    json_.End('}');
    json_.End('}');
  }

  void WriteThinking(const llm::ThinkingPart& thinking) {
    json_.Begin('{');
    json_.Key("reasoningContent");
    json_.Begin('{');
    if (thinking.redacted) {
      json_.Member("redactedContent", thinking.signature);
    } else {
      json_.Key("reasoningText");
      json_.Begin('{');
      json_.Member("text", thinking.text);
      if (!thinking.signature.empty()) json_.Member("signature", thinking.signature);
      json_.End('}');
    }
    json_.End('}');
    json_.End('}');
  }

  void WriteResult(const llm::ToolResultPart& result) {
    json_.Begin('{');
    json_.Key("toolResult");
    json_.Begin('{');
    json_.Member("toolUseId", result.id);
    json_.Key("content");
    json_.Begin('[');
    for (const llm::ToolResultContent& content : result.content) {
      std::visit(
          [&](const auto& part) {
            llm::Part whole(part);
            std::visit(
                [](auto& p) {
                  if constexpr (requires { p.cache; }) p.cache = CacheHint::kNone;
                },
                whole);
            if (Writable(whole)) WritePart(whole);
          },
          content);
    }
    json_.End(']');
    if (result.is_error) json_.Member("status", "error");
    json_.End('}');
    json_.End('}');
  }

  void WriteInference() {
    const bool any = conversation_.max_output_tokens || conversation_.temperature ||
                     conversation_.top_p || !conversation_.stop.empty();
    if (!any) return;
    json_.Key("inferenceConfig");
    json_.Begin('{');
    if (conversation_.max_output_tokens)
      json_.Member("maxTokens", *conversation_.max_output_tokens);
    if (std::optional<double> temperature = conversation_.temperature) {
      const double most = std::min(profile_.max_temperature, 1.0);
      if (*temperature > most) {
        temperature = most;
        Warn(fmt::format("temperature lowered to {}", most));
      }
      json_.Member("temperature", temperature);
    }
    if (conversation_.top_p) json_.Member("topP", conversation_.top_p);
    if (!conversation_.stop.empty()) json_.Strings("stopSequences", conversation_.stop);
    json_.End('}');
  }

  // Names of tools that the history uses: the API wants them declared.
  std::vector<std::string> UsedTools() const {
    std::vector<std::string> names;
    for (const Message& message : conversation_.messages) {
      for (const llm::Part& part : message.parts) {
        const auto* call = std::get_if<llm::ToolCallPart>(&part);
        if (call != nullptr && std::ranges::find(names, call->name) == names.end())
          names.push_back(call->name);
      }
    }
    return names;
  }

  void WriteSpec(std::string_view name, std::string_view description, std::string_view schema) {
    json_.Begin('{');
    json_.Key("toolSpec");
    json_.Begin('{');
    json_.Member("name", name);
    if (!description.empty()) json_.Member("description", description);
    json_.Key("inputSchema");
    json_.Begin('{');
    json_.Key("json");
    json_.Raw(schema.empty() ? R"({"type":"object"})" : schema);
    json_.End('}');
    json_.End('}');
    json_.End('}');
  }

  void WriteTools() {
    using Kind = llm::ToolChoice::Kind;
    std::vector<const llm::Tool*> tools;
    for (const llm::Tool& tool : conversation_.tools) {
      if (tool.is_function() || tool.origin == kSelf) {
        tools.push_back(&tool);
      } else {
        Warn(fmt::format("tool {}", tool.name));
      }
    }
    const std::vector<std::string> used = UsedTools();
    llm::ToolChoice choice = conversation_.tool_choice.value_or(llm::ToolChoice{});
    // There is no "none": tools that may not be called are left out, where the history allows it.
    if (choice.kind == Kind::kNone) {
      if (used.empty()) tools.clear();
      if (!used.empty()) Warn("tool_choice none");
    }
    if (tools.empty() && used.empty() && !forced_tool_) return;
    json_.Key("toolConfig");
    json_.Begin('{');
    json_.Key("tools");
    json_.Begin('[');
    for (const llm::Tool* tool : tools) {
      if (tool->is_function()) {
        WriteSpec(tool->name, tool->description, tool->parameters);
      } else {
        json_.Raw(tool->json);
      }
      WriteCache(tool->cache);
    }
    if (tools.empty()) {
      for (const std::string& name : used) WriteSpec(name, {}, {});
    }
    if (forced_tool_) {
      const llm::ResponseFormat& format = *conversation_.response_format;
      WriteSpec(kAnswerTool,
                format.description.empty() ? "Gives the answer. Call it exactly once."
                                           : std::string_view(format.description),
                format.schema);
      choice = tools.empty()
                   ? llm::ToolChoice{.kind = Kind::kTool, .name = std::string(kAnswerTool)}
                   : llm::ToolChoice{.kind = Kind::kRequired};
    }
    json_.End(']');
    if ((conversation_.tool_choice || forced_tool_) && choice.kind != Kind::kNone) {
      json_.Key("toolChoice");
      json_.Begin('{');
      json_.Key(choice.kind == Kind::kAuto       ? "auto"
                : choice.kind == Kind::kRequired ? "any"
                                                 : "tool");
      json_.Begin('{');
      if (choice.kind == Kind::kTool) json_.Member("name", choice.name);
      json_.End('}');
      json_.End('}');
    }
    json_.End('}');
    if (conversation_.parallel_tool_calls) Warn("parallel_tool_calls");
  }

  void WriteAdditional() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    std::optional<std::int64_t> budget = reasoning.budget_tokens;
    if (!own_ && !budget &&
        (reasoning.effort == "low" || reasoning.effort == "medium" || reasoning.effort == "high" ||
         reasoning.enabled.value_or(false))) {
      budget = reasoning.effort == "low" ? 2048 : reasoning.effort == "high" ? 16'384 : 8192;
    }
    const bool thinking_taken =
        std::ranges::find(profile_.refuses, "thinking") == profile_.refuses.end();
    if (budget && (!thinking_taken || forced_tool_)) {
      Warn("thinking");
      budget.reset();
    }
    // The limit counts thinking too.
    if (budget && conversation_.max_output_tokens && *budget >= *conversation_.max_output_tokens) {
      if (*conversation_.max_output_tokens <= 1024) {
        Warn("thinking: the limit of tokens leaves no room for it");
        budget.reset();
      } else {
        budget = *conversation_.max_output_tokens - 1;
        Warn(fmt::format("thinking budget lowered to {}", *budget));
      }
    }
    std::vector<const llm::ExtraField*> fields;
    for (const llm::ExtraField& field : conversation_.extra) {
      if (own_ && field.name.starts_with(kAdditional)) fields.push_back(&field);
    }
    if (!budget && !conversation_.top_k && fields.empty()) return;
    json_.Key(kAdditional);
    json_.Begin('{');
    if (budget) {
      json_.Key("thinking");
      json_.Begin('{');
      json_.Member("type", "enabled");
      json_.Member("budget_tokens", *budget);
      json_.End('}');
    }
    if (conversation_.top_k) json_.Member("top_k", *conversation_.top_k);
    for (const llm::ExtraField* field : fields) {
      json_.Key(std::string_view(field->name).substr(kAdditional.size() + 1));
      json_.Raw(field->json);
    }
    json_.End('}');
  }

  void WarnOfOthers() {
    if (conversation_.frequency_penalty) Warn("frequency_penalty");
    if (conversation_.presence_penalty) Warn("presence_penalty");
    if (conversation_.seed) Warn("seed");
    if (conversation_.logprobs.value_or(false)) Warn("logprobs");
    if (conversation_.top_logprobs) Warn("top_logprobs");
    if (!conversation_.user.empty()) Warn("user");
    if (!conversation_.metadata.empty()) Warn("metadata");
    if (!conversation_.service_tier.empty() && conversation_.service_tier != "auto" &&
        conversation_.service_tier != "default") {
      Warn("service_tier");
    }
    if (!conversation_.verbosity.empty()) Warn("verbosity");
  }

  const llm::Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;
  bool forced_tool_ = false;
  JsonWriter json_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write();
}

}  // namespace triage::wire::bedrock
