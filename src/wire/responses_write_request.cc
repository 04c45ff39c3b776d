#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/json.h"
#include "wire/responses_parts.h"
#include "wire/responses_request.h"

namespace triage::wire::responses {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;

std::string_view ExtensionOf(std::string_view media_type) {
  if (media_type == "application/pdf") return "pdf";
  const std::size_t slash = media_type.find('/');
  if (media_type == "text/plain" || slash == std::string_view::npos) return "txt";
  return media_type.substr(slash + 1);
}

// What the API's own words for effort come closest to; thresholds as other gateways draw them.
std::string_view EffortOf(std::int64_t budget_tokens) {
  if (budget_tokens <= 2048) return "low";
  return budget_tokens <= 8192 ? "medium" : "high";
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile), own_(conversation.origin == kSelf) {}

  Result<WrittenRequest> Write(std::string_view model) {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out."};
    }
    json_.Begin('{');
    json_.Member("model", model);
    WriteMessages();
    WriteTools();
    WriteText();
    WriteReasoning();
    WriteSampling();
    if (IncludeOf(conversation_).empty()) WriteInclude({});
    if (!conversation_.metadata.empty() && Takes("metadata")) {
      json_.Key("metadata");
      json_.Raw(conversation_.metadata);
    }
    if (!conversation_.user.empty() && !UserIsSafetyIdentifier() && Takes("user"))
      json_.Member("user", conversation_.user);
    if (!conversation_.service_tier.empty() && Takes("service_tier"))
      json_.Member("service_tier", conversation_.service_tier);
    if (conversation_.stream) json_.Flag("stream", true);
    // The whole history is in the request; the provider has nothing to keep.
    if (Accepted("store")) json_.Flag("store", false);
    WriteExtra();
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

  // Messages.

  bool StartsWithInstructions() const {
    if (conversation_.messages.size() < 2 || !Accepted("instructions")) return false;
    const Message& first = conversation_.messages.front();
    if (first.role != Role::kSystem || first.developer || first.parts.size() != 1) return false;
    const auto* text = std::get_if<llm::TextPart>(&first.parts.front());
    return text != nullptr && !text->text.empty();
  }

