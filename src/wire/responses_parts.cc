#include "wire/responses_parts.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "wire/error_message.h"
#include "wire/json.h"
#include "wire/sealed_thinking.h"

namespace triage::wire::responses {
namespace {

constexpr std::string_view kOddContent = "content part ";
constexpr std::string_view kPdf = "application/pdf";

struct DataUrl {
  std::string_view media_type;
  std::string_view data;
};

// data:MEDIA;base64,DATA. Nothing for another kind of URL.
std::optional<DataUrl> ParseDataUrl(std::string_view url) {
  constexpr std::string_view kScheme = "data:";
  constexpr std::string_view kBase64 = ";base64,";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const std::size_t marker = url.substr(0, 256).find(kBase64);
  if (marker == std::string_view::npos) return std::nullopt;
  std::string_view media = url.substr(0, marker);
  media = media.substr(0, media.find(';'));  // without parameters
  return DataUrl{.media_type = media, .data = url.substr(marker + kBase64.size())};
}

Result<std::string> RequiredText(JsonValue object, std::string_view name) {
  const JsonValue value = object[name];
  if (value.null()) return InvalidMember(object, name, "is required; give a string.");
  if (!value.is_string()) return Invalid(value, "must be a string.");
  return value.string();
}

Result<std::string> OptionalText(JsonValue object, std::string_view name) {
  const JsonValue value = object[name];
  if (value.null()) return std::string();
  if (!value.is_string()) return Invalid(value, "must be a string.");
  return value.string();
}

Result<llm::Part> ReadText(JsonValue part) {
  Result<std::string> text = RequiredText(part, "text");
  if (!text) return std::move(text).error();
  llm::TextPart read{.text = *std::move(text)};
  const JsonValue annotations = part["annotations"];
  if (!annotations.null() && !annotations.is_array())
    return Invalid(annotations, "must be an array.");
  for (JsonValue annotation : annotations) {
    if (!annotation.is_object()) return Invalid(annotation, "must be an object.");
    read.citations.push_back(ReadAnnotation(annotation));
  }
  return llm::Part(std::move(read));
}

Result<llm::Part> ReadImage(JsonValue part) {
  Result<std::string> url = OptionalText(part, "image_url");
  if (!url) return std::move(url).error();
  Result<std::string> file = OptionalText(part, "file_id");
  if (!file) return std::move(file).error();
  Result<std::string> detail = OptionalText(part, "detail");
  if (!detail) return std::move(detail).error();
  if (url->empty() == file->empty())
    return Invalid(part, "must have either image_url or file_id; give one of them.");
  llm::ImagePart image{.file_id = *std::move(file), .origin = kSelf};
  if (*detail != "auto") image.detail = *std::move(detail);  // auto is the API's default
  if (const auto inlined = ParseDataUrl(*url)) {
    image.data = inlined->data;
    image.media_type = inlined->media_type;
  } else {
    image.url = *std::move(url);
  }
  return llm::Part(std::move(image));
}

Result<llm::Part> ReadFile(JsonValue part) {
  llm::DocumentPart document{.origin = kSelf};
  std::string content;
  for (const auto& [name, place] :
       {std::pair<std::string_view, std::string*>{"file_data", &content},
        {"file_url", &document.url},
        {"file_id", &document.file_id},
        {"filename", &document.title}}) {
    Result<std::string> text = OptionalText(part, name);
    if (!text) return std::move(text).error();
    *place = *std::move(text);
  }
  const int given = (content.empty() ? 0 : 1) + (document.url.empty() ? 0 : 1) +
                    (document.file_id.empty() ? 0 : 1);
  if (given != 1)
    return Invalid(part, "must have one of file_data, file_url and file_id; give one of them.");
  if (!content.empty()) {
    const auto inlined = ParseDataUrl(content);
    document.data = inlined ? std::string(inlined->data) : content;
    document.media_type = inlined ? inlined->media_type : kPdf;
  }
  return llm::Part(std::move(document));
}

void WriteToken(JsonWriter& json, const llm::TokenLogprob& token) {
  json.Member("token", token.token);
  json.Key("bytes");
  json.Begin('[');
  for (const std::uint8_t byte : token.bytes) json.Integer(byte);
  json.End(']');
  json.Key("logprob");
  json.Number(token.logprob);
}

llm::TokenLogprob ReadToken(JsonValue token) {
  llm::TokenLogprob read{.token = token["token"].string(),
                         .logprob = token["logprob"].number().value_or(0)};
  for (JsonValue byte : token["bytes"])
    read.bytes.push_back(static_cast<std::uint8_t>(byte.integer().value_or(0)));
  return read;
}

}  // namespace

Error Invalid(JsonValue at, std::string_view remedy) {
  std::string pointer = at.Pointer();
  std::string message =
      pointer.empty() ? fmt::format("The body {}", remedy) : fmt::format("{}: {}", pointer, remedy);
  return {.code = ErrorCode::kInvalidRequest,
          .message = std::move(message),
          .field = std::move(pointer)};
}

Error InvalidMember(JsonValue object, std::string_view member, std::string_view remedy) {
  std::string pointer = fmt::format("{}/{}", object.Pointer(), member);
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("{}: {}", pointer, remedy),
          .field = pointer};
}

