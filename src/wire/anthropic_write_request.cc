#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "wire/anthropic.h"
#include "wire/anthropic_turns.h"

namespace triage::wire::anthropic {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;
using ChoiceKind = llm::ToolChoice::Kind;

constexpr std::int64_t kLeastBudget = 1024;  // of thinking; less is refused
constexpr double kLeastTopP = 0.95;          // beside thinking

// Budgets for OpenAI's words of effort, as other gateways draw them.
std::int64_t BudgetOf(std::string_view effort) {
  if (effort == "low") return 2048;
  if (effort == "medium") return 8192;
  return 16'384;
}

std::string_view EffortOf(std::int64_t budget) {
  if (budget < BudgetOf("medium")) return "low";
  return budget < BudgetOf("high") ? "medium" : "high";
}

bool IsEffort(std::string_view word) {
  return word == "low" || word == "medium" || word == "high" || word == "xhigh" || word == "max";
}

// The assistant's words that the last turn's results of tools answer; nullptr when it has none.
const Message* OpenCalls(const Conversation& conversation) {
  bool results = false;
  const Message* first = nullptr;
  for (auto message = conversation.messages.rbegin(); message != conversation.messages.rend();
       ++message) {
    if (message->role == Role::kTool && first == nullptr) results = true;
    if (message->role == Role::kAssistant) {
      if (!results) return nullptr;
      first = &*message;
    } else if (first != nullptr && message->role != Role::kSystem) {
      break;
    }
  }
  return first;
}

bool EndsWithAssistant(const Conversation& conversation) {
  const auto last =
      std::find_if(conversation.messages.rbegin(), conversation.messages.rend(),
                   [](const Message& message) { return message.role != Role::kSystem; });
  return last != conversation.messages.rend() && last->role == Role::kAssistant;
}

class RequestWriter {
 public:
  RequestWriter(const Conversation& conversation, const llm::Profile& profile)
      : conversation_(conversation),
        profile_(profile),
        own_(conversation.origin == kSelf),
        turns_(conversation, json_, warnings_) {}

