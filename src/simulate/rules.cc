#include "simulate/rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "simulate/schema_rules.h"
#include "simulate/script.h"
#include "simulate/signature.h"
#include "wire/gemini.h"

namespace triage::simulate {

namespace {

using llm::Conversation;
using llm::Dialect;
using llm::Message;
using llm::Part;
using llm::ResponseFormat;
using llm::Role;
using llm::ToolChoice;

using Broken = std::optional<Error>;

Error Refused(std::string message, std::string field = {}) {
  return Error{
      .code = ErrorCode::kInvalidRequest, .message = std::move(message), .field = std::move(field)};
}

/// Index of each message in the provider's own list, where system text stands apart and a user's
/// words share a turn with the tool results before them.
std::vector<int> TurnIndices(const Conversation& conversation) {
  std::vector<int> indices;
  int next = -1;
  Role last = Role::kSystem;
  for (const Message& message : conversation.messages) {
    if (message.role != Role::kSystem) {
      if (!(message.role == Role::kUser && last == Role::kTool)) ++next;
      last = message.role;
    }
    indices.push_back(std::max(next, 0));
  }
  return indices;
}

std::vector<std::string> CallIds(const Message& message) {
  std::vector<std::string> ids;
  for (const Part& part : message.parts) {
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) ids.push_back(call->id);
  }
  return ids;
}

std::vector<std::string> ResultIds(const Message& message) {
  std::vector<std::string> ids;
  for (const Part& part : message.parts) {
    if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) ids.push_back(result->id);
  }
  return ids;
}

std::vector<std::string> Without(std::vector<std::string> ids,
                                 const std::vector<std::string>& taken) {
  std::erase_if(ids,
                [&](const std::string& id) { return std::ranges::find(taken, id) != taken.end(); });
  return ids;
}

Error Unanswered(Dialect dialect, int turn, const std::vector<std::string>& ids) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOci:
      return Refused(
          fmt::format("An assistant message with 'tool_calls' must be followed by tool "
                      "messages responding to each 'tool_call_id'. The following "
                      "tool_call_ids did not have response messages: {}",
                      Join(ids)));
    case Dialect::kOpenAiResponses:
      return Refused(fmt::format("No tool output found for function call {}.", ids.front()),
                     "/input");
    case Dialect::kAnthropic:
      return Refused(
          fmt::format("messages.{}: `tool_use` ids were found without `tool_result` "
                      "blocks immediately after: {}. Each `tool_use` block must have a "
                      "corresponding `tool_result` block in the next message.",
                      turn, Join(ids)));
    case Dialect::kGemini:
      return Refused(
          "Please ensure that the number of function response parts is equal to the "
          "number of function call parts of the function call turn.");
    case Dialect::kBedrock:
      return Refused(
          fmt::format("Expected toolResult blocks at messages.{}.content for the "
                      "following Ids: {}",
                      turn + 1, Join(ids)));
  }
  return {};
}

Error Uncalled(Dialect dialect, int turn, const std::vector<std::string>& ids) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOci:
      return Refused(
          "Invalid parameter: messages with role 'tool' must be a response to a "
          "preceeding message with 'tool_calls'.");
    case Dialect::kOpenAiResponses:
      return Refused(
          fmt::format("No tool call found for function call output with call_id {}.", ids.front()),
          "/input");
    case Dialect::kAnthropic:
      return Refused(
          fmt::format("messages.{}.content.0: unexpected `tool_use_id` found in "
                      "`tool_result` blocks: {}. Each `tool_result` block must have a "
                      "corresponding `tool_use` block in the previous message.",
                      turn, Join(ids)));
    case Dialect::kGemini:
      return Refused(
          "Please ensure that function response turn comes immediately after a function "
          "call turn.");
    case Dialect::kBedrock:
      return Refused(
          fmt::format("The number of toolResult blocks at messages.{}.content exceeds "
                      "the number of toolUse blocks of previous turn.",
                      turn));
  }
  return {};
}

Broken ToolResults(const Conversation& conversation, Dialect dialect,
                   const std::vector<int>& turns) {
  const auto& messages = conversation.messages;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message* next = i + 1 < messages.size() ? &messages[i + 1] : nullptr;
    if (messages[i].role == Role::kAssistant) {
      const auto calls = CallIds(messages[i]);
      const bool answered = next != nullptr && next->role == Role::kTool;
      const auto open = answered ? Without(calls, ResultIds(*next)) : calls;
      if (!open.empty()) return Unanswered(dialect, turns[i], open);
    }
    if (messages[i].role == Role::kTool) {
      const bool behind = i > 0 && messages[i - 1].role == Role::kAssistant;
      const auto results = ResultIds(messages[i]);
      const auto stray = behind ? Without(results, CallIds(messages[i - 1])) : results;
      if (!stray.empty()) return Uncalled(dialect, turns[i], stray);
    }
  }
  return std::nullopt;
}

