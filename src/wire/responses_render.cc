#include "wire/responses_render.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wire/json_tree.h"
#include "wire/responses.h"
#include "wire/responses_parts.h"
#include "wire/responses_request.h"
#include "wire/sealed_thinking.h"

namespace triage::wire {

std::string ResponseId(std::string_view exchange_id) {
  constexpr std::string_view kPrefix = "resp_";
  if (exchange_id.starts_with(kPrefix)) return std::string(exchange_id);
  return fmt::format("{}{}", kPrefix, exchange_id);
}

namespace responses {
namespace {

// Request members that an answer repeats, and what they are when the client left them out.
constexpr std::pair<std::string_view, std::string_view> kEchoed[] = {
    {"background", "false"},
    {"instructions", "null"},
    {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"previous_response_id", "null"},
    {"prompt_cache_key", "null"},
    {"reasoning", R"({"effort":null,"summary":null})"},
    {"safety_identifier", "null"},
    {"store", "true"},
    {"temperature", "1.0"},
    {"text", R"({"format":{"type":"text"}})"},
    {"tool_choice", R"("auto")"},
    {"tools", "[]"},
    {"top_logprobs", "0"},
    {"top_p", "1.0"},
    {"truncation", R"("disabled")"},
    {"user", "null"},
};

void WriteReasoning(JsonWriter& json, std::string_view id, const llm::ThinkingPart& thinking,
                    std::string_view status) {
  json.Member("id", id);
  json.Member("type", "reasoning");
  json.Key("summary");
  json.Begin('[');
  if (!thinking.text.empty()) {
    json.Begin('{');
    json.Member("type", "summary_text");
    json.Member("text", thinking.text);
    json.End('}');
  }
  json.End(']');
  const std::string sealed =
      thinking.origin == kSelf ? thinking.signature : Sealed(thinking.origin, thinking.signature);
  if (!sealed.empty()) json.Member("encrypted_content", sealed);
  json.Member("status", status);
}

void WriteCall(JsonWriter& json, std::string_view id, const llm::ToolCallPart& call,
               std::string_view status) {
  json.Member("id", id);
  json.Member("type", "function_call");
  json.Member("status", status);
  json.Member("arguments", call.arguments);
  json.Member("call_id", call.id);
  json.Member("name", call.name);
}

// Whether status and reason say why generation ended; else the provider's own word has to.
bool SaysAll(const Ending& ending, llm::FinishReason finish) {
  switch (finish) {
    case llm::FinishReason::kStop:
    case llm::FinishReason::kToolCalls:
    case llm::FinishReason::kLength:
    case llm::FinishReason::kContentFilter: return true;
    case llm::FinishReason::kRefusal: return ending.status == "completed";
    case llm::FinishReason::kUnknown:
    case llm::FinishReason::kPause:
    case llm::FinishReason::kContextExceeded:
    case llm::FinishReason::kError: return false;
  }
  return false;
}

void WriteError(JsonWriter& json, const Error& error) {
  json.Begin('{');
  json.Member("code", FailureCode(error));
  json.Member("message", error.message);
  json.End('}');
}

}  // namespace

bool IsWritten(const llm::Part& part) {
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return opaque->origin == kSelf;
  return std::holds_alternative<llm::TextPart>(part) ||
         std::holds_alternative<llm::RefusalPart>(part) ||
         std::holds_alternative<llm::ThinkingPart>(part) ||
         std::holds_alternative<llm::ToolCallPart>(part);
}

bool IsAnswerContent(const llm::Part& part) {
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part))
    return opaque->origin == kSelf && IsContentType(opaque->type);
  return std::holds_alternative<llm::TextPart>(part) ||
         std::holds_alternative<llm::RefusalPart>(part);
}

std::vector<OutputItem> OutputItems(std::span<const llm::Part> parts) {
  using Kind = OutputItem::Kind;
  std::vector<OutputItem> items;
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const llm::Part& part = parts[at];
    if (!IsWritten(part)) continue;
    if (IsAnswerContent(part)) {
      if (!items.empty() && items.back().kind == Kind::kMessage && items.back().end == at) {
        ++items.back().end;
      } else {
        items.push_back({.kind = Kind::kMessage, .begin = at, .end = at + 1});
      }
      continue;
    }
    const Kind kind = std::holds_alternative<llm::ThinkingPart>(part)   ? Kind::kReasoning
                      : std::holds_alternative<llm::ToolCallPart>(part) ? Kind::kCall
                                                                        : Kind::kOpaque;
    items.push_back({.kind = kind, .begin = at, .end = at + 1});
  }
  return items;
}

Renderer::Renderer(const AnswerContext& context)
    : id_(ResponseId(context.id)), model_(context.model), created_(context.created) {
  JsonTree request;
  // A body that a reader has let through parses; anything else is answered with defaults.
  const bool known = !context.request.empty() && request.Parse(context.request).has_value();
  JsonWriter echo;
  for (const auto& [name, fallback] : kEchoed) {
    const JsonValue given = known ? request.root()[name] : JsonValue();
    echo.Key(name);
    echo.Raw(given.null() ? fallback : given.raw());
  }
  echo_ = echo.Take();
  if (known) {
    service_tier_ = request.root()["service_tier"].string();
    for (JsonValue entry : request.root()["include"])
      wants_logprobs_ = wants_logprobs_ || entry.text() == kIncludeLogprobs;
  }
  base_ = id_.substr(id_.find('_') + 1);
}