  Result<WrittenRequest> Write(std::string_view model) {
    if (conversation_.choices.value_or(1) > 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "n: this model gives one answer to a request; leave n out.",
                   .field = "/n"};
    }
    PlanFormat();
    if (forced_tool_ && IsOtherThanObject(conversation_.response_format->schema)) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message =
                       "response_format: this model's answers can only be JSON objects; "
                       "give the schema the type object.",
                   .field = "/response_format"};
    }
    PlanThinking();
    json_.Begin('{');
    json_.Member("model", model);
    json_.Member("max_tokens", max_tokens_);
    turns_.WriteSystem();
    turns_.WriteMessages();
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
  enum class Thinking : std::uint8_t { kNotSaid, kOff, kBudget, kAdaptive };

  void Warn(std::string text) { anthropic::Warn(warnings_, std::move(text)); }

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

  // What depends on each other is settled before anything is written.

  ChoiceKind Choice() const { return conversation_.tool_choice.value_or(llm::ToolChoice{}).kind; }

  bool MustCall() const {
    return Choice() == ChoiceKind::kRequired || Choice() == ChoiceKind::kTool;
  }

  void PlanFormat() {
    using Kind = llm::ResponseFormat::Kind;
    const auto& format = conversation_.response_format;
    if (!format || format->kind == Kind::kText) return;
    if (own_) {
      // Anthropic's own client knows its model, and reads no forced call as the answer.
      native_format_ = format->kind == Kind::kJsonSchema && Takes("output_config");
      return;
    }
    native_format_ = format->kind == Kind::kJsonSchema && profile_.structured_output &&
                     Accepted("output_config") && FitsOutputFormat(format->schema);
    // A turn that must call a tool of the client's gives no answer yet.
    forced_tool_ = !native_format_ && !MustCall();
  }

  void PlanThinking() {
    const llm::Reasoning& reasoning = conversation_.reasoning;
    own_ ? TakeThinking(reasoning) : TranslateThinking(reasoning);
    if (Thinks() && !Takes("thinking")) thinking_ = Thinking::kNotSaid;
    max_tokens_ = conversation_.max_output_tokens.value_or(profile_.default_max_tokens +
                                                           (own_ ? 0 : budget_));
    if (thinking_ == Thinking::kBudget) FitBudget();
    if (Thinks() && !(own_ && thinking_ == Thinking::kAdaptive)) ForgoThinking();
    if (!Thinks() && !own_) effort_.clear();
  }

  // As Anthropic's client put it.
  void TakeThinking(const llm::Reasoning& reasoning) {
    effort_ = reasoning.effort;
    display_ = reasoning.summary;
    budget_ = reasoning.budget_tokens.value_or(0);
    if (reasoning.adaptive) {
      thinking_ = Thinking::kAdaptive;
    } else if (budget_ > 0) {
      thinking_ = Thinking::kBudget;
    } else if (reasoning.enabled.has_value() && !*reasoning.enabled) {
      thinking_ = Thinking::kOff;
    }
  }

  // Not to think is what the API does when nothing is said.
  void TranslateThinking(const llm::Reasoning& reasoning) {
    const bool off = reasoning.effort == "none" || reasoning.effort == "minimal" ||
                     reasoning.enabled == false || reasoning.budget_tokens == 0;
    if (off) return;
    if (reasoning.budget_tokens.value_or(0) > 0) {
      budget_ = *reasoning.budget_tokens;
    } else if (!reasoning.effort.empty()) {
      budget_ = BudgetOf(reasoning.effort);
    } else if (reasoning.enabled.value_or(false) || reasoning.adaptive) {
      budget_ = BudgetOf("medium");
    } else {
      return;
    }
    thinking_ = Thinking::kBudget;
    if (!profile_.adaptive_thinking) return;
    thinking_ = Thinking::kAdaptive;
    effort_ = IsEffort(reasoning.effort) ? reasoning.effort : EffortOf(budget_);
    budget_ = 0;
    if (!reasoning.summary.empty()) display_ = "summarized";
  }

  // The budget is a part of max_tokens.
  void FitBudget() {
    budget_ = std::max(budget_, kLeastBudget);
    if (budget_ < max_tokens_) return;
    budget_ = max_tokens_ - 1;
    if (budget_ < kLeastBudget) {
      thinking_ = Thinking::kNotSaid;
      Warn("thinking: max_tokens leaves no room for it");
    } else {
      Warn(fmt::format("thinking budget lowered to {}", budget_));
    }
  }

  // What the API refuses beside thinking matters more than thinking does.
  void ForgoThinking() {
    const auto forgo = [&](std::string_view why) {
      thinking_ = Thinking::kNotSaid;
      Warn(std::string(why));
    };
    const Message* calls = OpenCalls(conversation_);
    const auto* first = calls == nullptr || calls->parts.empty()
                            ? nullptr
                            : std::get_if<llm::ThinkingPart>(&calls->parts.front());
    if (forced_tool_) {
      forgo("thinking beside this response format");
    } else if (MustCall()) {
      forgo("thinking beside this tool_choice");
    } else if (!own_ && EndsWithAssistant(conversation_)) {
      forgo("thinking beside a begun answer");
    } else if (thinking_ == Thinking::kBudget && calls != nullptr &&
               (first == nullptr || !IsOwn(*first))) {
      // Calls that began with thinking must be sent back with it.
      forgo("thinking: the calls under way began without it");
    }
  }

  bool Thinks() const { return thinking_ == Thinking::kBudget || thinking_ == Thinking::kAdaptive; }

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
    const bool none = tools.empty();
    const std::vector<std::string_view> used =
        none && !own_ ? UsedTools() : std::vector<std::string_view>{};
    if ((none && used.empty() && !forced_tool_) || !Takes("tools")) return;
    json_.Key("tools");
    json_.Begin('[');
    for (const llm::Tool* tool : tools) WriteTool(*tool);
    for (const std::string_view name : used) {
      // Calls in the history want their tools declared.
      Warn("tools of earlier turns were declared");
      json_.Begin('{');
      json_.Member("name", name);
      json_.Key("input_schema");
      json_.Raw(kAnyObject);
      json_.End('}');
    }
    if (forced_tool_) WriteAnswerTool();
    json_.End(']');
    WriteChoice(!none, !used.empty());
  }

  std::vector<std::string_view> UsedTools() const {
    std::vector<std::string_view> names;
    for (const Message& message : conversation_.messages) {
      for (const llm::Part& part : message.parts) {
        const auto* call = std::get_if<llm::ToolCallPart>(&part);
        if (call != nullptr && std::ranges::find(names, call->name) == names.end())
          names.push_back(call->name);
      }
    }
    return names;
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
    if (own_) {
      json_.Raw(tool.parameters.empty() ? kAnyObject : std::string_view(tool.parameters));
      if (tool.strict) json_.Flag("strict", *tool.strict);
    } else {
      if (WriteInputSchema(json_, tool.parameters))
        Warn(fmt::format("a part of the schema of tool {}", tool.name));
      if (tool.strict.value_or(false)) {
        if (profile_.structured_output && FitsOutputFormat(tool.parameters)) {
          json_.Flag("strict", true);
        } else {
          Warn("strict tools");
        }
      }
    }
    turns_.WriteCache(tool.cache);
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
    if (WriteInputSchema(json_, format.schema)) Warn("a part of the schema of response_format");
    json_.End('}');
  }

  void WriteChoice(bool has_tools, bool declared) {
    llm::ToolChoice choice = conversation_.tool_choice.value_or(llm::ToolChoice{});
    std::optional<bool> parallel = conversation_.parallel_tool_calls;
    bool said = conversation_.tool_choice.has_value() || parallel.has_value();
    if (forced_tool_) {
      // With tools of the client's beside it, the model may call those first.
      said = true;
      const bool others = has_tools && choice.kind != ChoiceKind::kNone;
      choice = others
                   ? llm::ToolChoice{.kind = ChoiceKind::kRequired}
                   : llm::ToolChoice{.kind = ChoiceKind::kTool, .name = std::string(kAnswerTool)};
      if (!others) parallel = false;
    } else if (declared) {
      said = true;
      choice = {.kind = ChoiceKind::kNone};
    }
    if (!said) return;
    json_.Key("tool_choice");
    json_.Begin('{');
    switch (choice.kind) {
      case ChoiceKind::kAuto: json_.Member("type", "auto"); break;
      case ChoiceKind::kNone: json_.Member("type", "none"); break;
      case ChoiceKind::kRequired: json_.Member("type", "any"); break;
      case ChoiceKind::kTool:
        json_.Member("type", "tool");
        json_.Member("name", choice.name);
        break;
    }
    if (parallel && choice.kind != ChoiceKind::kNone)
      json_.Flag("disable_parallel_tool_use", !*parallel);
    json_.End('}');
  }

  // Everything else.

  void WriteThinking() {
    if (thinking_ == Thinking::kNotSaid) return;
    json_.Key("thinking");
    json_.Begin('{');
    if (thinking_ == Thinking::kOff) {
      json_.Member("type", "disabled");
    } else if (thinking_ == Thinking::kAdaptive) {
      json_.Member("type", "adaptive");
    } else {
      json_.Member("type", "enabled");
      json_.Member("budget_tokens", budget_);
    }
    if (!display_.empty()) json_.Member("display", display_);
    json_.End('}');
  }

  void WriteOutputConfig() {
    const bool effort = !effort_.empty() && Takes("output_config");
    if (!effort && !native_format_) return;
    json_.Key("output_config");
    json_.Begin('{');
    if (effort) json_.Member("effort", effort_);
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
    WriteTemperature();
    WriteTopP();
    if (conversation_.top_k) {
      if (Thinks() && !own_) {
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

  void WriteTemperature() {
    std::optional<double> temperature = conversation_.temperature;
    if (!temperature) return;
    if (Thinks() && !own_) {
      if (*temperature != 1) Warn("temperature beside thinking");
      return;
    }
    if (!Takes("temperature")) return;
    const double most = std::min(profile_.max_temperature, 1.0);
    if (*temperature > most) {
      temperature = most;
      Warn(fmt::format("temperature lowered to {}", most));
    }
    json_.Member("temperature", temperature);
  }

  // Newer models refuse it beside a temperature; clients of other dialects often send both.
  void WriteTopP() {
    const std::optional<double> top_p = conversation_.top_p;
    if (!top_p) return;
    if (!own_ && conversation_.temperature) {
      if (*top_p != 1) Warn("top_p beside temperature");
    } else if (!own_ && Thinks() && *top_p < kLeastTopP) {
      Warn("top_p beside thinking");
    } else if (Takes("top_p")) {
      json_.Member("top_p", top_p);
    }
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
  TurnWriter turns_;
  bool native_format_ = false;
  bool forced_tool_ = false;
  Thinking thinking_ = Thinking::kNotSaid;
  std::int64_t budget_ = 0;  // of kBudget
  std::string effort_;
  std::string display_;
  std::int64_t max_tokens_ = 0;
};

}  // namespace

Result<WrittenRequest> WriteRequest(const Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile) {
  return RequestWriter(conversation, profile).Write(model);
}

}  // namespace triage::wire::anthropic