Broken UserFirst(const Conversation& conversation, Dialect dialect) {
  for (const Message& message : conversation.messages) {
    if (message.role == Role::kSystem) continue;
    if (message.role == Role::kUser) return std::nullopt;
    break;
  }
  return dialect == Dialect::kBedrock
             ? Refused(
                   "A conversation must start with a user message. Try again with a "
                   "conversation that starts with a user message.")
             : Refused("messages: first message must use the \"user\" role");
}

Broken Alternating(const Conversation& conversation) {
  Role last = Role::kSystem;
  for (const Message& message : conversation.messages) {
    const bool again = message.role == last || (message.role == Role::kTool && last == Role::kUser);
    if (message.role != Role::kSystem && again) {
      return Refused(
          "A conversation must alternate between user and assistant roles. Make sure "
          "the conversation alternates between user and assistant roles and try again.");
    }
    last = message.role;
  }
  return std::nullopt;
}

Error BadSignature(Dialect dialect, int turn, std::size_t place, const llm::ThinkingPart& part) {
  switch (dialect) {
    case Dialect::kAnthropic:
    case Dialect::kBedrock: {
      const std::string words = fmt::format("messages.{}.content.{}: Invalid `{}` in `{}` block",
                                            turn, place, part.redacted ? "data" : "signature",
                                            part.redacted ? "redacted_thinking" : "thinking");
      return Refused(dialect == Dialect::kBedrock
                         ? "The model returned the following errors: " + words
                         : words);
    }
    case Dialect::kGemini: return Refused("Corrupted thought signature.");
    case Dialect::kOpenAiResponses:
      return Refused(fmt::format("The encrypted content for item {} could not be verified. Reason: "
                                 "Encrypted content could not be decrypted or parsed.",
                                 part.id),
                     "/input");
    case Dialect::kOpenAiChat:
    case Dialect::kOci: break;
  }
  return Refused("reasoning content could not be verified");
}

/// Whatever signature comes back must be what was given out for that text.
Broken Signatures(const Conversation& conversation, Dialect dialect,
                  const std::vector<int>& turns) {
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const auto& parts = conversation.messages[i].parts;
    for (std::size_t j = 0; j < parts.size(); ++j) {
      if (const auto* thinking = std::get_if<llm::ThinkingPart>(&parts[j])) {
        const bool must = dialect == Dialect::kAnthropic || dialect == Dialect::kBedrock;
        if (thinking->signature.empty() && !must) continue;
        if (thinking->signature != SignatureOf(dialect, thinking->text))
          return BadSignature(dialect, turns[i], j, *thinking);
      }
      const auto* call = std::get_if<llm::ToolCallPart>(&parts[j]);
      if (dialect == Dialect::kGemini && call != nullptr && !call->signature.empty() &&
          call->signature != wire::gemini::kSkipSignature &&
          call->signature != SignatureOf(dialect, call->name + call->arguments))
        return Refused("Corrupted thought signature.");
    }
  }
  return std::nullopt;
}

/// With thinking on, the turn that called the tools must come back with its thinking in front.
Broken ThinkingFirst(const Conversation& conversation, Dialect dialect,
                     const std::vector<int>& turns) {
  const auto& messages = conversation.messages;
  if (!ThinkingAsked(conversation, dialect) || messages.size() < 2 ||
      messages.back().role != Role::kTool)
    return std::nullopt;
  const std::size_t at = messages.size() - 2;
  const Message& turn = messages[at];
  if (turn.role != Role::kAssistant || std::holds_alternative<llm::ThinkingPart>(turn.parts[0]))
    return std::nullopt;
  const std::string words = fmt::format(
      "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. "
      "When "
      "`thinking` is enabled, a final `assistant` message must start with a thinking block.",
      turns[at], std::holds_alternative<llm::ToolCallPart>(turn.parts[0]) ? "tool_use" : "text");
  return Refused(dialect == Dialect::kBedrock ? "The model returned the following errors: " + words
                                              : words);
}

/// Gemini wants the signature of the first call of each step of the current turn back.
Broken CallsSigned(const Conversation& conversation) {
  const auto& messages = conversation.messages;
  if (!ThinkingAsked(conversation, Dialect::kGemini)) return std::nullopt;
  for (std::size_t i = messages.size(); i-- > 0 && messages[i].role != Role::kUser;) {
    for (const Part& part : messages[i].parts) {
      const auto* call = std::get_if<llm::ToolCallPart>(&part);
      if (call == nullptr) continue;
      if (!call->signature.empty()) break;
      return Refused(
          fmt::format("Function call is missing a thought_signature in functionCall "
                      "parts. This is required for tools to work correctly, and missing "
                      "thought_signature may lead to degraded model performance. "
                      "Additional data, function call `default_api:{}` , position {}.",
                      call->name, i + 1));
    }
  }
  return std::nullopt;
}

