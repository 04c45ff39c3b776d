#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/anthropic.h"
#include "wire/error_message.h"

namespace triage::wire::anthropic {
namespace {

using llm::FinishReason;

constexpr int kMaxDepth = 256;  // of a provider's answer

struct Word {
  std::string_view word;
  FinishReason finish;
};

constexpr std::array kWords = {
    Word{"end_turn", FinishReason::kStop},
    Word{"stop_sequence", FinishReason::kStop},
    Word{"max_tokens", FinishReason::kLength},
    Word{"tool_use", FinishReason::kToolCalls},
    Word{"pause_turn", FinishReason::kPause},
    Word{"refusal", FinishReason::kRefusal},
    Word{"model_context_window_exceeded", FinishReason::kContextExceeded},
};

struct ErrorType {
  std::string_view word;
  ErrorCode code;
  int status;
};

constexpr std::array kErrorTypes = {
    ErrorType{"invalid_request_error", ErrorCode::kUpstream, 400},
    ErrorType{"authentication_error", ErrorCode::kUpstream, 401},
    ErrorType{"billing_error", ErrorCode::kUpstream, 402},
    ErrorType{"permission_error", ErrorCode::kUpstream, 403},
    ErrorType{"not_found_error", ErrorCode::kUpstream, 404},
    ErrorType{"request_too_large", ErrorCode::kUpstream, 413},
    ErrorType{"rate_limit_error", ErrorCode::kRateLimited, 429},
    ErrorType{"api_error", ErrorCode::kUpstream, 500},
    ErrorType{"timeout_error", ErrorCode::kUpstream, 504},
    ErrorType{"overloaded_error", ErrorCode::kUpstream, 529},
};

Error Broken(std::string_view message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

void WriteBlock(JsonWriter& json, const llm::Part& part) {
  if (const auto* text = std::get_if<llm::TextPart>(&part)) {
    json.Begin('{');
    json.Member("type", "text");
    json.Member("text", text->text);
    json.Key("citations");
    if (text->citations.empty()) {
      json.Null();
    } else {
      WriteCitations(json, text->citations);
    }
    json.End('}');
  } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
    json.Begin('{');
    if (thinking->redacted) {
      json.Member("type", "redacted_thinking");
      json.Member("data", thinking->signature);
    } else {
      json.Member("type", "thinking");
      json.Member("thinking", thinking->text);
      json.Member("signature", SignsThinking(thinking->origin) ? thinking->signature : "");
    }
    json.End('}');
  } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
    json.Begin('{');
    json.Member("type", "tool_use");
    json.Member("id", SafeId(call->id));
    json.Member("name", call->name);
    json.Key("input");
    json.Raw(ArgumentsObject(call->arguments));
    json.End('}');
  } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
    WriteBlock(json, llm::TextPart{.text = refusal->text});
  } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
    if (opaque->origin == kSelf) json.Raw(opaque->json);
  }
}

}  // namespace

std::string SafeId(std::string_view id) {
  std::string safe(id);
  for (char& c : safe) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return safe;
}

FinishReason FinishOf(std::string_view stop_reason) {
  const auto found = std::ranges::find(kWords, stop_reason, &Word::word);
  return found == kWords.end() ? FinishReason::kUnknown : found->finish;
}

void WriteFinish(JsonWriter& json, FinishReason finish, std::string_view raw,
                 std::string_view stop_sequence) {
  std::string_view word = "end_turn";
  switch (finish) {
    case FinishReason::kStop: word = stop_sequence.empty() ? "end_turn" : "stop_sequence"; break;
    case FinishReason::kLength: word = "max_tokens"; break;
    case FinishReason::kToolCalls: word = "tool_use"; break;
    case FinishReason::kContentFilter:
    case FinishReason::kRefusal: word = "refusal"; break;
    case FinishReason::kPause: word = "pause_turn"; break;
    case FinishReason::kContextExceeded: word = "model_context_window_exceeded"; break;
    case FinishReason::kUnknown:
    case FinishReason::kError: break;
  }
  json.Member("stop_reason", word);
  json.Key("stop_sequence");
  if (stop_sequence.empty()) {
    json.Null();
  } else {
    json.String(stop_sequence);
  }
  // SDKs know only Anthropic's words; one that has no counterpart survives here.
  if (finish == FinishReason::kUnknown && !raw.empty()) json.Member("native_stop_reason", raw);
}

