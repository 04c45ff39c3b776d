#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/gemini.h"
#include "wire/json.h"

namespace triage::wire::gemini {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;

constexpr std::size_t kMaxStopSequences = 5;  // more are refused

// Budgets that Google's own OpenAI-compatible endpoint gives for the words.
std::int64_t BudgetOf(std::string_view level) {
  if (level == "MINIMAL" || level == "LOW") return 1024;
  return level == "MEDIUM" ? 8192 : 24'576;
}

std::string_view LevelOf(std::string_view effort) {
  if (effort == "minimal") return "MINIMAL";
  if (effort == "low") return "LOW";
  if (effort == "medium") return "MEDIUM";
  return effort == "high" || effort == "xhigh" || effort == "max" ? "HIGH" : "";
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation), profile_(profile), own_(conversation.origin == kSelf) {}

  Result<WrittenRequest> Write() {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out."};
    }
    json_.Begin('{');
    WriteSystem();
    WriteTools();
    WriteContents();
    WriteConfig();
    WriteServiceTier();
    WriteExtra();
    WarnOfOthers();
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

  // For a field of the body or of generationConfig. Warns when the endpoint does not take it.
  bool Takes(std::string_view field) {
    if (Accepted(field)) return true;
    Warn(std::string(field));
    return false;
  }

  void WriteText(std::string_view text) {
    json_.Begin('{');
    json_.Member("text", text);
    json_.End('}');
  }

  // System text. What stands between turns is sent where it stands: moved to the front it would
  // change the prefix that earlier requests have put in the cache.

  std::size_t LeadingSystem() const {
    const auto& messages = conversation_.messages;
    const auto turn = std::ranges::find_if(
        messages, [](const Message& message) { return message.role != Role::kSystem; });
    return static_cast<std::size_t>(turn - messages.begin());
  }

  void WriteSystem() {
    bool open = false;
    for (std::size_t i = 0; i < LeadingSystem(); ++i) {
      for (const llm::Part& part : conversation_.messages[i].parts) {
        const auto* text = std::get_if<llm::TextPart>(&part);
        if (text == nullptr) {
          Warn("system content other than text");
          continue;
        }
        WarnOf(part);
        if (text->text.empty()) continue;
        if (!std::exchange(open, true)) {
          json_.Key("systemInstruction");
          json_.Begin('{');
          json_.Key("parts");
          json_.Begin('[');
        }
        WriteText(text->text);
      }
    }
    if (!open) return;
    json_.End(']');
    json_.End('}');
  }

  // Turns.

  void WriteContents() {
    json_.Key("contents");
    json_.Begin('[');
    bool any = false;
    for (std::size_t i = LeadingSystem(); i < conversation_.messages.size(); ++i) {
      const Message& message = conversation_.messages[i];
      if (!message.name.empty()) Warn("name");
      if (message.role == Role::kSystem) Warn("system text between turns, sent as the user's");
      for (const llm::Part& part : message.parts) WarnOf(part);
      if (std::ranges::none_of(message.parts, Expressible)) continue;
      any = true;
      WriteContent(message);
    }
    if (!any) {
      // Instructions alone are no request here.
      Warn("a user turn was put behind the instructions");
      WriteContent({.role = Role::kUser, .parts = {llm::TextPart{.text = "Begin."}}});
    }
    json_.End(']');
  }