Broken TemperatureAtMost(const Conversation& conversation, double most, std::string_view words) {
  const double value = conversation.temperature.value_or(0);
  if (value >= 0 && value <= most) return std::nullopt;
  return Refused(std::string(words), "/temperature");
}

bool Mentions(const Conversation& conversation, std::string_view word) {
  for (const Message& message : conversation.messages) {
    for (const Part& part : message.parts) {
      const auto* text = std::get_if<llm::TextPart>(&part);
      if (text != nullptr && ToLowerAscii(text->text).find(word) != std::string::npos) return true;
    }
  }
  return false;
}

Broken OpenAiBoth(const Conversation& conversation) {
  if (auto broken =
          TemperatureAtMost(conversation, 2,
                            "Invalid 'temperature': decimal above maximum value. Expected "
                            "a value <= 2."))
    return broken;
  const auto& format = conversation.response_format;
  if (format && format->kind == ResponseFormat::Kind::kJsonObject &&
      !Mentions(conversation, "json"))
    return Refused(
        "'messages' must contain the word 'json' in some form, to use 'response_format' "
        "of type 'json_object'.");
  if (format && format->kind == ResponseFormat::Kind::kJsonSchema &&
      format->strict.value_or(false)) {
    if (const auto wrong = StrictSchemaProblem(format->schema))
      return Refused(
          fmt::format("Invalid schema for response_format '{}': {}", format->name, *wrong));
  }
  for (const llm::Tool& tool : conversation.tools) {
    if (!tool.is_function() || !tool.strict.value_or(false)) continue;
    if (const auto wrong = StrictSchemaProblem(tool.parameters))
      return Refused(fmt::format("Invalid schema for function '{}': {}", tool.name, *wrong));
  }
  return std::nullopt;
}

Broken OpenAiChatRules(const Conversation& conversation, wire::JsonValue body) {
  if (!body["stream_options"].null() && !conversation.stream)
    return Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                   "/stream_options");
  if (conversation.choices.value_or(1) != 1)
    return Refused("The simulator gives one choice: 'n' must be 1.", "/n");
  if (conversation.tool_choice && conversation.tools.empty() && !body["tool_choice"].null())
    return Refused(
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
        "specified.",
        "/tool_choice");
  if (conversation.top_logprobs && !conversation.logprobs.value_or(false))
    return Refused("The 'logprobs' parameter must be enabled when 'top_logprobs' is used.",
                   "/top_logprobs");
  return OpenAiBoth(conversation);
}

Broken ResponsesRules(const Conversation& conversation, wire::JsonValue body) {
  if (const wire::JsonValue previous = body["previous_response_id"]; !previous.null())
    return Refused(fmt::format("Previous response with id '{}' not found.", previous.text()),
                   "/previous_response_id");
  return OpenAiBoth(conversation);
}

int CacheHints(const Conversation& conversation) {
  int hints = 0;
  const auto add = [&](llm::CacheHint hint) { hints += hint == llm::CacheHint::kNone ? 0 : 1; };
  for (const llm::Tool& tool : conversation.tools) add(tool.cache);
  for (const Message& message : conversation.messages) {
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<llm::TextPart>(&part)) add(text->cache);
      if (const auto* image = std::get_if<llm::ImagePart>(&part)) add(image->cache);
      if (const auto* document = std::get_if<llm::DocumentPart>(&part)) add(document->cache);
      if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) add(call->cache);
      if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) add(result->cache);
    }
  }
  return hints;
}

