#include <algorithm>
#include <array>
#include <utility>

#include "base/json_writer.h"
#include "wire/bedrock.h"
#include "wire/error_message.h"

namespace triage::wire::bedrock {
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
    Word{"content_filtered", FinishReason::kContentFilter},
    Word{"guardrail_intervened", FinishReason::kContentFilter},
    Word{"model_context_window_exceeded", FinishReason::kContextExceeded},
};

struct Format {
  std::string_view format;
  std::string_view media_type;
};

constexpr std::array kFormats = {
    Format{"png", "image/png"},
    Format{"jpeg", "image/jpeg"},
    Format{"gif", "image/gif"},
    Format{"webp", "image/webp"},
    Format{"pdf", "application/pdf"},
    Format{"csv", "text/csv"},
    Format{"html", "text/html"},
    Format{"txt", "text/plain"},
    Format{"md", "text/markdown"},
    Format{"doc", "application/msword"},
    Format{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Format{"xls", "application/vnd.ms-excel"},
    Format{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
};

Error Broken(std::string_view message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

void WriteBlock(JsonWriter& json, const llm::Part& part) {
  json.Begin('{');
  if (const auto* text = std::get_if<llm::TextPart>(&part)) {
    json.Member("text", text->text);
  } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
    json.Member("text", refusal->text);
  } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
    json.Key("toolUse");
    json.Begin('{');
    json.Member("toolUseId", call->id);
    json.Member("name", call->name);
    json.Key("input");
    json.Raw(call->arguments.empty() ? "{}" : std::string_view(call->arguments));
    json.End('}');
  } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
    json.Key("reasoningContent");
    json.Begin('{');
    if (thinking->redacted) {
      json.Member("redactedContent", thinking->signature);
    } else {
      json.Key("reasoningText");
      json.Begin('{');
      json.Member("text", thinking->text);
      if (!thinking->signature.empty()) json.Member("signature", thinking->signature);
      json.End('}');
    }
    json.End('}');
  }
  json.End('}');
}

}  // namespace

std::string_view FormatOf(std::string_view media_type) {
  if (media_type == "image/jpg") return "jpeg";
  const auto found = std::ranges::find(kFormats, media_type, &Format::media_type);
  return found == kFormats.end() ? std::string_view{} : found->format;
}

std::string_view MediaTypeOf(std::string_view format, bool image) {
  const auto found = std::ranges::find(kFormats, format, &Format::format);
  if (found != kFormats.end()) return found->media_type;
  return image ? "image/png" : "application/octet-stream";
}

FinishReason FinishOf(std::string_view stop_reason) {
  const auto found = std::ranges::find(kWords, stop_reason, &Word::word);
  return found == kWords.end() ? FinishReason::kUnknown : found->finish;
}

std::string_view FinishWord(FinishReason finish, std::string_view raw, bool stop_sequence) {
  switch (finish) {
    case FinishReason::kLength: return "max_tokens";
    case FinishReason::kToolCalls: return "tool_use";
    case FinishReason::kContentFilter:
    case FinishReason::kRefusal: return "content_filtered";
    case FinishReason::kContextExceeded: return "model_context_window_exceeded";
    case FinishReason::kUnknown: return raw.empty() ? "end_turn" : raw;
    case FinishReason::kStop: return stop_sequence ? "stop_sequence" : "end_turn";
    case FinishReason::kPause:
    case FinishReason::kError: return "end_turn";
  }
  return "end_turn";
}

std::optional<llm::Usage> ReadUsage(JsonValue usage) {
  if (!usage.is_object()) return std::nullopt;
  const auto count = [&](std::string_view name) {
    return std::max<std::int64_t>(usage[name].integer().value_or(0), 0);
  };
  return llm::Usage{.fresh_input = count("inputTokens"),
                    .cache_read = count("cacheReadInputTokens"),
                    .cache_write_5m = count("cacheWriteInputTokens"),
                    .output = count("outputTokens")};
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  json.Begin('{');
  json.Member("inputTokens", usage.fresh_input);
  json.Member("outputTokens", usage.TotalOutput());
  json.Member("totalTokens", usage.TotalInput() + usage.TotalOutput());
  json.Member("cacheReadInputTokens", usage.cache_read);
  json.Member("cacheWriteInputTokens", usage.cache_write_5m + usage.cache_write_1h);
  json.End('}');
}