std::string OpaqueContentType(std::string_view type) {
  if (IsContentType(type)) return std::string(type);
  return fmt::format("{}{}", kOddContent, type);
}

std::string OpaqueItemType(std::string_view type) {
  if (!IsContentType(type)) return std::string(type);
  return fmt::format("item {}", type);
}

bool IsContentType(std::string_view opaque_type) {
  return opaque_type.starts_with("input_") || opaque_type.starts_with("output_") ||
         opaque_type.starts_with(kOddContent);
}

Result<llm::Part> ReadContent(JsonValue part) {
  if (!part.is_object()) return Invalid(part, "must be a content part, an object.");
  Result<std::string> type = RequiredText(part, "type");
  if (!type) return std::move(type).error();
  if (*type == "input_text" || *type == "output_text" || *type == "text") return ReadText(part);
  if (*type == "input_image") return ReadImage(part);
  if (*type == "input_file") return ReadFile(part);
  if (*type == "refusal") {
    Result<std::string> text = RequiredText(part, "refusal");
    if (!text) return std::move(text).error();
    return llm::Part(llm::RefusalPart{.text = *std::move(text)});
  }
  return llm::Part(llm::OpaquePart{
      .origin = kSelf, .type = OpaqueContentType(*type), .json = std::string(part.raw())});
}

llm::Citation ReadAnnotation(JsonValue annotation) {
  llm::Citation citation;
  citation.raw = annotation.raw();
  citation.origin = kSelf;
  citation.title = annotation["title"].string();
  if (citation.title.empty()) citation.title = annotation["filename"].string();
  citation.url = annotation["url"].string();
  citation.begin = annotation["start_index"].integer().value_or(-1);
  citation.end = annotation["end_index"].integer().value_or(-1);
  return citation;
}

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs) {
  std::vector<llm::TokenLogprob> read;
  for (JsonValue token : logprobs) {
    read.push_back(ReadToken(token));
    for (JsonValue other : token["top_logprobs"]) read.back().top.push_back(ReadToken(other));
  }
  return read;
}

Result<llm::ToolCallPart> ReadFunctionCall(JsonValue item) {
  llm::ToolCallPart call{.origin = kSelf};
  for (const auto& [name, place] :
       {std::pair<std::string_view, std::string*>{"call_id", &call.id}, {"name", &call.name}}) {
    Result<std::string> text = RequiredText(item, name);
    if (!text) return std::move(text).error();
    if (text->empty()) return InvalidMember(item, name, "must not be empty.");
    *place = *std::move(text);
  }
  for (const auto& [name, place] : {std::pair<std::string_view, std::string*>{"id", &call.item_id},
                                    {"arguments", &call.arguments}}) {
    Result<std::string> text = OptionalText(item, name);
    if (!text) return std::move(text).error();
    *place = *std::move(text);
  }
  if (call.arguments.empty()) call.arguments = "{}";
  return call;
}