Broken AnthropicRules(const Conversation& conversation, const std::vector<int>& turns) {
  if (!conversation.max_output_tokens) return Refused("max_tokens: Field required", "/max_tokens");
  if (auto broken = UserFirst(conversation, Dialect::kAnthropic)) return broken;
  const bool thinks = ThinkingAsked(conversation, Dialect::kAnthropic);
  const llm::Reasoning& wish = conversation.reasoning;
  if (wish.budget_tokens) {
    if (*wish.budget_tokens < 1024)
      return Refused(
          "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
          "/thinking/budget_tokens");
    if (*wish.budget_tokens >= *conversation.max_output_tokens)
      return Refused("`max_tokens` must be greater than `thinking.budget_tokens`.", "/max_tokens");
  }
  if (thinks && conversation.temperature && *conversation.temperature != 1)
    return Refused("`temperature` may only be set to 1 when thinking is enabled.", "/temperature");
  if (thinks && conversation.top_k)
    return Refused("`top_k` must be unset when thinking is enabled.", "/top_k");
  if (thinks && conversation.tool_choice &&
      (conversation.tool_choice->kind == ToolChoice::Kind::kRequired ||
       conversation.tool_choice->kind == ToolChoice::Kind::kTool))
    return Refused("Thinking may not be enabled when tool_choice forces tool use.", "/tool_choice");
  if (auto broken = TemperatureAtMost(conversation, 1, "temperature: range: 0..1")) return broken;
  if (const int hints = CacheHints(conversation); hints > 4)
    return Refused(
        fmt::format("A maximum of 4 blocks with cache_control may be provided. Found {}.", hints));
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    for (const Part& part : conversation.messages[i].parts) {
      const auto* text = std::get_if<llm::TextPart>(&part);
      if (text == nullptr || !text->text.empty()) continue;
      return Refused(conversation.messages[i].role == Role::kSystem
                         ? "system: text content blocks must be non-empty"
                         : "messages: text content blocks must be non-empty");
    }
  }
  for (std::size_t i = 0; i < conversation.tools.size(); ++i) {
    const llm::Tool& tool = conversation.tools[i];
    if (tool.is_function() && SchemaType(tool.parameters) != "object")
      return Refused(fmt::format("tools.{}.custom.input_schema.type: Field required", i));
  }
  return ThinkingFirst(conversation, Dialect::kAnthropic, turns);
}

Broken BedrockRules(const Conversation& conversation, const std::vector<int>& turns) {
  if (auto broken = UserFirst(conversation, Dialect::kBedrock)) return broken;
  if (auto broken = Alternating(conversation)) return broken;
  const bool uses_tools = std::ranges::any_of(conversation.messages, [](const Message& message) {
    return message.role == Role::kTool || !CallIds(message).empty();
  });
  if (uses_tools && conversation.tools.empty())
    return Refused(
        "The toolConfig field must be defined when using toolUse and toolResult content "
        "blocks.");
  if (auto broken = TemperatureAtMost(
          conversation, 1,
          "Value at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have "
          "value less than or equal to 1"))
    return broken;
  return ThinkingFirst(conversation, Dialect::kBedrock, turns);
}

Broken GeminiRules(const Conversation& conversation, wire::JsonValue body) {
  if (auto broken = CallsSigned(conversation)) return broken;
  if (auto broken = TemperatureAtMost(conversation, 2,
                                      "Unable to submit request because it has a temperature value "
                                      "that is out of the supported range from 0 to 2."))
    return broken;
  int place = 0;
  for (const wire::JsonValue tool : body["tools"]) {
    const wire::JsonValue functions = tool["functionDeclarations"].present()
                                          ? tool["functionDeclarations"]
                                          : tool["function_declarations"];
    int number = 0;
    for (const wire::JsonValue function : functions) {
      if (const auto key = KeyOutsideOpenApi(function["parameters"])) {
        return Refused(
            fmt::format("Invalid JSON payload received. Unknown name \"{}\" at "
                        "'tools[{}].function_declarations[{}].parameters': Cannot find "
                        "field.",
                        *key, place, number));
      }
      ++number;
    }
    ++place;
  }
  const wire::JsonValue generation =
      body["generationConfig"].present() ? body["generationConfig"] : body["generation_config"];
  for (const char* name : {"responseSchema", "response_schema"}) {
    if (const auto key = KeyOutsideOpenApi(generation[name])) {
      return Refused(
          fmt::format("Invalid JSON payload received. Unknown name \"{}\" at "
                      "'generation_config.response_schema': Cannot find field.",
                      *key));
    }
  }
  return std::nullopt;
}

Broken OciRules(wire::JsonValue body) {
  for (const char* name : {"compartmentId", "servingMode", "chatRequest"}) {
    if (body[name].null()) return Refused(fmt::format("{} must not be null", name));
  }
  return std::nullopt;
}

}  // namespace

Broken BrokenRule(const Conversation& conversation, Dialect dialect, wire::JsonValue body) {
  const std::vector<int> turns = TurnIndices(conversation);
  Broken broken;
  switch (dialect) {
    case Dialect::kOpenAiChat: broken = OpenAiChatRules(conversation, body); break;
    case Dialect::kOpenAiResponses: broken = ResponsesRules(conversation, body); break;
    case Dialect::kAnthropic: broken = AnthropicRules(conversation, turns); break;
    case Dialect::kGemini: broken = GeminiRules(conversation, body); break;
    case Dialect::kBedrock: broken = BedrockRules(conversation, turns); break;
    case Dialect::kOci: broken = OciRules(body); break;
  }
  if (!broken) broken = ToolResults(conversation, dialect, turns);
  if (!broken) broken = Signatures(conversation, dialect, turns);
  return broken;
}

}  // namespace triage::simulate
