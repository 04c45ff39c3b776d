#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "wire/anthropic.h"

namespace triage::wire::anthropic {
namespace {

using llm::CacheHint;
using llm::Conversation;
using llm::Message;
using llm::Role;

constexpr std::int64_t kLeastBudget = 1024;  // of thinking; less is refused
constexpr std::string_view kAnyObject = R"({"type":"object"})";

// Budgets for OpenAI's words of effort, as other gateways draw them.
std::int64_t BudgetOf(std::string_view effort) {
  if (effort == "low") return 2048;
  if (effort == "medium") return 8192;
  return 16'384;
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile), own_(conversation.origin == kSelf) {}

  Result<WrittenRequest> Write(std::string_view model) {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out.",
                   .field = "/n"};
    }
    Plan();
    json_.Begin('{');
    json_.Member("model", model);
    json_.Member("max_tokens", max_tokens_);
    WriteSystem();
    WriteMessages();
    WriteTools();
    WriteThinking();
    WriteOutputConfig();
    WriteSampling();
    if (!conversation_.user.empty() && Takes("metadata")) {
      json_.Key("metadata");
      json_.Begin('{');
      json_.Member("user_id", conversation_.user);
      json_.End('}');
    }
    if (!conversation_.metadata.empty() && !own_) Warn("metadata");
    WriteServiceTier();
    if (conversation_.stream) json_.Flag("stream", true);
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

  void WriteExtra(const llm::ExtraField& field) {
    if (!own_ || field.name.find('.') != std::string::npos) {
      Warn(field.name);
    } else if (Takes(field.name)) {
      json_.Key(field.name);
      json_.Raw(field.json);
    }
  }

  // What depends on each other is settled before anything is written: the answer's form, thinking
  // and its budget, the limit of tokens.
  void Plan() {
    using Kind = llm::ResponseFormat::Kind;
    if (const auto& format = conversation_.response_format) {
      const bool schema = format->kind == Kind::kJsonSchema;
      // Anthropic's own client knows its model, and reads no forced call as the answer.
      native_format_ = schema && (own_ || profile_.structured_output) &&
                       (own_ ? Takes("output_config") : Accepted("output_config"));
      forced_tool_ = !own_ && !native_format_ && format->kind != Kind::kText;
    }
    const llm::Reasoning& reasoning = conversation_.reasoning;
    const bool off = reasoning.effort == "none" || reasoning.effort == "minimal";
    adaptive_ = reasoning.adaptive;
    if (reasoning.budget_tokens) {
      budget_ = *reasoning.budget_tokens;
    } else if (!own_ && !adaptive_ && !off && !reasoning.effort.empty()) {
      budget_ = BudgetOf(reasoning.effort);
    } else if (!own_ && !adaptive_ && reasoning.enabled.value_or(false)) {
      budget_ = BudgetOf("medium");
    }
    if (budget_ > 0 || adaptive_) {
      if (!Takes("thinking")) {
        budget_ = 0;
        adaptive_ = false;
      } else if (forced_tool_) {
        Warn("thinking beside this response format");
        budget_ = 0;
        adaptive_ = false;
      }
    }
    max_tokens_ = conversation_.max_output_tokens.value_or(profile_.default_max_tokens +
                                                           (own_ ? 0 : budget_));
    if (budget_ > 0 && budget_ >= max_tokens_) {
      budget_ = max_tokens_ - 1;
      if (budget_ < kLeastBudget) {
        budget_ = 0;
        Warn("thinking: max_tokens leaves no room for it");
      } else {
        Warn(fmt::format("thinking budget lowered to {}", budget_));
      }
    } else if (budget_ > 0) {
      budget_ = std::max(budget_, kLeastBudget);
    }
  }

  bool Thinks() const { return budget_ > 0 || adaptive_; }

  // Messages.

  void WriteSystem() {
    std::vector<const llm::TextPart*> texts;
    bool begun = false;
    for (const Message& message : conversation_.messages) {
      if (message.role != Role::kSystem) {
        begun = true;
        continue;
      }
      if (begun) Warn("system text between the turns was moved to the front");
      for (const llm::Part& part : message.parts) {
        const auto* text = std::get_if<llm::TextPart>(&part);
        if (text != nullptr && !text->text.empty()) texts.push_back(text);
      }
    }
    if (texts.empty()) return;
    json_.Key("system");
    if (texts.size() == 1 && texts.front()->cache == CacheHint::kNone) {
      json_.String(texts.front()->text);
      return;
    }
    json_.Begin('[');
    for (const llm::TextPart* text : texts) WriteText(*text);
    json_.End(']');
  }