std::string ReasoningText(JsonValue item) {
  std::string text;
  bool first = true;
  const JsonValue parts = item["summary"].size() > 0 ? item["summary"] : item["content"];
  for (JsonValue part : parts) {
    if (!std::exchange(first, false)) text += kBetweenSummaries;
    text += part["text"].text();
  }
  return text;
}

Result<llm::ThinkingPart> ReadReasoning(JsonValue item) {
  llm::ThinkingPart thinking{.origin = kSelf};
  Result<std::string> id = OptionalText(item, "id");
  if (!id) return std::move(id).error();
  Result<std::string> encrypted = OptionalText(item, "encrypted_content");
  if (!encrypted) return std::move(encrypted).error();
  for (std::string_view name : {"summary", "content"}) {
    const JsonValue parts = item[name];
    if (!parts.null() && !parts.is_array()) return Invalid(parts, "must be an array.");
    for (JsonValue part : parts) {
      if (!part.is_object()) return Invalid(part, "must be an object.");
    }
  }
  thinking.id = *std::move(id);
  thinking.text = ReasoningText(item);
  Unseal(*encrypted, thinking);
  thinking.redacted = thinking.text.empty() && !thinking.signature.empty();
  return thinking;
}

std::optional<llm::Usage> ReadUsage(JsonValue usage) {
  const auto input = usage["input_tokens"].integer();
  const auto output = usage["output_tokens"].integer();
  if (!input && !output) return std::nullopt;
  const auto count = [](JsonValue value) {
    return std::max<std::int64_t>(0, value.integer().value_or(0));
  };
  const JsonValue details = usage["input_tokens_details"];
  const JsonValue writes = details["cache_write_tokens_details"];
  llm::Usage read;
  read.cache_read = count(details["cached_tokens"]);
  // The API keeps for 30 minutes or 12 hours: the shorter and the longer class.
  read.cache_write_1h = count(writes["ttl_12h_tokens"]);
  read.cache_write_5m =
      std::max<std::int64_t>(0, count(details["cache_write_tokens"]) - read.cache_write_1h);
  read.fresh_input = std::max<std::int64_t>(
      0, input.value_or(0) - read.cache_read - read.cache_write_5m - read.cache_write_1h);
  read.reasoning = count(usage["output_tokens_details"]["reasoning_tokens"]);
  read.output = std::max<std::int64_t>(0, output.value_or(0) - read.reasoning);
  return read;
}

void WriteUsage(JsonWriter& json, const std::optional<llm::Usage>& usage) {
  json.Key("usage");
  if (!usage) return json.Null();
  json.Begin('{');
  json.Member("input_tokens", usage->TotalInput());
  json.Key("input_tokens_details");
  json.Begin('{');
  json.Member("cached_tokens", usage->cache_read);
  json.Member("cache_write_tokens", usage->cache_write_5m + usage->cache_write_1h);
  json.End('}');
  json.Member("output_tokens", usage->TotalOutput());
  json.Key("output_tokens_details");
  json.Begin('{');
  json.Member("reasoning_tokens", usage->reasoning);
  json.End('}');
  json.Member("total_tokens", usage->TotalInput() + usage->TotalOutput());
  json.End('}');
}

void WriteAnnotation(JsonWriter& json, const llm::Citation& citation, std::int64_t text_length) {
  if (citation.origin == kSelf && !citation.raw.empty()) return json.Raw(citation.raw);
  const std::int64_t begin = citation.begin >= 0 ? citation.begin : 0;
  const std::int64_t end = citation.end >= 0 ? citation.end : text_length;
  json.Begin('{');
  if (!citation.url.empty()) {
    json.Member("type", "url_citation");
    json.Member("url", citation.url);
    json.Member("title", citation.title);
    json.Member("start_index", begin);
    json.Member("end_index", end);
  } else {  // a document of the request; there is no file to name
    json.Member("type", "file_citation");
    json.Member("file_id", "");
    json.Member("filename", citation.title);
    json.Member("index", end);
  }
  json.End('}');
}