llm::Citation ReadCitation(JsonValue citation) {
  llm::Citation read{.title = citation["document_title"].string(),
                     .url = citation["url"].string(),
                     .cited_text = citation["cited_text"].string(),
                     .raw = std::string(citation.raw()),
                     .origin = kSelf};
  if (read.title.empty()) read.title = citation["title"].string();
  read.document = static_cast<int>(citation["document_index"].integer().value_or(-1));
  return read;
}

void WriteCitations(JsonWriter& json, const std::vector<llm::Citation>& citations) {
  json.Begin('[');
  for (const llm::Citation& citation : citations) {
    if (citation.origin == kSelf) json.Raw(citation.raw);
  }
  json.End(']');
}

void ReadUsage(JsonValue usage, std::optional<llm::Usage>& seen) {
  if (!usage.is_object()) return;
  llm::Usage read = seen.value_or(llm::Usage{});
  const auto take = [&](JsonValue value, std::int64_t& place) {
    constexpr std::int64_t kMost = 1'000'000'000'000;  // more is not plausible
    const auto count = value.integer();
    const bool told = count && *count >= 0 && *count <= kMost;
    if (told) place = *count;
    return told;
  };
  take(usage["input_tokens"], read.fresh_input);
  take(usage["cache_read_input_tokens"], read.cache_read);
  take(usage["output_tokens"], read.output);
  std::int64_t written = 0;
  const bool total = take(usage["cache_creation_input_tokens"], written);
  const JsonValue parts = usage["cache_creation"];
  if (parts.is_object()) {
    take(parts["ephemeral_5m_input_tokens"], read.cache_write_5m);
    take(parts["ephemeral_1h_input_tokens"], read.cache_write_1h);
  }
  // The parts need not sum to the total (server tools); what neither names is the usual 5 minutes.
  if (total) read.cache_write_5m = std::max<std::int64_t>(written - read.cache_write_1h, 0);
  seen = read;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  json.Begin('{');
  json.Member("input_tokens", usage.fresh_input);
  json.Member("cache_creation_input_tokens", usage.cache_write_5m + usage.cache_write_1h);
  json.Member("cache_read_input_tokens", usage.cache_read);
  json.Key("cache_creation");
  json.Begin('{');
  json.Member("ephemeral_5m_input_tokens", usage.cache_write_5m);
  json.Member("ephemeral_1h_input_tokens", usage.cache_write_1h);
  json.End('}');
  json.Member("output_tokens", usage.TotalOutput());
  json.End('}');
}