  void WriteMessages() {
    auto message = conversation_.messages.begin();
    if (StartsWithInstructions()) {
      const auto& text = std::get<llm::TextPart>(message->parts.front());
      WarnOfCache(text.cache);
      json_.Member("instructions", text.text);
      ++message;
    }
    json_.Key("input");
    json_.Begin('[');
    for (; message != conversation_.messages.end(); ++message) WriteMessage(*message);
    json_.End(']');
  }

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
    if (!message.name.empty()) Warn("name");
    // A call whose id the API knows is refused without the reasoning that led to it.
    with_item_ids_ = std::ranges::none_of(message.parts, [](const llm::Part& part) {
      const auto* thinking = std::get_if<llm::ThinkingPart>(&part);
      return thinking != nullptr && !Returns(*thinking);
    });
    content_.clear();
    for (const llm::Part& part : message.parts) {
      if (IsContent(part)) {
        if (Expressible(part)) content_.push_back(&part);
      } else {
        FlushContent(message);
        WriteItem(part);
      }
    }
    FlushContent(message);
  }

  static bool IsContent(const llm::Part& part) {
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part))
      return IsContentType(opaque->type);
    return std::holds_alternative<llm::TextPart>(part) ||
           std::holds_alternative<llm::ImagePart>(part) ||
           std::holds_alternative<llm::DocumentPart>(part) ||
           std::holds_alternative<llm::RefusalPart>(part);
  }

  // Whether a content part can be said to the target; warns when not.
  bool Expressible(const llm::Part& part) {
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      if (image->file_id.empty() || image->origin == kSelf) return true;
      Warn("image file of another provider");
      return false;
    }
    if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      if (document->file_id.empty() || document->origin == kSelf) return true;
      Warn("document file of another provider");
      return false;
    }
    const auto* opaque = std::get_if<llm::OpaquePart>(&part);
    return opaque == nullptr || Own(*opaque);
  }

  bool Own(const llm::OpaquePart& opaque) {
    if (opaque.origin == kSelf) return true;
    Warn(opaque.type);
    return false;
  }

  static bool Returns(const llm::ThinkingPart& thinking) {
    return thinking.origin == kSelf && !thinking.signature.empty();
  }

  void FlushContent(const Message& message) {
    if (content_.empty()) return;
    json_.Begin('{');
    json_.Member("role", RoleOf(message));
    json_.Key("content");
    const auto* text = std::get_if<llm::TextPart>(content_.front());
    if (content_.size() == 1 && text != nullptr && text->citations.empty()) {
      WarnOfCache(text->cache);
      json_.String(text->text);
    } else {
      json_.Begin('[');
      for (const llm::Part* part : content_)
        WriteContent(*part, message.role == Role::kAssistant ? "output_text" : "input_text");
      json_.End(']');
    }
    json_.End('}');
    content_.clear();
  }

  template <class Part>
  void WriteContent(const Part& part, std::string_view text_type) {
    std::visit([&](const auto& each) { WriteOne(each, text_type); }, part);
  }

  void WriteOne(const llm::TextPart& text, std::string_view type) {
    WarnOfCache(text.cache);
    json_.Begin('{');
    json_.Member("type", type);
    json_.Member("text", text.text);
    if (type == "output_text") {
      json_.Key("annotations");
      json_.Begin('[');
      for (const llm::Citation& citation : text.citations) {
        if (citation.origin == kSelf || !citation.url.empty()) {
          WriteAnnotation(json_, citation, CharactersIn(text.text));
        } else {
          Warn("citations of documents");
        }
      }
      json_.End(']');
    }
    json_.End('}');
  }

  void WriteOne(const llm::ImagePart& image, std::string_view) {
    WarnOfCache(image.cache);
    json_.Begin('{');
    json_.Member("type", "input_image");
    if (!image.file_id.empty()) {
      json_.Member("file_id", image.file_id);
    } else if (!image.data.empty()) {
      json_.Member("image_url", fmt::format("data:{};base64,{}", image.media_type, image.data));
    } else {
      json_.Member("image_url", image.url);
    }
    // Required by servers that check requests against the SDK's types.
    json_.Member("detail", image.detail.empty() ? "auto" : std::string_view(image.detail));
    json_.End('}');
  }

  void WriteOne(const llm::DocumentPart& document, std::string_view text_type) {
    WarnOfCache(document.cache);
    if (document.citations) Warn("citations of documents");
    std::string text = document.context;
    if (!document.text.empty()) {  // the API has no documents of plain text
      Warn("text document sent as text");
      for (const std::string* piece : {&document.title, &document.text}) {
        if (!text.empty() && !piece->empty()) text += "\n\n";
        text += *piece;
      }
    }
    if (!text.empty()) WriteOne(llm::TextPart{.text = std::move(text)}, text_type);
    if (!document.text.empty()) return;
    json_.Begin('{');
    json_.Member("type", "input_file");
    if (!document.file_id.empty()) {
      json_.Member("file_id", document.file_id);
    } else if (!document.url.empty()) {
      json_.Member("file_url", document.url);
    } else {
      // The API wants a name for data that comes along.
      json_.Member("filename", document.title.empty()
                                   ? fmt::format("document.{}", ExtensionOf(document.media_type))
                                   : document.title);
      json_.Member("file_data",
                   fmt::format("data:{};base64,{}", document.media_type, document.data));
    }
    json_.End('}');
  }

  void WriteOne(const llm::RefusalPart& refusal, std::string_view) {
    json_.Begin('{');
    json_.Member("type", "refusal");
    json_.Member("refusal", refusal.text);
    json_.End('}');
  }

  void WriteOne(const llm::OpaquePart& opaque, std::string_view) { json_.Raw(opaque.json); }

  // Items of their own; in content there are none.
  void WriteOne(const llm::ThinkingPart&, std::string_view) {}

  void WriteOne(const llm::ToolCallPart&, std::string_view) {}

  void WriteOne(const llm::ToolResultPart&, std::string_view) {}

  void WriteItem(const llm::Part& part) {
    if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      WriteThinking(*thinking);
    } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      WriteCall(*call);
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WriteResult(*result);
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (Own(*opaque)) json_.Raw(opaque->json);
    }
  }

  void WriteThinking(const llm::ThinkingPart& thinking) {
    if (!Returns(thinking)) {
      return Warn(thinking.origin == kSelf ? "reasoning without encrypted_content"
                                           : "thinking of another provider");
    }
    json_.Begin('{');
    json_.Member("type", "reasoning");
    if (!thinking.id.empty()) json_.Member("id", thinking.id);
    json_.Key("summary");
    json_.Begin('[');
    if (!thinking.text.empty()) {
      json_.Begin('{');
      json_.Member("type", "summary_text");
      json_.Member("text", thinking.text);
      json_.End('}');
    }
    json_.End(']');
    json_.Member("encrypted_content", thinking.signature);
    json_.End('}');
  }

  void WriteCall(const llm::ToolCallPart& call) {
    WarnOfCache(call.cache);
    if (!call.signature.empty()) Warn("thought signature of a tool call");
    json_.Begin('{');
    json_.Member("type", "function_call");
    if (!call.item_id.empty() && with_item_ids_) json_.Member("id", call.item_id);
    json_.Member("call_id", call.id);
    json_.Member("name", call.name);
    json_.Member("arguments", call.arguments.empty() ? "{}" : std::string_view(call.arguments));
    json_.End('}');
  }

  void WriteResult(const llm::ToolResultPart& result) {
    WarnOfCache(result.cache);
    if (result.is_error) Warn("is_error of a tool result");
    json_.Begin('{');
    json_.Member("type", "function_call_output");
    json_.Member("call_id", result.id);
    json_.Key("output");
    const auto* text =
        result.content.size() == 1 ? std::get_if<llm::TextPart>(&result.content.front()) : nullptr;
    if (result.content.empty()) {
      json_.String("");
    } else if (text != nullptr) {
      WarnOfCache(text->cache);
      json_.String(text->text);
    } else {
      json_.Begin('[');
      for (const llm::ToolResultContent& each : result.content) {
        const bool expressible =
            std::visit([this](const auto& part) { return Expressible(llm::Part(part)); }, each);
        if (expressible) WriteContent(each, "input_text");
      }
      json_.End(']');
    }
    json_.End('}');
  }

  // OpenAI caches by itself and has no breakpoints that all its models take.
  void WarnOfCache(llm::CacheHint hint) {
    if (hint != llm::CacheHint::kNone) Warn("cache_control");
  }

  // The other fields.

  void WriteTools() {
    if (!conversation_.tools.empty() && Takes("tools")) {
      json_.Key("tools");
      json_.Begin('[');
      for (const llm::Tool& tool : conversation_.tools) WriteTool(tool);
      json_.End(']');
    }
    if (const auto& choice = conversation_.tool_choice; choice && Takes("tool_choice")) {
      using Kind = llm::ToolChoice::Kind;
      json_.Key("tool_choice");
      if (choice->kind == Kind::kTool) {
        json_.Begin('{');
        json_.Member("type", "function");
        json_.Member("name", choice->name);
        json_.End('}');
      } else {
        json_.String(choice->kind == Kind::kAuto   ? "auto"
                     : choice->kind == Kind::kNone ? "none"
                                                   : "required");
      }
    }
    if (conversation_.parallel_tool_calls && Takes("parallel_tool_calls"))
      json_.Flag("parallel_tool_calls", *conversation_.parallel_tool_calls);
  }

  void WriteTool(const llm::Tool& tool) {
    WarnOfCache(tool.cache);
    if (!tool.is_function()) {
      if (tool.origin == kSelf) return json_.Raw(tool.json);
      return Warn(fmt::format("tool {}", tool.name));
    }
    json_.Begin('{');
    json_.Member("type", "function");
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    json_.Key("parameters");
    tool.parameters.empty() ? json_.Null() : json_.Raw(tool.parameters);
    // Strict is the default of this API alone; other clients' schemas are not written for it.
    if (tool.strict || !own_) json_.Flag("strict", tool.strict.value_or(false));
    json_.End('}');
  }

  void WriteText() {
    const auto& format = conversation_.response_format;
    if ((!format && conversation_.verbosity.empty()) || !Takes("text")) return;
    json_.Key("text");
    json_.Begin('{');
    if (format) WriteFormat(*format);
    if (!conversation_.verbosity.empty()) json_.Member("verbosity", conversation_.verbosity);
    json_.End('}');
  }

  void WriteFormat(const llm::ResponseFormat& format) {
    using Kind = llm::ResponseFormat::Kind;
    json_.Key("format");
    json_.Begin('{');
    switch (format.kind) {
      case Kind::kText: json_.Member("type", "text"); break;
      case Kind::kJsonObject: json_.Member("type", "json_object"); break;
      case Kind::kJsonSchema:
        json_.Member("type", "json_schema");
        json_.Member("name", format.name.empty() ? "answer" : std::string_view(format.name));
        if (!format.description.empty()) json_.Member("description", format.description);
        json_.Key("schema");
        json_.Raw(format.schema.empty() ? "{}" : std::string_view(format.schema));
        if (format.strict) json_.Flag("strict", *format.strict);
        break;
    }
    json_.End('}');
  }

  void WriteReasoning() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    std::string_view effort = reasoning.effort;
    if (reasoning.budget_tokens && effort.empty() && reasoning.enabled.value_or(true)) {
      effort = EffortOf(*reasoning.budget_tokens);
      Warn(fmt::format("thinking budget sent as effort {}", effort));
    }
    // Not "none": models that always reason refuse it.
    if (reasoning.enabled == false && effort.empty()) Warn("thinking disabled");
    std::string_view summary = reasoning.summary;
    if (!own_ && summary != "auto" && summary != "concise" && summary != "detailed")
      summary = summary.empty() || summary == "omitted" ? "" : "auto";
    if ((effort.empty() && summary.empty()) || !Takes("reasoning")) return;
    json_.Key("reasoning");
    json_.Begin('{');
    if (!effort.empty()) json_.Member("effort", effort);
    if (!summary.empty()) json_.Member("summary", summary);
    json_.End('}');
  }

  void WriteSampling() {
    const Conversation& c = conversation_;
    if (c.max_output_tokens && Takes("max_output_tokens"))
      json_.Member("max_output_tokens", *c.max_output_tokens);
    if (c.temperature && Takes("temperature")) {
      if (*c.temperature > profile_.max_temperature)
        Warn(fmt::format("temperature lowered to {}", profile_.max_temperature));
      json_.Member("temperature",
                   std::optional(std::min(*c.temperature, profile_.max_temperature)));
    }
    if (c.top_p && Takes("top_p")) json_.Member("top_p", c.top_p);
    if (c.top_logprobs && Takes("top_logprobs")) json_.Member("top_logprobs", *c.top_logprobs);
    if (c.top_k) Warn("top_k");
    if (c.frequency_penalty) Warn("frequency_penalty");
    if (c.presence_penalty) Warn("presence_penalty");
    if (c.seed) Warn("seed");
    if (!c.stop.empty()) Warn("stop");
  }

  // What the client asked for beyond what has a neutral meaning: a list with entries.
  static std::string_view IncludeOf(const Conversation& conversation) {
    const auto extra = std::ranges::find(conversation.extra, "include", &llm::ExtraField::name);
    if (conversation.origin != kSelf || extra == conversation.extra.end()) return {};
    return extra->json;
  }

  void WriteInclude(std::string_view given) {
    const bool logprobs = conversation_.logprobs.value_or(false);
    const bool encrypted = AsksForEncrypted(conversation_.reasoning);
    if (given.empty() && !logprobs && !encrypted) return;
    if (!(given.empty() && !logprobs ? Accepted("include") : Takes("include"))) return;
    json_.Key("include");
    json_.Begin('[');
    // The entries between the brackets, as they came.
    if (given.size() > 2) json_.Raw(given.substr(1, given.size() - 2));
    if (logprobs) json_.String(kIncludeLogprobs);
    if (encrypted && given.find(kIncludeEncrypted) == std::string_view::npos)
      json_.String(kIncludeEncrypted);
    json_.End(']');
  }

  bool UserIsSafetyIdentifier() const {
    return own_ && std::ranges::any_of(conversation_.extra, [this](const llm::ExtraField& field) {
             return field.name == "safety_identifier" &&
                    field.json == JsonString(conversation_.user);
           });
  }

  void WriteExtra() {
    for (const llm::ExtraField& field : conversation_.extra) {
      if (!own_) {
        Warn(field.name);
      } else if (field.name == "include") {
        WriteInclude(field.json);
      } else if (Takes(field.name)) {
        json_.Key(field.name);
        json_.Raw(field.json);
      }
    }
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;  // the client speaks this dialect
  bool with_item_ids_ = true;
  JsonWriter json_;
  std::vector<const llm::Part*> content_;  // of the message item that is next
  std::vector<std::string> warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write(model);
}

}  // namespace triage::wire::responses
