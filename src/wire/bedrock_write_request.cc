#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "wire/bedrock.h"
#include "wire/json.h"

namespace triage::wire::bedrock {
namespace {

using llm::CacheHint;
using llm::Conversation;
using llm::Message;
using llm::Role;

constexpr std::int64_t kLeastBudget = 1024;  // of thinking; less is refused
constexpr std::size_t kMaxMetadata = 16;
constexpr std::string_view kAnyObject = R"({"type":"object"})";

// As for Anthropic's own API.
std::int64_t BudgetOf(std::string_view effort) {
  if (effort == "low") return 2048;
  return effort == "medium" ? 8192 : 16'384;
}

// Only Anthropic's models are known to take `thinking` and `top_k`. Others' names tell their maker,
// "meta.llama3-1-8b-instruct-v1:0"; an inference profile's need not.
bool TakesAnthropicFields(std::string_view model) {
  return model.contains("anthropic") || model.contains("claude") || !model.contains('.');
}

bool IsBlank(std::string_view text) {
  return Trim(text).empty();
}

// What requestMetadata takes: at most 16 strings of few characters.
bool IsMetadata(JsonValue metadata) {
  const auto plain = [](std::string_view text) {
    return !text.empty() && text.size() <= 256 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view(" :_@$#=/+,-.").contains(c);
    });
  };
  if (!metadata.is_object() || metadata.size() > kMaxMetadata) return false;
  for (const JsonValue member : metadata) {
    if (!member.is_string() || !plain(member.key()) || !plain(member.text())) return false;
  }
  return true;
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, std::string_view model,
                const llm::Profile& profile)
      : conversation_(conversation),
        profile_(profile),
        own_(conversation.origin == kSelf),
        anthropic_(own_ || TakesAnthropicFields(model)) {}

  Result<WrittenRequest> Write() {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out."};
    }
    Plan();
    json_.Begin('{');
    WriteTurns(json_, conversation_,
               {.own = own_, .anthropic = anthropic_, .cache_points = Accepted("cachePoint")},
               warnings_);
    WriteInference();
    WriteTools();
    WriteOutputConfig();
    WriteAdditional();
    WriteWords();
    for (const llm::ExtraField& field : conversation_.extra) {
      const std::string_view name = field.name;
      if (!own_) {
        Warn(field.name);
      } else if (!name.starts_with(kInferencePrefix) && !name.starts_with(kAdditionalPrefix) &&
                 Takes(name)) {
        json_.Key(name);
        json_.Raw(field.json);
      }
    }
    json_.End('}');
    return WrittenRequest{.body = json_.Take(), .warnings = warnings_.Take()};
  }

 private:
  void Warn(std::string text) { warnings_.Add(std::move(text)); }

  bool Accepted(std::string_view field) const {
    if (std::ranges::find(profile_.refuses, field) != profile_.refuses.end()) return false;
    return profile_.accepts.empty() ||
           std::ranges::find(profile_.accepts, field) != profile_.accepts.end();
  }

  // For a field of the body or of inferenceConfig. Warns when the endpoint does not take it.
  bool Takes(std::string_view field) {
    if (Accepted(field)) return true;
    Warn(std::string(field));
    return false;
  }

  // What depends on each other is settled before anything is written: the answer's form, thinking
  // and its budget, the limit of tokens.
  void Plan() {
    using Kind = llm::ResponseFormat::Kind;
    if (const auto& format = conversation_.response_format) {
      const bool schema = format->kind == Kind::kJsonSchema && !format->schema.empty();
      native_format_ = schema && profile_.structured_output && Accepted("outputConfig");
      forced_tool_ = !native_format_ && format->kind != Kind::kText;
    }
    const llm::Reasoning& reasoning = conversation_.reasoning;
    const bool off =
        reasoning.enabled == false || reasoning.effort == "none" || reasoning.effort == "minimal";
    if (!off) {
      adaptive_ = reasoning.adaptive;
      if (reasoning.budget_tokens) {
        budget_ = *reasoning.budget_tokens;
      } else if (!own_ && !adaptive_ && !reasoning.effort.empty()) {
        budget_ = BudgetOf(reasoning.effort);
      } else if (!own_ && !adaptive_ && reasoning.enabled.value_or(false)) {
        budget_ = BudgetOf("medium");
      }
    }
    if (Thinks()) CheckThinking();
    max_tokens_ = conversation_.max_output_tokens;
    if (budget_ == 0 || own_) return;
    // The limit counts thinking too, and a model's own may be lower than the budget.
    if (!max_tokens_) max_tokens_ = profile_.default_max_tokens + budget_;
    budget_ = std::max(budget_, kLeastBudget);
    if (budget_ < *max_tokens_) return;
    budget_ = *max_tokens_ - 1;
    if (budget_ >= kLeastBudget) {
      Warn(fmt::format("thinking budget lowered to {}", budget_));
    } else {
      budget_ = 0;
      Warn("thinking: max_tokens leaves no room for it");
    }
  }

  void CheckThinking() {
    using Kind = llm::ToolChoice::Kind;
    const auto& choice = conversation_.tool_choice;
    const bool forced =
        forced_tool_ ||
        (choice && (choice->kind == Kind::kRequired || choice->kind == Kind::kTool));
    if (!anthropic_ || !Accepted("thinking")) {
      Warn("thinking");
    } else if (forced && !own_) {
      Warn("thinking beside a tool that must be called");
    } else {
      return;
    }
    budget_ = 0;
    adaptive_ = false;
  }

  bool Thinks() const { return budget_ > 0 || adaptive_; }

  // Settings.

  void WriteInference() {
    JsonWriter config;
    config.Begin('{');
    const Conversation& c = conversation_;
    if (max_tokens_ && Takes("maxTokens")) config.Member("maxTokens", *max_tokens_);
    std::optional<double> temperature = c.temperature;
    const double most = std::min(profile_.max_temperature, 1.0);
    if (temperature && Thinks() && *temperature != 1 && !own_) {
      Warn("temperature beside thinking");
      temperature.reset();
    } else if (temperature && *temperature > most) {
      Warn(fmt::format("temperature lowered to {}", most));
      temperature = most;
    }
    if (temperature && Takes("temperature")) config.Member("temperature", temperature);
    if (c.top_p && Thinks() && *c.top_p < 0.95 && !own_) {
      Warn("top_p beside thinking");
    } else if (c.top_p && Takes("topP")) {
      config.Member("topP", c.top_p);
    }
    std::vector<std::string> stops;
    for (const std::string& stop : c.stop) {
      if (own_ || !IsBlank(stop)) stops.push_back(stop);
    }
    if (stops.size() < c.stop.size()) Warn("stop sequences of white space");
    if (!stops.empty() && Takes("stopSequences")) config.Strings("stopSequences", stops);
    for (const llm::ExtraField& field : c.extra) {
      const std::string_view name = field.name;
      if (!own_ || !name.starts_with(kInferencePrefix)) continue;
      config.Key(name.substr(kInferencePrefix.size()));
      config.Raw(field.json);
    }
    config.End('}');
    const std::string text = config.Take();
    if (text == "{}") return;
    json_.Key("inferenceConfig");
    json_.Raw(text);
  }

  // Tools that the history uses: the API wants them declared.
  std::vector<std::string> UsedTools() const {
    std::vector<std::string> names;
    for (const Message& message : conversation_.messages) {
      for (const llm::Part& part : message.parts) {
        const auto* call = std::get_if<llm::ToolCallPart>(&part);
        if (call == nullptr || std::ranges::find(names, call->name) != names.end()) continue;
        names.push_back(call->name);
      }
    }
    return names;
  }

  void WriteTools() {
    using Kind = llm::ToolChoice::Kind;
    std::vector<const llm::Tool*> tools;
    for (const llm::Tool& tool : conversation_.tools) {
      if (tool.is_function() || tool.origin == kSelf) {
        tools.push_back(&tool);
      } else {
        Warn(fmt::format("tool {}", tool.name.empty() ? "of a provider" : tool.name));
      }
    }
    const std::vector<std::string> used = own_ ? std::vector<std::string>{} : UsedTools();
    std::optional<llm::ToolChoice> choice = conversation_.tool_choice;
    if (conversation_.parallel_tool_calls == false) Warn("parallel_tool_calls");
    // There is no "none": tools that may not be called are left out, where the history allows it.
    if (choice && choice->kind == Kind::kNone) {
      choice.reset();
      if (used.empty()) tools.clear();
      if (!used.empty()) Warn("tool_choice none");
    }
    if ((tools.empty() && used.empty() && !forced_tool_) || !Takes("toolConfig")) return;
    json_.Key("toolConfig");
    json_.Begin('{');
    json_.Key("tools");
    json_.Begin('[');
    for (const llm::Tool* tool : tools) {
      if (tool->is_function()) {
        WriteTool(*tool);
      } else {
        json_.Raw(tool->json);
      }
      WriteCachePoint(json_, tool->cache, Accepted("cachePoint"), warnings_);
    }
    if (tools.empty() && !used.empty()) {
      Warn("tools of earlier turns were declared");
      for (const std::string& name : used) WriteTool({.name = name});
    }
    if (forced_tool_) {
      const llm::ResponseFormat& format = *conversation_.response_format;
      WriteTool({.name = std::string(kAnswerTool),
                 .description = format.description.empty()
                                    ? "Gives the answer. Call it exactly once."
                                    : format.description,
                 .parameters = format.schema});
      choice = llm::ToolChoice{.kind = Kind::kRequired};
      if (tools.empty()) choice = {.kind = Kind::kTool, .name = std::string(kAnswerTool)};
    }
    json_.End(']');
    if (choice && (!tools.empty() || forced_tool_) && Takes("toolChoice")) {
      WriteToolChoice(*choice);
    }
    json_.End('}');
  }

  void WriteTool(const llm::Tool& tool) {
    json_.Begin('{');
    json_.Key("toolSpec");
    json_.Begin('{');
    json_.Member("name", tool.name);
    if (!tool.description.empty()) json_.Member("description", tool.description);
    json_.Key("inputSchema");
    json_.Begin('{');
    json_.Key("json");
    json_.Raw(tool.parameters.empty() ? kAnyObject : std::string_view(tool.parameters));
    json_.End('}');
    // Comes with the models that have structured output.
    if (tool.strict && profile_.structured_output && Accepted("strict")) {
      json_.Flag("strict", *tool.strict);
    } else if (tool.strict.value_or(false)) {
      Warn("strict of a tool");
    }
    json_.End('}');
    json_.End('}');
  }

  void WriteToolChoice(const llm::ToolChoice& choice) {
    using Kind = llm::ToolChoice::Kind;
    json_.Key("toolChoice");
    json_.Begin('{');
    json_.Key(choice.kind == Kind::kTool       ? "tool"
              : choice.kind == Kind::kRequired ? "any"
                                               : "auto");
    json_.Begin('{');
    if (choice.kind == Kind::kTool) json_.Member("name", choice.name);
    json_.End('}');
    json_.End('}');
  }

  void WriteOutputConfig() {
    if (!native_format_) return;
    const llm::ResponseFormat& format = *conversation_.response_format;
    json_.Key("outputConfig");
    json_.Begin('{');
    json_.Key("textFormat");
    json_.Begin('{');
    json_.Member("type", "json_schema");
    json_.Key("structure");
    json_.Begin('{');
    json_.Key("jsonSchema");
    json_.Begin('{');
    json_.Member("schema", format.schema);
    if (!format.name.empty()) json_.Member("name", format.name);
    if (!format.description.empty()) json_.Member("description", format.description);
    json_.End('}');
    json_.End('}');
    json_.End('}');
    json_.End('}');
  }

  void WriteAdditional() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    const bool off = own_ && reasoning.enabled == false;
    std::optional<std::int64_t> top_k = conversation_.top_k;
    if (top_k && !anthropic_) Warn("top_k");
    if (top_k && anthropic_ && Thinks() && !own_) Warn("top_k beside thinking");
    if (top_k && (!anthropic_ || (Thinks() && !own_) || !Takes("top_k"))) top_k.reset();
    std::vector<const llm::ExtraField*> fields;
    for (const llm::ExtraField& field : conversation_.extra) {
      if (own_ && field.name.starts_with(kAdditionalPrefix)) fields.push_back(&field);
    }
    if (Thinks() || off || top_k || !fields.empty()) {
      json_.Key("additionalModelRequestFields");
      json_.Begin('{');
      if (Thinks() || off) WriteThinking(off);
      if (top_k) json_.Member("top_k", *top_k);
      for (const llm::ExtraField* field : fields) {
        json_.Key(std::string_view(field->name).substr(kAdditionalPrefix.size()));
        json_.Raw(field->json);
      }
      json_.End('}');
    }
    // Without being asked, it is not told which sequence has ended an answer.
    if (!own_ && anthropic_ && !conversation_.stop.empty() &&
        Accepted("additionalModelResponseFieldPaths")) {
      json_.Strings("additionalModelResponseFieldPaths",
                    std::array<std::string, 1>{"/stop_sequence"});
    }
  }

  void WriteThinking(bool off) {
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
    const std::string& display = conversation_.reasoning.summary;
    if (own_ && !display.empty()) json_.Member("display", display);
    json_.End('}');
  }

  void WriteWords() {
    const Conversation& c = conversation_;
    if (!c.metadata.empty()) {
      JsonTree tree;
      const bool fits = tree.Parse(c.metadata) && IsMetadata(tree.root());
      if (!fits && !own_) {
        Warn("metadata");
      } else if (Takes("requestMetadata")) {
        json_.Key("requestMetadata");
        json_.Raw(c.metadata);
      }
    }
    static constexpr std::array<std::string_view, 4> kTiers = {"priority", "default", "flex",
                                                               "reserved"};
    if (!c.service_tier.empty() && c.service_tier != "auto") {
      if (!own_ && std::ranges::find(kTiers, c.service_tier) == kTiers.end()) {
        Warn(fmt::format("service_tier {}", c.service_tier));
      } else if (Takes("serviceTier")) {
        json_.Key("serviceTier");
        json_.Begin('{');
        json_.Member("type", c.service_tier);
        json_.End('}');
      }
    }
    if (c.frequency_penalty) Warn("frequency_penalty");
    if (c.presence_penalty) Warn("presence_penalty");
    if (c.seed) Warn("seed");
    if (c.logprobs.value_or(false)) Warn("logprobs");
    if (c.top_logprobs.value_or(0) > 0) Warn("top_logprobs");
    if (!c.user.empty()) Warn("user");
    if (!c.verbosity.empty()) Warn("verbosity");
  }

  const Conversation& conversation_;
  const llm::Profile& profile_;
  const bool own_;
  const bool anthropic_;
  bool native_format_ = false;
  bool forced_tool_ = false;
  bool adaptive_ = false;
  std::int64_t budget_ = 0;
  std::optional<std::int64_t> max_tokens_;
  JsonWriter json_;
  Warnings warnings_;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, model, profile).Write();
}

}  // namespace triage::wire::bedrock