Error ReadFailure(JsonValue error) {
  Error failure{.code = ErrorCode::kUpstream, .message = ProviderMessage(error["message"].text())};
  const auto type = std::ranges::find(kErrorTypes, error["type"].text(), &ErrorType::word);
  if (type == kErrorTypes.end()) return failure;
  failure.code = type->code;
  failure.upstream_status = type->status;
  return failure;
}

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  if (!tree.Parse(body, kMaxDepth) || !tree.root().is_object())
    return Broken("The provider's answer is not a JSON object.");
  const JsonValue root = tree.root();
  if (root["type"].text() == "error" || !root["error"].null()) return ReadFailure(root["error"]);
  if (!root["content"].is_array()) return Broken("The provider's answer has no content.");
  llm::Answer answer{.id = root["id"].string(), .model = root["model"].string()};
  bool answered_by_tool = false;
  for (JsonValue block : root["content"]) {
    const std::string_view type = block["type"].text();
    if (type == "text") {
      llm::TextPart part{.text = block["text"].string()};
      for (JsonValue citation : block["citations"])
        part.citations.push_back(ReadCitation(citation));
      answer.parts.emplace_back(std::move(part));
    } else if (type == "thinking") {
      answer.parts.emplace_back(llm::ThinkingPart{.text = block["thinking"].string(),
                                                  .signature = block["signature"].string(),
                                                  .origin = kSelf});
    } else if (type == "redacted_thinking") {
      answer.parts.emplace_back(llm::ThinkingPart{
          .signature = block["data"].string(), .redacted = true, .origin = kSelf});
    } else if (type == "tool_use" && block["name"].text() == kAnswerTool) {
      answered_by_tool = true;
      answer.parts.emplace_back(llm::TextPart{.text = std::string(block["input"].raw())});
    } else if (type == "tool_use") {
      answer.parts.emplace_back(llm::ToolCallPart{
          .id = block["id"].string(),
          .name = block["name"].string(),
          .arguments = block["input"].is_object() ? std::string(block["input"].raw()) : "{}",
          .origin = kSelf});
    } else {
      answer.parts.emplace_back(llm::OpaquePart{
          .origin = kSelf, .type = std::string(type), .json = std::string(block.raw())});
    }
  }
  answer.raw_finish = root["stop_reason"].string();
  answer.finish = FinishOf(answer.raw_finish);
  if (answered_by_tool && answer.finish == FinishReason::kToolCalls)
    answer.finish = FinishReason::kStop;
  answer.stop_sequence = root["stop_sequence"].string();
  ReadUsage(root["usage"], answer.usage);
  answer.service_tier = root["usage"]["service_tier"].string();
  return answer;
}

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) {
  JsonWriter json;
  json.Begin('{');
  json.Member("id", answer.id.empty() ? "msg_" + context.id : answer.id);
  json.Member("type", "message");
  json.Member("role", "assistant");
  json.Member("model", answer.model.empty() ? context.model : answer.model);
  json.Key("content");
  json.Begin('[');
  for (const llm::Part& part : answer.parts) WriteBlock(json, part);
  json.End(']');
  WriteFinish(json, answer.finish, answer.raw_finish, answer.stop_sequence);
  json.Key("usage");
  WriteUsage(json, answer.usage.value_or(llm::Usage{}));
  json.End('}');
  return json.Take();
}

std::string ErrorBody(const Error& error, int status, std::string_view request_id) {
  std::string_view type = status >= 500 ? "api_error" : "invalid_request_error";
  if (status == 503) type = "overloaded_error";
  const auto known = std::ranges::find(kErrorTypes, status, &ErrorType::status);
  if (known != kErrorTypes.end()) type = known->word;
  JsonWriter json;
  json.Begin('{');
  json.Member("type", "error");
  json.Key("error");
  json.Begin('{');
  json.Member("type", type);
  json.Member("message", error.message);
  json.End('}');
  if (!request_id.empty()) json.Member("request_id", request_id);
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::anthropic

namespace triage::wire {
namespace {

// The dates of models of which none is known.
constexpr std::string_view kNoDate = "1970-01-01T00:00:00Z";

void WriteModel(JsonWriter& json, const ListedModel& model) {
  json.Begin('{');
  json.Member("type", "model");
  json.Member("id", model.id);
  json.Member("display_name", model.id);
  json.Member("created_at", kNoDate);
  json.End('}');
}

}  // namespace

std::string AnthropicModelBody(const ListedModel& model) {
  JsonWriter json;
  WriteModel(json, model);
  return json.Take();
}

std::string AnthropicModelsBody(std::span<const ListedModel> models) {
  JsonWriter json;
  json.Begin('{');
  json.Key("data");
  json.Begin('[');
  for (const ListedModel& model : models) WriteModel(json, model);
  json.End(']');
  json.Flag("has_more", false);
  json.Key("first_id");
  if (models.empty()) {
    json.Null();
  } else {
    json.String(models.front().id);
  }
  json.Key("last_id");
  if (models.empty()) {
    json.Null();
  } else {
    json.String(models.back().id);
  }
  json.End('}');
  return json.Take();
}

std::string TokenCountBody(std::int64_t input_tokens) {
  return fmt::format(R"({{"input_tokens":{}}})", input_tokens);
}

Result<std::int64_t> ReadTokenCount(std::string_view body) {
  JsonTree tree;
  const auto count = tree.Parse(body) ? tree.root()["input_tokens"].integer() : std::nullopt;
  if (count && *count >= 0) return *count;
  return Error{.code = ErrorCode::kUpstream,
               .message = "The provider's answer is no count of tokens."};
}

}  // namespace triage::wire