void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs) {
  json.Key("logprobs");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) {
    json.Begin('{');
    WriteToken(json, token);
    json.Key("top_logprobs");
    json.Begin('[');
    for (const llm::TokenLogprob& other : token.top) {
      json.Begin('{');
      WriteToken(json, other);
      json.End('}');
    }
    json.End(']');
    json.End('}');
  }
  json.End(']');
}

Ending EndingOf(const llm::Answer& answer) {
  using llm::FinishReason;
  switch (answer.finish) {
    case FinishReason::kLength:
    case FinishReason::kContextExceeded:
    // The turn is to be continued; "completed" would say that there is nothing more to come.
    case FinishReason::kPause: return {"incomplete", "max_output_tokens"};
    case FinishReason::kContentFilter: return {"incomplete", "content_filter"};
    case FinishReason::kRefusal: {
      // The API says it in a part; a provider that declined without words has none.
      const bool said = std::ranges::any_of(answer.parts, [](const llm::Part& part) {
        return std::holds_alternative<llm::RefusalPart>(part);
      });
      return said ? Ending{"completed", {}} : Ending{"incomplete", "content_filter"};
    }
    case FinishReason::kError: return {"failed", {}};
    case FinishReason::kUnknown:
    case FinishReason::kStop:
    case FinishReason::kToolCalls: return {"completed", {}};
  }
  return {"completed", {}};
}

void ReadEnding(JsonValue response, llm::Answer& answer) {
  using llm::FinishReason;
  const std::string_view status = response["status"].text();
  const std::string_view reason = response["incomplete_details"]["reason"].text();
  const std::string_view native = response["native_finish_reason"].text();
  answer.raw_finish = !native.empty() ? native : !reason.empty() ? reason : status;
  const auto has = [&]<class Part>(std::in_place_type_t<Part>) {
    return std::ranges::any_of(
        answer.parts, [](const llm::Part& part) { return std::holds_alternative<Part>(part); });
  };
  if (status == "completed") {
    answer.finish = has(std::in_place_type<llm::ToolCallPart>)  ? FinishReason::kToolCalls
                    : has(std::in_place_type<llm::RefusalPart>) ? FinishReason::kRefusal
                                                                : FinishReason::kStop;
  } else if (reason == "max_output_tokens") {
    answer.finish = FinishReason::kLength;
  } else if (reason == "content_filter") {
    answer.finish = FinishReason::kContentFilter;
  } else {
    answer.finish = FinishReason::kUnknown;
  }
}

Error ReadFailure(JsonValue error) {
  const std::string_view code = error["code"].text();
  const std::string_view type = error["type"].text();
  const auto is = [&](std::string_view word) { return code == word || type == word; };
  Error read{.code = ErrorCode::kUpstream,
             .message = ProviderMessage(error["message"].text()),
             .detail = std::string(code.empty() ? type : code).substr(0, 64),
             .upstream_status = 500};
  if (is("rate_limit_exceeded") || is("rate_limit_error") || is("insufficient_quota") ||
      is("too_many_requests")) {
    read.code = ErrorCode::kRateLimited;
    read.upstream_status = 429;
  } else if (is("server_is_overloaded") || is("overloaded_error") || is("slow_down") ||
             is("service_unavailable_error")) {
    read.upstream_status = 503;
  } else if (code.starts_with("invalid_") || code.find("image") != std::string_view::npos ||
             is("invalid_request_error") || is("context_length_exceeded") || is("bio_policy")) {
    read.code = ErrorCode::kInvalidRequest;
    read.upstream_status = 400;
  }
  return read;
}

std::string_view FailureCode(const Error& error) {
  switch (error.code) {
    case ErrorCode::kRateLimited:
    case ErrorCode::kBudgetExceeded: return "rate_limit_exceeded";
    case ErrorCode::kContextLength: return "context_length_exceeded";
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnsupported: return "invalid_prompt";
    default: return "server_error";
  }
}

std::int64_t CharactersIn(std::string_view text) {
  return std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

}  // namespace triage::wire::responses
