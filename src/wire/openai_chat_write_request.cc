#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/openai_chat_neutral.h"

namespace triage::wire::openai_chat {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;

// What OpenAI's words for effort come closest to.
std::string_view EffortOf(std::int64_t budget_tokens) {
  if (budget_tokens <= 2048) return "low";
  return budget_tokens <= 8192 ? "medium" : "high";
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile), own_(conversation.origin == kSelf) {}

  Result<WrittenRequest> Write(std::string_view model) {
    json_.Begin('{');
    json_.Member("model", model);
    json_.Key("messages");
    json_.Begin('[');
    for (const Message& message : conversation_.messages) WriteMessage(message);
    json_.End(']');
    WriteTools();
    WriteFormat();
    WriteReasoning();
    WriteSampling();
    if (!conversation_.metadata.empty() && Takes("metadata")) {
      json_.Key("metadata");
      json_.Raw(conversation_.metadata);
    }
    WriteText("user", conversation_.user);
    WriteText("service_tier", conversation_.service_tier);
    WriteText("verbosity", conversation_.verbosity);
    if (conversation_.stream) {
      json_.Flag("stream", true);
      if (profile_.stream_usage && Accepted("stream_options")) {
        json_.Key("stream_options");
        json_.Begin('{');
        json_.Flag("include_usage", true);
        json_.End('}');
      }
    }
    for (const llm::ExtraField& field : conversation_.extra) WriteExtra(field);
    json_.End('}');
    return WrittenRequest{.body = json_.Take(), .warnings = std::move(warnings_)};
  }

 private:
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

  void WriteText(std::string_view field, const std::string& text) {
    if (!text.empty() && Takes(field)) json_.Member(field, text);
  }

  void WriteInteger(std::string_view field, const std::optional<std::int64_t>& value) {
    if (value && Takes(field)) json_.Member(field, *value);
  }

  void WriteNumber(std::string_view field, const std::optional<double>& value) {
    if (value && Takes(field)) json_.Member(field, value);
  }

  void WriteExtra(const llm::ExtraField& field) {
    if (!own_) {
      Warn(field.name);
    } else if (Takes(field.name)) {
      json_.Key(field.name);
      json_.Raw(field.json);
    }
  }

  // Messages.

  std::string_view RoleOf(const Message& message) const {
    switch (message.role) {
      case Role::kSystem:
        return message.developer && profile_.developer_role ? "developer" : "system";
      case Role::kAssistant: return "assistant";
      case Role::kUser:
      case Role::kTool: return "user";
    }
    return "user";
  }

