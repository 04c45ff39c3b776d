#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/anthropic.h"
#include "wire/error_message.h"
#include "wire/sealed_thinking.h"

namespace triage::wire::anthropic {
namespace {

using llm::FinishReason;

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
    ErrorType{"conflict_error", ErrorCode::kUpstream, 409},
    ErrorType{"request_too_large", ErrorCode::kUpstream, 413},
    ErrorType{"rate_limit_error", ErrorCode::kRateLimited, 429},
    ErrorType{"api_error", ErrorCode::kUpstream, 500},
    ErrorType{"timeout_error", ErrorCode::kUpstream, 504},
    ErrorType{"overloaded_error", ErrorCode::kUpstream, 529},
};

Error Broken(std::string_view message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

void Write(JsonWriter& json, const llm::TextPart& text) {
  json.Begin('{');
  json.Member("type", "text");
  json.Member("text", text.text);
  json.Key("citations");
  if (std::ranges::none_of(text.citations, Tells)) {
    json.Null();
  } else {
    json.Begin('[');
    for (const llm::Citation& citation : text.citations) {
      if (Tells(citation)) WriteCitation(json, citation);
    }
    json.End(']');
  }
  json.End('}');
}

void Write(JsonWriter& json, const llm::RefusalPart& refusal) {
  Write(json, llm::TextPart{.text = refusal.text});
}

void Write(JsonWriter& json, const llm::ThinkingPart& thinking) {
  if (thinking.signature.empty() && thinking.text.empty()) return;
  const std::string signature = SignatureFor(thinking.origin, thinking.signature);
  json.Begin('{');
  if (thinking.redacted || (thinking.text.empty() && !SignsThinking(thinking.origin))) {
    json.Member("type", "redacted_thinking");
    json.Member("data", signature);
  } else {
    json.Member("type", "thinking");
    json.Member("thinking", thinking.text);
    json.Member("signature", signature);
  }
  json.End('}');
}

void Write(JsonWriter& json, const llm::ToolCallPart& call) {
  json.Begin('{');
  json.Member("type", "tool_use");
  json.Member("id", SafeId(call.id));
  json.Member("name", call.name);
  json.Key("input");
  json.Raw(ArgumentsObject(call.arguments));
  json.End('}');
}

void Write(JsonWriter& json, const llm::OpaquePart& opaque) {
  if (opaque.origin == kSelf) json.Raw(opaque.json);
}

// What clients send and no model answers.
void Write(JsonWriter&, const llm::ImagePart&) {}

void Write(JsonWriter&, const llm::DocumentPart&) {}

void Write(JsonWriter&, const llm::ToolResultPart&) {}

bool HasCalls(const llm::Answer& answer) {
  return std::ranges::any_of(answer.parts, [](const llm::Part& part) {
    return std::holds_alternative<llm::ToolCallPart>(part);
  });
}

// Anthropic's clients know standard, priority and batch.
std::string_view TierOf(std::string_view tier) {
  if (tier == "default") return "standard";
  return tier == "standard" || tier == "priority" || tier == "batch" ? tier : std::string_view();
}

}  // namespace

bool IsOwn(const llm::ThinkingPart& thinking) {
  return SignsThinking(thinking.origin) && !thinking.signature.empty();
}

std::string SignatureFor(llm::Dialect origin, std::string_view signature) {
  return SignsThinking(origin) ? std::string(signature) : Sealed(origin, signature);
}

std::string CallId(std::string_view id, std::size_t number) {
  return id.empty() ? fmt::format("toolu_{}", number) : std::string(id);
}

std::string SafeId(std::string_view id) {
  std::string safe(id);
  for (char& c : safe) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return safe;
}

FinishReason FinishOf(std::string_view stop_reason, bool answer_tool, bool calls) {
  const auto found = std::ranges::find(kWords, stop_reason, &Word::word);
  if (found == kWords.end()) return FinishReason::kUnknown;
  const bool answered = found->finish == FinishReason::kToolCalls && answer_tool && !calls;
  return answered ? FinishReason::kStop : found->finish;
}

void WriteFinish(JsonWriter& json, FinishReason finish, std::string_view raw,
                 std::string_view stop_sequence, bool calls) {
  // Clients run tools when the reason says so, and some providers say "stop" all the same.
  const bool plain = finish == FinishReason::kStop || finish == FinishReason::kUnknown;
  if (plain && calls) finish = FinishReason::kToolCalls;
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
  const bool vague = finish == FinishReason::kUnknown || finish == FinishReason::kError ||
                     finish == FinishReason::kContentFilter;
  if (vague && !raw.empty()) json.Member("native_stop_reason", raw);
}

llm::Citation ReadCitation(JsonValue citation) {
  llm::Citation read{.title = citation["document_title"].string(),
                     .url = citation["url"].string(),
                     .cited_text = citation["cited_text"].string(),
                     .raw = std::string(citation.raw()),
                     .origin = kSelf};
  if (read.title.empty()) read.title = citation["title"].string();
  read.document = static_cast<int>(citation["document_index"].integer().value_or(-1));
  const JsonValue index = citation["encrypted_index"];
  if (index.is_string() && index.text().empty()) {
    // One that WriteCitation made of another provider's: Anthropic would refuse it.
    read.raw.clear();
    read.origin = llm::Dialect::kOpenAiChat;
  }
  return read;
}

bool Tells(const llm::Citation& citation) {
  return citation.origin == kSelf ? !citation.raw.empty() : !citation.url.empty();
}

void WriteCitation(JsonWriter& json, const llm::Citation& citation) {
  if (citation.origin == kSelf) {
    json.Raw(citation.raw);
    return;
  }
  json.Begin('{');
  json.Member("type", "web_search_result_location");
  json.Member("url", citation.url);
  json.Member("title", citation.title);
  json.Member("encrypted_index", "");
  json.Member("cited_text", citation.cited_text);
  json.End('}');
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
  std::int64_t output = 0;
  std::int64_t thought = read.reasoning;
  const bool tells_output = take(usage["output_tokens"], output);
  const bool tells_thought = take(usage["output_tokens_details"]["thinking_tokens"], thought);
  if (tells_output || tells_thought) {
    // The output includes the thinking.
    if (!tells_output) output = read.TotalOutput();
    read.reasoning = std::min(thought, output);
    read.output = output - read.reasoning;
  }
  std::int64_t written = 0;
  const bool total = take(usage["cache_creation_input_tokens"], written);
  const JsonValue parts = usage["cache_creation"];
  const bool divided = take(parts["ephemeral_5m_input_tokens"], read.cache_write_5m);
  take(parts["ephemeral_1h_input_tokens"], read.cache_write_1h);
  if (total) {
    // The parts need not sum to the total (server tools); what neither names is the usual 5
    // minutes.
    const std::int64_t rest = std::max<std::int64_t>(written - read.cache_write_1h, 0);
    read.cache_write_5m = divided ? std::max(read.cache_write_5m, rest) : rest;
  }
  seen = read;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage, std::string_view service_tier) {
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
  if (usage.reasoning > 0) {
    json.Key("output_tokens_details");
    json.Begin('{');
    json.Member("thinking_tokens", usage.reasoning);
    json.End('}');
  }
  if (const std::string_view tier = TierOf(service_tier); !tier.empty())
    json.Member("service_tier", tier);
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
  bool answer_tool = false;
  for (JsonValue block : root["content"]) {
    if (!block.is_object()) continue;
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
      answer_tool = true;
      answer.parts.emplace_back(llm::TextPart{.text = std::string(block["input"].raw())});
    } else if (type == "tool_use") {
      answer.parts.emplace_back(llm::ToolCallPart{
          .id = CallId(block["id"].text(), answer.parts.size()),
          .name = block["name"].string(),
          .arguments = block["input"].is_object() ? std::string(block["input"].raw()) : "{}",
          .origin = kSelf});
    } else {
      answer.parts.emplace_back(llm::OpaquePart{
          .origin = kSelf, .type = std::string(type), .json = std::string(block.raw())});
    }
  }
  answer.raw_finish = root["stop_reason"].string();
  answer.finish = FinishOf(answer.raw_finish, answer_tool, HasCalls(answer));
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
  for (const llm::Part& part : answer.parts)
    std::visit([&](const auto& each) { Write(json, each); }, part);
  json.End(']');
  WriteFinish(json, answer.finish, answer.raw_finish, answer.stop_sequence, HasCalls(answer));
  json.Key("usage");
  WriteUsage(json, answer.usage.value_or(llm::Usage{}), answer.service_tier);
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
  // Clients that shorten their conversations look for Anthropic's own words.
  constexpr std::string_view kTooLong = "prompt is too long";
  const bool add =
      error.code == ErrorCode::kContextLength && error.message.find(kTooLong) == std::string::npos;
  json.Member("message", add ? fmt::format("{}: {}", kTooLong, error.message) : error.message);
  json.End('}');
  if (!request_id.empty()) json.Member("request_id", request_id);
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::anthropic
