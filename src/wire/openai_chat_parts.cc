#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "wire/error_message.h"
#include "wire/openai_chat_neutral.h"

namespace triage::wire::openai_chat {
namespace {

using llm::FinishReason;

struct Word {
  std::string_view word;
  FinishReason finish;
};

constexpr std::array kWords = {
    Word{"stop", FinishReason::kStop},
    Word{"length", FinishReason::kLength},
    Word{"tool_calls", FinishReason::kToolCalls},
    Word{"function_call", FinishReason::kToolCalls},
    Word{"content_filter", FinishReason::kContentFilter},
    Word{"error", FinishReason::kError},
};

void WriteToken(JsonWriter& json, const llm::TokenLogprob& token, bool with_top) {
  json.Begin('{');
  json.Member("token", token.token);
  json.Key("logprob");
  json.Number(token.logprob);
  json.Key("bytes");
  if (token.bytes.empty()) {
    json.Null();
  } else {
    json.Begin('[');
    for (const std::uint8_t byte : token.bytes) json.Integer(byte);
    json.End(']');
  }
  if (with_top) {
    json.Key("top_logprobs");
    json.Begin('[');
    for (const llm::TokenLogprob& top : token.top) WriteToken(json, top, false);
    json.End(']');
  }
  json.End('}');
}

llm::TokenLogprob ReadToken(JsonValue value) {
  llm::TokenLogprob token{.token = value["token"].string(),
                          .logprob = value["logprob"].number().value_or(0)};
  for (JsonValue byte : value["bytes"]) {
    token.bytes.push_back(static_cast<std::uint8_t>(byte.integer().value_or(0)));
  }
  for (JsonValue top : value["top_logprobs"]) token.top.push_back(ReadToken(top));
  return token;
}

}  // namespace

FinishReason FinishOf(std::string_view word) {
  const auto found = std::ranges::find(kWords, word, &Word::word);
  return found == kWords.end() ? FinishReason::kUnknown : found->finish;
}

std::string_view FinishWord(FinishReason finish) {
  switch (finish) {
    case FinishReason::kLength:
    case FinishReason::kContextExceeded: return "length";
    case FinishReason::kToolCalls: return "tool_calls";
    case FinishReason::kContentFilter:
    case FinishReason::kRefusal: return "content_filter";
    case FinishReason::kUnknown:
    case FinishReason::kStop:
    case FinishReason::kPause:
    case FinishReason::kError: return "stop";
  }
  return "stop";
}

void WriteFinish(JsonWriter& json, FinishReason finish, std::string_view raw) {
  const std::string_view word = FinishWord(finish);
  json.Member("finish_reason", word);
  if (raw.empty() || raw == word) return;
  // SDKs know only OpenAI's words; the provider's own may say more ("pause_turn").
  json.Member("native_finish_reason", raw);
}

bool ReadUsage(JsonValue usage, RawUsage& seen) {
  if (!usage.is_object()) return false;
  // Counts that are not whole, not plausible or null are as if absent.
  const auto take = [](JsonValue value, std::optional<std::int64_t>& place) {
    constexpr std::int64_t kMost = 1'000'000'000'000;
    const auto number = value.integer();
    if (number && *number >= 0 && *number <= kMost) place = number;
  };
  take(usage["prompt_tokens"], seen.prompt);
  take(usage["completion_tokens"], seen.completion);
  take(usage["total_tokens"], seen.total);
  take(usage["prompt_tokens_details"]["cached_tokens"], seen.cached);
  take(usage["completion_tokens_details"]["reasoning_tokens"], seen.reasoning);
  return true;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  json.Begin('{');
  json.Member("prompt_tokens", usage.TotalInput());
  json.Member("completion_tokens", usage.TotalOutput());
  json.Member("total_tokens", usage.TotalInput() + usage.TotalOutput());
  json.Key("prompt_tokens_details");
  json.Begin('{');
  json.Member("cached_tokens", usage.cache_read);
  json.End('}');
  json.Key("completion_tokens_details");
  json.Begin('{');
  json.Member("reasoning_tokens", usage.reasoning);
  json.End('}');
  json.End('}');
}

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs) {
  std::vector<llm::TokenLogprob> tokens;
  for (JsonValue token : logprobs["content"]) tokens.push_back(ReadToken(token));
  return tokens;
}

void WriteLogprobs(JsonWriter& json, const std::vector<llm::TokenLogprob>& logprobs) {
  json.Begin('{');
  json.Key("content");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) WriteToken(json, token, true);
  json.End(']');
  json.Key("refusal");
  json.Null();
  json.End('}');
}

std::vector<llm::Citation> ReadAnnotations(JsonValue annotations) {
  std::vector<llm::Citation> citations;
  for (JsonValue annotation : annotations) {
    const JsonValue url = annotation["url_citation"];
    llm::Citation citation{.title = url["title"].string(),
                           .url = url["url"].string(),
                           .cited_text = {},
                           .begin = url["start_index"].integer().value_or(-1),
                           .end = url["end_index"].integer().value_or(-1),
                           .raw = std::string(annotation.raw()),
                           .origin = kSelf};
    citations.push_back(std::move(citation));
  }
  return citations;
}

void WriteAnnotations(JsonWriter& json, const std::vector<llm::Citation>& citations) {
  json.Begin('[');
  for (const llm::Citation& citation : citations) {
    if (citation.origin == kSelf && !citation.raw.empty()) {
      json.Raw(citation.raw);
      continue;
    }
    json.Begin('{');
    json.Member("type", "url_citation");
    json.Key("url_citation");
    json.Begin('{');
    json.Member("start_index", std::max<std::int64_t>(citation.begin, 0));
    json.Member("end_index", std::max<std::int64_t>(citation.end, 0));
    json.Member("title", citation.title.empty() ? citation.cited_text : citation.title);
    json.Member("url", citation.url);
    json.End('}');
    json.End('}');
  }
  json.End(']');
}

JsonValue ReasoningOf(JsonValue message) {
  const JsonValue content = message["reasoning_content"];
  return content.is_string() ? content : message["reasoning"];
}

Error ReadFailure(JsonValue error, int status) {
  const std::string_view message = error.is_string() ? error.text() : error["message"].text();
  Error failure{.code = ErrorCode::kUpstream, .message = ProviderMessage(message)};
  const std::string_view type = error["type"].text();
  const auto code = error["code"].integer();  // OpenRouter gives the status here
  if (code && *code >= 400 && *code < 600) status = static_cast<int>(*code);
  failure.upstream_status = status;
  const bool limited = status == 429 || type == "rate_limit_error" ||
                       type == "rate_limit_exceeded" ||
                       error["code"].text() == "rate_limit_exceeded";
  if (limited) failure.code = ErrorCode::kRateLimited;
  return failure;
}

std::string MadeUpCallId(std::size_t number) {
  return fmt::format("call_{}", number);
}

}  // namespace triage::wire::openai_chat