  void WriteContent(const Message& message) {
    bool called = false;
    json_.Begin('{');
    json_.Member("role", message.role == Role::kAssistant ? "model" : "user");
    json_.Key("parts");
    json_.Begin('[');
    for (const llm::Part& part : message.parts) {
      if (!Expressible(part)) continue;
      if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
        WriteCallPart(*call, !std::exchange(called, true));
      } else {
        WritePart(part);
      }
    }
    json_.End(']');
    json_.End('}');
  }

  // Whether anything is left of the part.
  static bool Expressible(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) return !text->text.empty();
    if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) return !refusal->text.empty();
    if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      return thinking->origin == kSelf && !(thinking->text.empty() && thinking->signature.empty());
    }
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return opaque->origin == kSelf;
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      return image->file_id.empty() || image->origin == kSelf;
    }
    if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      return document->file_id.empty() || document->origin == kSelf;
    }
    return true;
  }

  void WarnOf(const llm::Part& part) {
    std::visit(
        [&](const auto& each) {
          if constexpr (requires { each.cache; }) {
            if (each.cache != llm::CacheHint::kNone) Warn("cache_control");
          }
        },
        part);
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      if (!text->citations.empty()) Warn("citations of earlier answers");
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      if (!Expressible(part)) Warn("image of another provider's file");
      if (!image->detail.empty() && image->detail != "auto") Warn("detail of an image");
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      if (!Expressible(part)) Warn("document of another provider's file");
      if (!document->text.empty()) Warn("document sent as text");
      if (!document->title.empty()) Warn("title of a document");
      if (!document->context.empty()) Warn("context of a document");
      if (document->citations) Warn("citations");
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      if (thinking->origin != kSelf) Warn("thinking of another provider");
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin != kSelf) Warn(opaque->type);
    }
  }

  void WritePart(const llm::Part& part) {
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      json_.Raw(opaque->json);
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      WriteThinking(json_, *thinking);
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WriteResult(*result);
    } else if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      WriteText(text->text);
    } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
      WriteText(refusal->text);
    } else {
      WriteMediaPart(part);
    }
  }

  void WriteMediaPart(const llm::Part& part) {
    const auto* document = std::get_if<llm::DocumentPart>(&part);
    if (document != nullptr && !document->text.empty()) return WriteText(document->text);
    json_.Begin('{');
    if (document != nullptr) {
      WriteMedia(json_, *document);
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      WriteMedia(json_, *image);
    }
    json_.End('}');
  }

  // The first call of a step must be signed. What no Gemini model has called is not.
  void WriteCallPart(const llm::ToolCallPart& call, bool first) {
    llm::ToolCallPart written = call;
    if (call.origin != kSelf) written.signature = first ? kSkipSignature : "";
    if (!IsObject(call.arguments)) {
      Warn("arguments of a tool call that are no JSON object");
      written.arguments = "{}";
    }
    WriteCall(json_, written, Accepted("functionCall.id"));
  }

  bool IsObject(std::string_view json) {
    return tree_.Parse(json).has_value() && tree_.root().is_object();
  }

  // Whether a result can be the response itself, and will be read back as the same text.
  bool IsResponse(std::string_view text) {
    if (!text.starts_with('{') || !text.ends_with('}') || !IsObject(text)) return false;
    const JsonValue root = tree_.root();
    const bool named = root["output"].present() || root["error"].present();
    return root.size() > 1 || (root.size() == 1 && !named);
  }

  // Tools.

  void WriteResult(const llm::ToolResultPart& result) {
    json_.Begin('{');
    json_.Key("functionResponse");
    json_.Begin('{');
    if (Accepted("functionCall.id")) json_.Member("id", result.id);
    json_.Member("name", NameOf(result));
    std::string text;
    std::size_t texts = 0;
    for (const llm::ToolResultContent& content : result.content) {
      const auto* part = std::get_if<llm::TextPart>(&content);
      if (part != nullptr && texts++ > 0) text += '\n';
      if (part != nullptr) text += part->text;
    }
    json_.Key("response");
    if (texts > 0 && !result.is_error && IsResponse(text)) {
      json_.Raw(text);
    } else {
      json_.Begin('{');
      if (texts > 0 || result.is_error) json_.Member(result.is_error ? "error" : "output", text);
      json_.End('}');
    }
    WriteResultMedia(result);
    json_.End('}');
    json_.End('}');
  }

  // Only bytes have a place in a result.
  void WriteResultMedia(const llm::ToolResultPart& result) {
    bool open = false;
    const auto write = [&](const llm::Part& part, bool bytes) {
      WarnOf(part);
      if (!bytes) return Warn("image or document by URL in a tool's result");
      if (!std::exchange(open, true)) {
        json_.Key("parts");
        json_.Begin('[');
      }
      WriteMediaPart(part);
    };
    for (const llm::ToolResultContent& content : result.content) {
      if (const auto* image = std::get_if<llm::ImagePart>(&content)) {
        write(*image, !image->data.empty());
      } else if (const auto* document = std::get_if<llm::DocumentPart>(&content)) {
        write(*document, !document->data.empty());
      } else {
        WarnOf(std::get<llm::TextPart>(content));
      }
    }
    if (open) json_.End(']');
  }

  std::string_view NameOf(const llm::ToolResultPart& result) const {
    if (!result.name.empty()) return result.name;
    for (const Message& message : conversation_.messages) {
      for (const llm::Part& part : message.parts) {
        const auto* call = std::get_if<llm::ToolCallPart>(&part);
        if (call != nullptr && call->id == result.id) return call->name;
      }
    }
    return result.id;
  }

  void WriteTools() {
    bool any = false;
    bool functions = false;  // a list of functions is open
    const auto close = [&] {
      if (!std::exchange(functions, false)) return;
      json_.End(']');
      json_.End('}');
    };
    const bool taken = conversation_.tools.empty() || Takes("tools");
    for (const llm::Tool& tool : conversation_.tools) {
      if (!taken) break;
      if (tool.cache != llm::CacheHint::kNone) Warn("cache_control");
      if (tool.strict.value_or(false)) Warn("strict of a tool");
      if (!tool.is_function() && tool.origin != kSelf) {
        Warn(fmt::format("tool {}", tool.name.empty() ? "of a provider" : tool.name));
        continue;
      }
      if (!std::exchange(any, true)) {
        json_.Key("tools");
        json_.Begin('[');
      }
      if (!tool.is_function()) {
        close();
        json_.Raw(tool.json);
        continue;
      }
      if (!std::exchange(functions, true)) {
        json_.Begin('{');
        json_.Key("functionDeclarations");
        json_.Begin('[');
      }
      WriteFunction(tool);
    }
    close();
    if (any) json_.End(']');
    // Without the tools that it is about, a choice would be refused.
    if (any || conversation_.tools.empty()) WriteToolChoice();
  }

  void WriteFunction(const llm::Tool& tool) {
    json_.Begin('{');
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    if (!tool.parameters.empty()) {
      // The older `parameters` knows a subset of OpenAPI only, without $ref and
      // additionalProperties.
      json_.Key(Accepted("parametersJsonSchema") ? "parametersJsonSchema" : "parameters");
      json_.Raw(tool.parameters);
    }
    json_.End('}');
  }

  void WriteToolChoice() {
    using Kind = llm::ToolChoice::Kind;
    const auto whole = [](const llm::ExtraField& field) { return field.name == "toolConfig"; };
    if (own_ && std::ranges::any_of(conversation_.extra, whole)) return;
    if (!conversation_.tool_choice || !Takes("toolConfig")) return;
    const llm::ToolChoice& choice = *conversation_.tool_choice;
    json_.Key("toolConfig");
    json_.Begin('{');
    json_.Key("functionCallingConfig");
    json_.Begin('{');
    json_.Member("mode", choice.kind == Kind::kAuto   ? "AUTO"
                         : choice.kind == Kind::kNone ? "NONE"
                                                      : "ANY");
    if (choice.kind == Kind::kTool) {
      json_.Strings("allowedFunctionNames", std::array{choice.name});
    }
    json_.End('}');
    json_.End('}');
  }

  // Settings.

  void WriteConfig() {
    config_.Begin('{');
    WriteSampling();
    WriteFormat();
    WriteReasoning();
    for (const llm::ExtraField& field : conversation_.extra) {
      const std::string_view name = field.name;
      if (!own_ || !name.starts_with(kConfigPrefix)) continue;
      if (!Takes(name.substr(kConfigPrefix.size()))) continue;
      config_.Key(name.substr(kConfigPrefix.size()));
      config_.Raw(field.json);
    }
    config_.End('}');
    const std::string config = config_.Take();
    if (config == "{}") return;
    json_.Key("generationConfig");
    json_.Raw(config);
  }

  void WriteNumber(std::string_view field, std::optional<double> value) {
    if (value && Takes(field)) config_.Member(field, value);
  }

  void WriteInteger(std::string_view field, std::optional<std::int64_t> value) {
    if (value && Takes(field)) config_.Member(field, *value);
  }

  void WriteSampling() {
    const Conversation& c = conversation_;
    std::optional<double> temperature = c.temperature;
    if (temperature && *temperature > profile_.max_temperature) {
      Warn(fmt::format("temperature lowered to {}", profile_.max_temperature));
      temperature = profile_.max_temperature;
    }
    WriteNumber("temperature", temperature);
    WriteNumber("topP", c.top_p);
    WriteInteger("topK", c.top_k);
    WriteInteger("maxOutputTokens", c.max_output_tokens);
    if (!c.stop.empty() && Takes("stopSequences")) {
      const std::size_t most = std::min(c.stop.size(), kMaxStopSequences);
      if (c.stop.size() > most) Warn("stop sequences beyond the fifth");
      config_.Strings("stopSequences", std::span(c.stop).first(most));
    }
    WriteInteger("candidateCount", c.choices);
    using Seeds = std::numeric_limits<std::int32_t>;
    if (c.seed && (*c.seed < Seeds::min() || *c.seed > Seeds::max())) {
      Warn("seed of more than 32 bits");
    } else {
      WriteInteger("seed", c.seed);
    }
    WriteNumber("presencePenalty", c.presence_penalty);
    WriteNumber("frequencyPenalty", c.frequency_penalty);
    if (c.logprobs && Takes("responseLogprobs")) config_.Flag("responseLogprobs", *c.logprobs);
    WriteInteger("logprobs", c.top_logprobs);
  }

  void WriteFormat() {
    using Kind = llm::ResponseFormat::Kind;
    const auto& format = conversation_.response_format;
    if (!format || !Takes("responseMimeType")) return;
    config_.Member("responseMimeType",
                   format->kind == Kind::kText ? "text/plain" : "application/json");
    if (format->kind != Kind::kJsonSchema || format->schema.empty()) return;
    config_.Key(Accepted("responseJsonSchema") ? "responseJsonSchema" : "responseSchema");
    config_.Raw(format->schema);
    if (!format->description.empty()) Warn("description of the response format");
  }

  // Models before Gemini 3 know no levels: their endpoint's profile refuses thinkingLevel. A level
  // and a budget cannot stand together.
  void WriteReasoning() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    if (reasoning.empty()) return;
    std::string_view level = LevelOf(reasoning.effort);
    std::optional<std::int64_t> budget = reasoning.budget_tokens;
    const bool off = reasoning.enabled == false || reasoning.effort == "none";
    if (off) budget = 0;
    if (!budget && reasoning.adaptive && level.empty()) budget = -1;
    if (!reasoning.effort.empty() && level.empty() && !off) {
      Warn(fmt::format("effort {}", reasoning.effort));
    } else if (budget && !level.empty()) {
      Warn("effort beside a thinking budget");
      level = {};
    } else if (reasoning.effort == "xhigh" || reasoning.effort == "max") {
      Warn(fmt::format("effort {} lowered to high", reasoning.effort));
    }
    if (!level.empty() && !Accepted("thinkingLevel")) budget = BudgetOf(std::exchange(level, {}));
    // Who turned thinking on in another dialect expects to see it.
    const bool told = !reasoning.summary.empty() && reasoning.summary != "omitted";
    const bool asked = !own_ && (reasoning.enabled.value_or(false) || reasoning.adaptive);
    const bool include = !off && reasoning.summary != "omitted" && (told || asked);
    if ((!budget && level.empty() && !include) || !Takes("thinkingConfig")) return;
    config_.Key("thinkingConfig");
    config_.Begin('{');
    if (include) config_.Flag("includeThoughts", true);
    if (budget) config_.Member("thinkingBudget", *budget);
    if (!level.empty()) config_.Member("thinkingLevel", level);
    config_.End('}');
  }

  void WriteServiceTier() {
    const std::string& tier = conversation_.service_tier;
    if (tier.empty() || tier == "auto") return;
    if (tier != "default" && tier != "flex" && tier != "priority" && !own_) {
      return Warn(fmt::format("service_tier {}", tier));
    }
    if (!Takes("serviceTier")) return;
    json_.Member("serviceTier", tier == "default" ? "standard" : std::string_view(tier));
  }

  void WriteExtra() {
    for (const llm::ExtraField& field : conversation_.extra) {
      if (!own_) {
        Warn(field.name);
      } else if (!field.name.starts_with(kConfigPrefix) && Takes(field.name)) {
        json_.Key(field.name);
        json_.Raw(field.json);
      }
    }
  }

  void WarnOfOthers() {
    const Conversation& c = conversation_;
    if (c.parallel_tool_calls == false) Warn("parallel_tool_calls");
    if (!c.user.empty()) Warn("user");
    if (!c.metadata.empty()) Warn("metadata");
    if (!c.verbosity.empty()) Warn("verbosity");
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;
  JsonTree tree_;
  JsonWriter json_;
  JsonWriter config_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write();
}

}  // namespace triage::wire::gemini