Error ReadFailure(std::string_view type, std::string_view message) {
  Error error{.code = ErrorCode::kUpstream, .message = ProviderMessage(message)};
  error.upstream_status = 500;
  if (type == "throttlingException") {
    error.code = ErrorCode::kRateLimited;
    error.upstream_status = 429;
  } else if (type == "serviceUnavailableException") {
    error.upstream_status = 503;
  } else if (type == "modelStreamErrorException") {
    error.upstream_status = 424;
  } else if (type == "validationException") {
    error.upstream_status = 400;
  }
  return error;
}

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  if (!tree.Parse(body, 256) || !tree.root().is_object())
    return Broken("The provider's answer is not a JSON object.");
  const JsonValue root = tree.root();
  const JsonValue content = root.At({"output", "message", "content"});
  if (!content.is_array()) {
    return Broken(root["message"].is_string() ? ProviderMessage(root["message"].text())
                                              : "The provider's answer has no content.");
  }
  llm::Answer answer;
  bool answered_by_tool = false;
  for (JsonValue block : content) {
    if (block["text"].is_string()) {
      answer.parts.emplace_back(llm::TextPart{.text = block["text"].string()});
    } else if (const JsonValue call = block["toolUse"]; call.is_object()) {
      const std::string_view input = call["input"].is_object() ? call["input"].raw() : "{}";
      if (call["name"].text() == kAnswerTool) {
        answered_by_tool = true;
        answer.parts.emplace_back(llm::TextPart{.text = std::string(input)});
      } else {
        answer.parts.emplace_back(llm::ToolCallPart{.id = call["toolUseId"].string(),
                                                    .name = call["name"].string(),
                                                    .arguments = std::string(input),
                                                    .origin = kSelf});
      }
    } else if (const JsonValue thinking = block["reasoningContent"]; thinking.is_object()) {
      const JsonValue text = thinking["reasoningText"];
      llm::ThinkingPart part{
          .text = text["text"].string(), .signature = text["signature"].string(), .origin = kSelf};
      if (!text.is_object()) {
        part.redacted = true;
        part.signature = thinking["redactedContent"].string();
      }
      answer.parts.emplace_back(std::move(part));
    } else if (block["citationsContent"].is_object()) {
      std::string text;
      for (JsonValue piece : block["citationsContent"]["content"]) text += piece["text"].text();
      answer.parts.emplace_back(llm::TextPart{.text = std::move(text)});
    } else if (block.size() > 0) {
      answer.parts.emplace_back(llm::OpaquePart{.origin = kSelf,
                                                .type = std::string((*block.begin()).key()),
                                                .json = std::string(block.raw())});
    }
  }
  answer.raw_finish = root["stopReason"].string();
  answer.finish = FinishOf(answer.raw_finish);
  if (answered_by_tool && answer.finish == FinishReason::kToolCalls)
    answer.finish = FinishReason::kStop;
  answer.usage = ReadUsage(root["usage"]);
  return answer;
}

std::string WriteAnswer(const llm::Answer& answer) {
  JsonWriter json;
  json.Begin('{');
  json.Key("output");
  json.Begin('{');
  json.Key("message");
  json.Begin('{');
  json.Member("role", "assistant");
  json.Key("content");
  json.Begin('[');
  for (const llm::Part& part : answer.parts) {
    if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin == kSelf) json.Raw(opaque->json);
    } else {
      WriteBlock(json, part);
    }
  }
  json.End(']');
  json.End('}');
  json.End('}');
  json.Member("stopReason",
              FinishWord(answer.finish, answer.raw_finish, !answer.stop_sequence.empty()));
  json.Key("usage");
  WriteUsage(json, answer.usage.value_or(llm::Usage{}));
  json.Key("metrics");
  json.Raw(R"({"latencyMs":1})");
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::bedrock