  void WriteMessage(const Message& message) {
    if (message.role == Role::kTool) {
      for (const llm::Part& part : message.parts) {
        if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) WriteResult(*result);
      }
      return;
    }
    bool says = message.parts.empty();
    for (const llm::Part& part : message.parts) {
      std::string unsaid = Unsaid(part);
      says = says || unsaid.empty();
      if (!unsaid.empty()) Warn(std::move(unsaid));
    }
    if (!says) return;  // endpoints refuse messages of nothing
    if (message.role == Role::kAssistant) {
      WriteAssistant(message);
      return;
    }
    json_.Begin('{');
    json_.Member("role", RoleOf(message));
    if (!message.name.empty()) json_.Member("name", message.name);
    WriteContent(message.parts);
    json_.End('}');
  }

  // What a part is called that this dialect or endpoint has no place for; empty when it has.
  std::string Unsaid(const llm::Part& part) const {
    if (const auto* thought = std::get_if<llm::ThinkingPart>(&part)) {
      const bool place = !profile_.reasoning_field.empty() && !thought->text.empty() &&
                         (thought->signature.empty() || thought->origin == kSelf);
      return place ? "" : "thinking of earlier turns";
    }
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      return image->file_id.empty() ? "" : "image by file id";
    }
    if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      if (!document->text.empty()) return {};
      if (!document->file_id.empty() && document->origin != kSelf) return "document by file id";
      return document->url.empty() ? "" : "document by URL";
    }
    const auto* opaque = std::get_if<llm::OpaquePart>(&part);
    return opaque == nullptr || opaque->origin == kSelf ? std::string() : opaque->type;
  }

  static bool IsPlainText(const llm::Part& part) {
    const auto* text = std::get_if<llm::TextPart>(&part);
    return text != nullptr && text->cache == llm::CacheHint::kNone;
  }

  void WriteContent(const std::vector<llm::Part>& parts) {
    json_.Key("content");
    if (parts.size() == 1 && IsPlainText(parts.front())) {
      json_.String(std::get<llm::TextPart>(parts.front()).text);
      return;
    }
    json_.Begin('[');
    for (const llm::Part& part : parts) WritePart(part);
    json_.End(']');
  }

  void WriteCache(llm::CacheHint cache) {
    if (cache == llm::CacheHint::kNone) return;
    // Others cache by themselves, or are not told so in this dialect.
    if (!own_) {
      Warn("cache_control");
      return;
    }
    json_.Key("cache_control");
    json_.Begin('{');
    json_.Member("type", "ephemeral");
    if (cache == llm::CacheHint::kOneHour) json_.Member("ttl", "1h");
    json_.End('}');
  }

  void WritePart(const llm::Part& part) {
    if (!Unsaid(part).empty()) return;
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      json_.Begin('{');
      json_.Member("type", "text");
      json_.Member("text", text->text);
      WriteCache(text->cache);
      json_.End('}');
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      WriteImage(*image);
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      WriteDocument(*document);
    } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
      json_.Begin('{');
      json_.Member("type", "refusal");
      json_.Member("refusal", refusal->text);
      json_.End('}');
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      json_.Raw(opaque->json);
    }
  }

  void WriteImage(const llm::ImagePart& image) {
    json_.Begin('{');
    json_.Member("type", "image_url");
    json_.Key("image_url");
    json_.Begin('{');
    json_.Member("url", image.url.empty()
                            ? fmt::format("data:{};base64,{}", image.media_type, image.data)
                            : image.url);
    if (!image.detail.empty()) json_.Member("detail", image.detail);
    json_.End('}');
    json_.End('}');
  }

  void WriteDocument(const llm::DocumentPart& document) {
    if (document.citations) Warn("citations");
    if (!document.context.empty()) Warn("document context");
    if (!document.text.empty()) {
      json_.Begin('{');
      json_.Member("type", "text");
      json_.Member("text", document.title.empty()
                               ? document.text
                               : fmt::format("{}\n\n{}", document.title, document.text));
      json_.End('}');
      return;
    }
    json_.Begin('{');
    json_.Member("type", "file");
    json_.Key("file");
    json_.Begin('{');
    if (!document.file_id.empty()) {
      json_.Member("file_id", document.file_id);
    } else {
      // The API asks for a name beside the data.
      const bool named = !document.title.empty() || own_;
      if (named && !document.title.empty()) json_.Member("filename", document.title);
      if (!named) json_.Member("filename", "document.pdf");
      json_.Member("file_data",
                   fmt::format("data:{};base64,{}", document.media_type, document.data));
    }
    json_.End('}');
    json_.End('}');
  }

  void WriteAssistant(const Message& message) {
    std::vector<llm::Part> content;
    std::vector<const llm::ToolCallPart*> calls;
    std::vector<const llm::OpaquePart*> other_calls;
    const llm::RefusalPart* refusal = nullptr;
    const llm::OpaquePart* audio = nullptr;
    std::string thinking;
    const std::vector<llm::Citation>* citations = nullptr;
    for (const llm::Part& part : message.parts) {
      if (!Unsaid(part).empty()) continue;
      if (const auto* thought = std::get_if<llm::ThinkingPart>(&part)) {
        thinking += thought->text;
      } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
        calls.push_back(call);
      } else if (const auto* said = std::get_if<llm::RefusalPart>(&part)) {
        refusal = said;
      } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
        if (opaque->type == "audio") {
          audio = opaque;
        } else {
          other_calls.push_back(opaque);
        }
      } else {
        if (const auto* text = std::get_if<llm::TextPart>(&part);
            text != nullptr && !text->citations.empty()) {
          citations = &text->citations;
        }
        content.push_back(part);
      }
    }
    json_.Begin('{');
    json_.Member("role", "assistant");
    if (!message.name.empty()) json_.Member("name", message.name);
    if (!thinking.empty()) json_.Member(profile_.reasoning_field, thinking);
    const bool silent = content.empty() && refusal == nullptr;
    if (!content.empty()) {
      WriteContent(content);
    } else if (silent && calls.empty() && other_calls.empty() && audio == nullptr) {
      json_.Member("content", "");
    } else {
      json_.Key("content");
      json_.Null();
    }
    if (refusal != nullptr) json_.Member("refusal", refusal->text);
    if (citations != nullptr && own_) {
      json_.Key("annotations");
      WriteAnnotations(json_, *citations);
    }
    if (audio != nullptr) {
      json_.Key("audio");
      json_.Raw(audio->json);
    }
    if (!calls.empty() || !other_calls.empty()) {
      json_.Key("tool_calls");
      json_.Begin('[');
      for (const llm::OpaquePart* call : other_calls) json_.Raw(call->json);
      for (const llm::ToolCallPart* call : calls) WriteCall(*call);
      json_.End(']');
    }
    json_.End('}');
  }

  void WriteCall(const llm::ToolCallPart& call) {
    json_.Begin('{');
    json_.Member("id", call.id);
    json_.Member("type", "function");
    json_.Key("function");
    json_.Begin('{');
    json_.Member("name", call.name);
    json_.Member("arguments", call.arguments.empty() ? "{}" : call.arguments);
    json_.End('}');
    if (!call.signature.empty() && call.origin == kSelf) {
      json_.Key("extra_content");
      json_.Begin('{');
      json_.Key("google");
      json_.Begin('{');
      json_.Member("thought_signature", call.signature);
      json_.End('}');
      json_.End('}');
    }
    json_.End('}');
  }

  void WriteResult(const llm::ToolResultPart& result) {
    json_.Begin('{');
    json_.Member("role", "tool");
    json_.Member("tool_call_id", result.id);
    // There is no field for it; models understand the word.
    const std::string_view failed = result.is_error && !own_ ? "Error: " : "";
    std::vector<llm::Part> parts;
    for (const llm::ToolResultContent& content : result.content) {
      std::visit([&](const auto& part) { parts.emplace_back(part); }, content);
    }
    if (parts.empty()) {
      json_.Member("content", failed);
    } else if (!failed.empty() && IsPlainText(parts.front())) {
      auto& text = std::get<llm::TextPart>(parts.front());
      text.text.insert(0, failed);
      WriteContent(parts);
    } else {
      WriteContent(parts);
    }
    json_.End('}');
  }

  // Everything else.

  void WriteTools() {
    bool begun = false;
    for (const llm::Tool& tool : conversation_.tools) {
      if (!tool.is_function() && tool.origin != kSelf) {
        Warn(fmt::format("tool {}", tool.name));
        continue;
      }
      if (!begun && !Takes("tools")) return;
      if (!std::exchange(begun, true)) {
        json_.Key("tools");
        json_.Begin('[');
      }
      WriteTool(tool);
    }
    if (!begun) return;
    json_.End(']');
    if (conversation_.tool_choice && Takes("tool_choice")) WriteChoice(*conversation_.tool_choice);
    if (conversation_.parallel_tool_calls && Takes("parallel_tool_calls"))
      json_.Flag("parallel_tool_calls", *conversation_.parallel_tool_calls);
  }

  void WriteTool(const llm::Tool& tool) {
    if (!tool.is_function()) {
      json_.Raw(tool.json);
      return;
    }
    if (tool.cache != llm::CacheHint::kNone) Warn("cache_control");
    json_.Begin('{');
    json_.Member("type", "function");
    json_.Key("function");
    json_.Begin('{');
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    if (!tool.parameters.empty()) {
      json_.Key("parameters");
      json_.Raw(tool.parameters);
    }
    if (tool.strict) json_.Flag("strict", *tool.strict);
    json_.End('}');
    json_.End('}');
  }

  void WriteChoice(const llm::ToolChoice& choice) {
    using Kind = llm::ToolChoice::Kind;
    json_.Key("tool_choice");
    switch (choice.kind) {
      case Kind::kAuto: json_.String("auto"); break;
      case Kind::kNone: json_.String("none"); break;
      case Kind::kRequired: json_.String("required"); break;
      case Kind::kTool:
        json_.Begin('{');
        json_.Member("type", "function");
        json_.Key("function");
        json_.Begin('{');
        json_.Member("name", choice.name);
        json_.End('}');
        json_.End('}');
        break;
    }
  }

  void WriteFormat() {
    using Kind = llm::ResponseFormat::Kind;
    const auto& format = conversation_.response_format;
    if (!format || !Takes("response_format")) return;
    json_.Key("response_format");
    json_.Begin('{');
    switch (format->kind) {
      case Kind::kText: json_.Member("type", "text"); break;
      case Kind::kJsonObject: json_.Member("type", "json_object"); break;
      case Kind::kJsonSchema:
        json_.Member("type", "json_schema");
        json_.Key("json_schema");
        json_.Begin('{');
        json_.Member("name", format->name.empty() && !own_ ? "answer" : format->name);
        if (!format->description.empty()) json_.Member("description", format->description);
        json_.Key("schema");
        json_.Raw(format->schema);
        if (format->strict) json_.Flag("strict", *format->strict);
        json_.End('}');
        break;
    }
    json_.End('}');
  }

  void WriteReasoning() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    if (reasoning.empty()) return;
    std::string_view effort = reasoning.effort;
    if (effort.empty() && reasoning.budget_tokens) effort = EffortOf(*reasoning.budget_tokens);
    if (effort.empty() && (reasoning.enabled.value_or(false) || reasoning.adaptive))
      effort = "medium";
    // Off is what models without the field do.
    if (effort.empty()) return;
    if (effort == "max" && !own_) effort = "high";
    if (Takes("reasoning_effort")) json_.Member("reasoning_effort", effort);
  }

  void WriteSampling() {
    if (conversation_.max_output_tokens) {
      std::string_view field = profile_.max_tokens_field;
      if (field.empty())
        field = Accepted("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
      WriteInteger(field, conversation_.max_output_tokens);
    }
    std::optional<double> temperature = conversation_.temperature;
    if (temperature && *temperature > profile_.max_temperature) {
      temperature = profile_.max_temperature;
      Warn(fmt::format("temperature lowered to {}", profile_.max_temperature));
    }
    WriteNumber("temperature", temperature);
    WriteNumber("top_p", conversation_.top_p);
    // Not OpenAI's own; the servers that have it are told so by their clients, or by a profile.
    if (conversation_.top_k) {
      const bool known =
          own_ || std::ranges::find(profile_.accepts, "top_k") != profile_.accepts.end();
      if (known) {
        WriteInteger("top_k", conversation_.top_k);
      } else {
        Warn("top_k");
      }
    }
    WriteNumber("frequency_penalty", conversation_.frequency_penalty);
    WriteNumber("presence_penalty", conversation_.presence_penalty);
    WriteInteger("seed", conversation_.seed);
    if (!conversation_.stop.empty() && Takes("stop")) json_.Strings("stop", conversation_.stop);
    WriteInteger("n", conversation_.choices);
    if (conversation_.logprobs && Takes("logprobs"))
      json_.Flag("logprobs", *conversation_.logprobs);
    if (conversation_.top_logprobs && !conversation_.logprobs && !own_ && Takes("logprobs"))
      json_.Flag("logprobs", true);  // this dialect wants both
    WriteInteger("top_logprobs", conversation_.top_logprobs);
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;
  JsonWriter json_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write(model);
}

}  // namespace triage::wire::openai_chat