void Renderer::Adopt(const llm::Answer& answer) {
  if (answer.id.starts_with("resp_")) {
    id_ = answer.id;
    base_ = id_.substr(id_.find('_') + 1);
  }
  if (model_.empty()) model_ = answer.model;
  if (answer.created != 0) created_ = answer.created;
  if (!answer.service_tier.empty()) service_tier_ = answer.service_tier;
}

std::string Renderer::ItemId(const llm::Part& part, std::size_t index) const {
  if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part))
    return thinking->id.empty() ? fmt::format("rs_{}_{}", base_, index) : thinking->id;
  if (const auto* call = std::get_if<llm::ToolCallPart>(&part))
    return call->item_id.empty() ? fmt::format("fc_{}_{}", base_, index) : call->item_id;
  return fmt::format("msg_{}_{}", base_, index);
}

void Renderer::WriteContent(JsonWriter& json, const llm::Part& part,
                            std::span<const llm::TokenLogprob> logprobs) {
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return json.Raw(opaque->json);
  json.Begin('{');
  if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
    json.Member("type", "refusal");
    json.Member("refusal", refusal->text);
  } else if (const auto* text = std::get_if<llm::TextPart>(&part)) {
    json.Member("type", "output_text");
    json.Key("annotations");
    json.Begin('[');
    for (const llm::Citation& citation : text->citations)
      WriteAnnotation(json, citation, CharactersIn(text->text));
    json.End(']');
    WriteLogprobs(json, logprobs);
    json.Member("text", text->text);
  }
  json.End('}');
}

void Renderer::WriteMessage(JsonWriter& json, std::string_view id, std::span<const llm::Part> parts,
                            std::string_view status, std::span<const llm::TokenLogprob> logprobs) {
  json.Begin('{');
  json.Member("id", id);
  json.Member("type", "message");
  json.Member("status", status);
  json.Key("content");
  json.Begin('[');
  for (const llm::Part& part : parts) {
    WriteContent(json, part, logprobs);
    if (std::holds_alternative<llm::TextPart>(part)) logprobs = {};
  }
  json.End(']');
  json.Member("role", "assistant");
  json.End('}');
}

void Renderer::WriteItem(JsonWriter& json, std::span<const llm::Part> parts, std::size_t index,
                         std::string_view status,
                         std::span<const llm::TokenLogprob> logprobs) const {
  const llm::Part& first = parts.front();
  const std::string id = ItemId(first, index);
  if (IsAnswerContent(first)) return WriteMessage(json, id, parts, status, logprobs);
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&first)) return json.Raw(opaque->json);
  json.Begin('{');
  if (const auto* thinking = std::get_if<llm::ThinkingPart>(&first)) {
    WriteReasoning(json, id, *thinking, status);
  } else if (const auto* call = std::get_if<llm::ToolCallPart>(&first)) {
    WriteCall(json, id, *call, status);
  }
  json.End('}');
}

void Renderer::WriteResponse(JsonWriter& json, std::string_view status, const llm::Answer* answer,
                             const Error* error) const {
  const Ending ending = answer != nullptr ? EndingOf(*answer) : Ending{};
  json.Begin('{');
  json.Member("id", id_);
  json.Member("object", "response");
  json.Member("created_at", created_);
  json.Member("status", status);
  json.Key("error");
  if (error != nullptr) {
    WriteError(json, *error);
  } else if (status == "failed") {
    WriteError(json, {.code = ErrorCode::kUpstream, .message = "The model failed to answer."});
  } else {
    json.Null();
  }
  json.Key("incomplete_details");
  if (status == "incomplete") {
    json.Begin('{');
    json.Member("reason", ending.reason);
    json.End('}');
  } else {
    json.Null();
  }
  json.Member("model", model_);
  json.Raw(echo_);
  json.Key("service_tier");
  service_tier_.empty() ? json.Null() : json.String(service_tier_);
  json.Key("output");
  json.Begin('[');
  if (answer != nullptr) {
    const std::span<const llm::Part> parts(answer->parts);
    const std::vector<OutputItem> items = OutputItems(parts);
    std::span<const llm::TokenLogprob> logprobs(answer->logprobs);
    for (std::size_t index = 0; index < items.size(); ++index) {
      const OutputItem& item = items[index];
      const bool cut = index + 1 == items.size() && item.kind == OutputItem::Kind::kMessage &&
                       status == "incomplete";
      const auto own = parts.subspan(item.begin, item.end - item.begin);
      WriteItem(json, own, index, cut ? "incomplete" : "completed", logprobs);
      const bool told = std::ranges::any_of(
          own, [](const llm::Part& part) { return std::holds_alternative<llm::TextPart>(part); });
      if (told) logprobs = {};
    }
  }
  json.End(']');
  WriteUsage(json, answer != nullptr ? answer->usage : std::nullopt);
  if (answer != nullptr && status == ending.status && !answer->raw_finish.empty() &&
      !SaysAll(ending, answer->finish)) {
    json.Member("native_finish_reason", answer->raw_finish);
  }
  json.End('}');
}

}  // namespace responses
}  // namespace triage::wire