  static bool HasContent(const Message& message) {
    return std::ranges::any_of(message.parts, [](const llm::Part& part) {
      if (const auto* text = std::get_if<llm::TextPart>(&part)) return !text->text.empty();
      if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) return !refusal->text.empty();
      if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) return Own(*thinking);
      if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return opaque->origin == kSelf;
      return true;
    });
  }

  static bool Own(const llm::ThinkingPart& thinking) {
    return thinking.origin == kSelf && !thinking.signature.empty();
  }

  // Turns of one role that follow each other become one, results of tools in front.
  void WriteMessages() {
    json_.Key("messages");
    json_.Begin('[');
    std::string_view open;
    bool first = true;
    for (const Message& message : conversation_.messages) {
      if (message.role == Role::kSystem) continue;
      if (!HasContent(message)) {
        WarnOfLost(message);
        continue;
      }
      const std::string_view role = message.role == Role::kAssistant ? "assistant" : "user";
      if (std::exchange(first, false) && role == "assistant") {
        Warn("a user turn was put in front");
        Open("user", open);
        WriteText({.text = "(The conversation so far:)"});
      }
      Open(role, open);
      for (const llm::Part& part : message.parts) WritePart(part);
    }
    if (first) {
      // Instructions alone are no conversation to this API.
      Warn("a user turn was put behind the instructions");
      Open("user", open);
      WriteText({.text = "(Follow the instructions.)"});
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

  void WarnOfLost(const Message& message) {
    for (const llm::Part& part : message.parts) {
      if (std::holds_alternative<llm::ThinkingPart>(part)) Warn("thinking of another provider");
      if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) Warn(opaque->type);
    }
  }

  void WriteCache(CacheHint cache) {
    if (cache == CacheHint::kNone) return;
    json_.Key("cache_control");
    json_.Begin('{');
    json_.Member("type", "ephemeral");
    if (cache == CacheHint::kOneHour) json_.Member("ttl", "1h");
    json_.End('}');
  }

  void WriteText(const llm::TextPart& text) {
    json_.Begin('{');
    json_.Member("type", "text");
    json_.Member("text", text.text);
    const bool cited = std::ranges::any_of(
        text.citations, [](const llm::Citation& citation) { return citation.origin == kSelf; });
    if (cited) {
      json_.Key("citations");
      WriteCitations(json_, text.citations);
    }
    WriteCache(text.cache);
    json_.End('}');
  }

  void WritePart(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      if (!text->text.empty()) WriteText(*text);  // the API refuses empty ones
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      WriteImage(*image);
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      WriteDocument(*document);
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      WriteThinkingPart(*thinking);
    } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      json_.Begin('{');
      json_.Member("type", "tool_use");
      json_.Member("id", SafeId(call->id));
      json_.Member("name", call->name);
      json_.Key("input");
      json_.Raw(ArgumentsObject(call->arguments));
      WriteCache(call->cache);
      json_.End('}');
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WriteResult(*result);
    } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
      if (!refusal->text.empty()) WriteText({.text = refusal->text});
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin == kSelf) {
        json_.Raw(opaque->json);
      } else {
        Warn(opaque->type);
      }
    }
  }

  void WriteThinkingPart(const llm::ThinkingPart& thinking) {
    if (!Own(thinking)) {
      Warn("thinking of another provider");
      return;
    }
    json_.Begin('{');
    if (thinking.redacted) {
      json_.Member("type", "redacted_thinking");
      json_.Member("data", thinking.signature);
    } else {
      json_.Member("type", "thinking");
      json_.Member("thinking", thinking.text);
      json_.Member("signature", thinking.signature);
    }
    json_.End('}');
  }

  void WriteImage(const llm::ImagePart& image) {
    if (!image.file_id.empty() && image.origin != kSelf) {
      Warn("image by file id");
      return;
    }
    if (!image.detail.empty() && image.detail != "auto") Warn("image detail");
    json_.Begin('{');
    json_.Member("type", "image");
    json_.Key("source");
    json_.Begin('{');
    if (!image.url.empty()) {
      json_.Member("type", "url");
      json_.Member("url", image.url);
    } else if (!image.file_id.empty()) {
      json_.Member("type", "file");
      json_.Member("file_id", image.file_id);
    } else {
      json_.Member("type", "base64");
      json_.Member("media_type", image.media_type);
      json_.Member("data", image.data);
    }
    json_.End('}');
    WriteCache(image.cache);
    json_.End('}');
  }

  void WriteDocument(const llm::DocumentPart& document) {
    if (!document.file_id.empty() && document.origin != kSelf) {
      Warn("document by file id");
      return;
    }
    if (!document.data.empty() && document.media_type != "application/pdf" && !own_) {
      Warn(fmt::format("document of type {}", document.media_type));
      return;
    }
    json_.Begin('{');
    json_.Member("type", "document");
    json_.Key("source");
    json_.Begin('{');
    if (!document.url.empty()) {
      json_.Member("type", "url");
      json_.Member("url", document.url);
    } else if (!document.file_id.empty()) {
      json_.Member("type", "file");
      json_.Member("file_id", document.file_id);
    } else if (!document.text.empty()) {
      json_.Member("type", "text");
      json_.Member("media_type", "text/plain");
      json_.Member("data", document.text);
    } else {
      json_.Member("type", "base64");
      json_.Member("media_type", document.media_type);
      json_.Member("data", document.data);
    }
    json_.End('}');
    if (!document.title.empty()) json_.Member("title", document.title);
    if (!document.context.empty()) json_.Member("context", document.context);
    if (document.citations) {
      json_.Key("citations");
      json_.Begin('{');
      json_.Flag("enabled", true);
      json_.End('}');
    }
    WriteCache(document.cache);
    json_.End('}');
  }

  void WriteResult(const llm::ToolResultPart& result) {
    json_.Begin('{');
    json_.Member("type", "tool_result");
    json_.Member("tool_use_id", SafeId(result.id));
    if (!result.content.empty()) {
      json_.Key("content");
      json_.Begin('[');
      for (const llm::ToolResultContent& content : result.content) {
        std::visit([&](const auto& part) { WritePart(llm::Part(part)); }, content);
      }
      json_.End(']');
    }
    if (result.is_error) json_.Flag("is_error", true);
    WriteCache(result.cache);
    json_.End('}');
  }

  // Tools.

  void WriteTools() {
    std::vector<const llm::Tool*> tools;
    for (const llm::Tool& tool : conversation_.tools) {
      if (tool.is_function() || tool.origin == kSelf) {
        tools.push_back(&tool);
      } else {
        Warn(fmt::format("tool {}", tool.name));
      }
    }
    if (tools.empty() && !forced_tool_) return;
    json_.Key("tools");
    json_.Begin('[');
    for (const llm::Tool* tool : tools) WriteTool(*tool);
    if (forced_tool_) WriteAnswerTool();
    json_.End(']');
    WriteChoice();
  }

  void WriteTool(const llm::Tool& tool) {
    if (!tool.is_function()) {
      json_.Raw(tool.json);
      return;
    }
    json_.Begin('{');
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    json_.Key("input_schema");
    json_.Raw(tool.parameters.empty() ? kAnyObject : std::string_view(tool.parameters));
    if (tool.strict && (own_ || *tool.strict)) {
      if (own_ || profile_.structured_output) {
        json_.Flag("strict", *tool.strict);
      } else {
        Warn("strict tools");
      }
    }
    WriteCache(tool.cache);
    json_.End('}');
  }

  void WriteAnswerTool() {
    const llm::ResponseFormat& format = *conversation_.response_format;
    json_.Begin('{');
    json_.Member("name", kAnswerTool);
    json_.Member("description", format.description.empty()
                                    ? "Gives the answer. Call it exactly once."
                                    : std::string_view(format.description));
    json_.Key("input_schema");
    json_.Raw(format.schema.empty() ? kAnyObject : std::string_view(format.schema));
    json_.End('}');
  }

  void WriteChoice() {
    using Kind = llm::ToolChoice::Kind;
    llm::ToolChoice choice = conversation_.tool_choice.value_or(llm::ToolChoice{});
    // With tools of the client's beside it, the model may call those first.
    if (forced_tool_) {
      const bool others = !conversation_.tools.empty() && choice.kind != Kind::kNone;
      choice = others ? llm::ToolChoice{.kind = Kind::kRequired}
                      : llm::ToolChoice{.kind = Kind::kTool, .name = std::string(kAnswerTool)};
    }
    const bool single = conversation_.parallel_tool_calls.has_value();
    if (!conversation_.tool_choice && !forced_tool_ && !single) return;
    if (Thinks() && (choice.kind == Kind::kRequired || choice.kind == Kind::kTool)) {
      Warn("tool_choice beside thinking");
      choice = {};
    }
    json_.Key("tool_choice");
    json_.Begin('{');
    switch (choice.kind) {
      case Kind::kAuto: json_.Member("type", "auto"); break;
      case Kind::kNone: json_.Member("type", "none"); break;
      case Kind::kRequired: json_.Member("type", "any"); break;
      case Kind::kTool:
        json_.Member("type", "tool");
        json_.Member("name", choice.name);
        break;
    }
    if (single && choice.kind != Kind::kNone)
      json_.Flag("disable_parallel_tool_use", !*conversation_.parallel_tool_calls);
    json_.End('}');
  }

  // Everything else.

  void WriteThinking() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    const bool off = own_ && reasoning.enabled.has_value() && !*reasoning.enabled;
    if (!Thinks() && !off) return;
    json_.Key("thinking");
    json_.Begin('{');
    if (off) {
      json_.Member("type", "disabled");
    } else if (adaptive_) {
      json_.Member("type", "adaptive");
    } else {
      json_.Member("type", "enabled");
      json_.Member("budget_tokens", budget_);
    }
    if (own_ && !reasoning.summary.empty()) json_.Member("display", reasoning.summary);
    json_.End('}');
  }

  void WriteOutputConfig() {
    const bool effort = own_ && !conversation_.reasoning.effort.empty() && Takes("output_config");
    if (!effort && !native_format_) return;
    json_.Key("output_config");
    json_.Begin('{');
    if (effort) json_.Member("effort", conversation_.reasoning.effort);
    if (native_format_) {
      json_.Key("format");
      json_.Begin('{');
      json_.Member("type", "json_schema");
      json_.Key("schema");
      json_.Raw(conversation_.response_format->schema);
      json_.End('}');
    }
    json_.End('}');
  }

  void WriteSampling() {
    const bool thinks = Thinks();
    if (std::optional<double> temperature = conversation_.temperature) {
      const double most = std::min(profile_.max_temperature, 1.0);
      if (thinks && *temperature != 1 && !own_) {
        Warn("temperature beside thinking");
      } else {
        if (*temperature > most) {
          temperature = most;
          Warn(fmt::format("temperature lowered to {}", most));
        }
        if (Takes("temperature")) json_.Member("temperature", temperature);
      }
    }
    if (conversation_.top_p) {
      if (thinks && *conversation_.top_p < 0.95 && !own_) {
        Warn("top_p beside thinking");
      } else if (Takes("top_p")) {
        json_.Member("top_p", conversation_.top_p);
      }
    }
    if (conversation_.top_k) {
      if (thinks && !own_) {
        Warn("top_k beside thinking");
      } else if (Takes("top_k")) {
        json_.Member("top_k", *conversation_.top_k);
      }
    }
    WriteStop();
    if (conversation_.frequency_penalty) Warn("frequency_penalty");
    if (conversation_.presence_penalty) Warn("presence_penalty");
    if (conversation_.seed) Warn("seed");
    if (conversation_.logprobs.value_or(false)) Warn("logprobs");
    if (conversation_.top_logprobs) Warn("top_logprobs");
    if (!conversation_.verbosity.empty()) Warn("verbosity");
  }

  void WriteStop() {
    std::vector<std::string> stops;
    for (const std::string& stop : conversation_.stop) {
      if (own_ || !Trim(stop).empty()) {
        stops.push_back(stop);
      } else {
        Warn("stop sequences of white space");
      }
    }
    if (!stops.empty() && Takes("stop_sequences")) json_.Strings("stop_sequences", stops);
  }

  void WriteServiceTier() {
    const std::string& tier = conversation_.service_tier;
    if (tier.empty()) return;
    if (!own_ && tier != "auto" && tier != "standard_only") {
      if (tier != "default") Warn("service_tier");
    } else if (Takes("service_tier")) {
      json_.Member("service_tier", tier);
    }
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;
  JsonWriter json_;
  std::vector<std::string> warnings_;
  bool native_format_ = false;
  bool forced_tool_ = false;
  bool adaptive_ = false;
  std::int64_t budget_ = 0;
  std::int64_t max_tokens_ = 0;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write(model);
}

}  // namespace triage::wire::anthropic
