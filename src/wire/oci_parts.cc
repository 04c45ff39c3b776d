#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/oci.h"

namespace triage::wire::oci {
namespace {

// "data:MEDIA;base64,DATA", or "data:MEDIA;uri,URL" as OCI writes an address.
struct DataUrl {
  std::string_view media_type;
  std::string_view data;
  std::string_view url;
};

DataUrl ReadUrl(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (!text.starts_with("data:") || comma == std::string_view::npos) return {{}, {}, text};
  const std::string_view head = text.substr(5, comma - 5);
  const std::size_t mark = head.rfind(';');
  const std::string_view kind = mark == std::string_view::npos ? "" : head.substr(mark + 1);
  if (kind == "base64") return {head.substr(0, mark), text.substr(comma + 1), {}};
  if (kind == "uri") return {{}, {}, text.substr(comma + 1)};
  return {{}, {}, text};
}

std::string WriteUrl(const std::string& url, const std::string& media_type,
                     const std::string& data) {
  return url.empty() ? fmt::format("data:{};base64,{}", media_type, data) : url;
}

std::string ToUpperAscii(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

double NumberIn(JsonValue value) {
  if (value.is_string()) {
    const std::string_view text = value.text();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : 0;
  }
  return value.number().value_or(0);
}

bool IsContent(const llm::Part& part) {
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) return opaque->origin == kSelf;
  if (const auto* image = std::get_if<llm::ImagePart>(&part)) return image->file_id.empty();
  if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
    return document->file_id.empty();
  }
  return std::holds_alternative<llm::TextPart>(part);
}

template <class T>
std::string Joined(std::span<const llm::Part> parts) {
  std::string text;
  for (const llm::Part& part : parts) {
    if (const auto* found = std::get_if<T>(&part)) text += found->text;
  }
  return text;
}

}  // namespace

Error Invalid(JsonValue at, std::string_view remedy) {
  std::string pointer = at.Pointer();
  std::string message = fmt::format("{}: {}", pointer.empty() ? "/" : pointer, remedy);
  return {.code = ErrorCode::kInvalidRequest,
          .message = std::move(message),
          .field = std::move(pointer)};
}

std::optional<llm::Part> ReadContent(JsonValue content) {
  const JsonValue type = content["type"];
  if (!type.is_string()) return std::nullopt;
  if (type.text() == "TEXT") {
    if (!content["text"].is_string()) return std::nullopt;
    return llm::TextPart{.text = content["text"].string()};
  }
  if (type.text() == "IMAGE") {
    const JsonValue image = content["imageUrl"];
    if (!image["url"].is_string()) return std::nullopt;
    const DataUrl url = ReadUrl(image["url"].text());
    return llm::ImagePart{.url = std::string(url.url),
                          .data = std::string(url.data),
                          .media_type = std::string(url.media_type),
                          .detail = ToLowerAscii(image["detail"].text()),
                          .origin = kSelf};
  }
  if (type.text() == "DOCUMENT") {
    const JsonValue document = content["documentUrl"];
    if (!document["url"].is_string()) return std::nullopt;
    const DataUrl url = ReadUrl(document["url"].text());
    return llm::DocumentPart{.url = std::string(url.url),
                             .data = std::string(url.data),
                             .media_type = std::string(url.media_type),
                             .origin = kSelf};
  }
  return llm::OpaquePart{
      .origin = kSelf, .type = type.string(), .json = std::string(content.raw())};
}

bool WriteContent(JsonWriter& json, const llm::Part& part) {
  if (!IsContent(part)) return false;
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
    json.Raw(opaque->json);
    return true;
  }
  json.Begin('{');
  if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
    json.Member("type", "IMAGE");
    json.Key("imageUrl");
    json.Begin('{');
    json.Member("url", WriteUrl(image->url, image->media_type, image->data));
    const std::string detail = ToUpperAscii(image->detail);
    if (detail == "AUTO" || detail == "LOW" || detail == "HIGH") json.Member("detail", detail);
    json.End('}');
  } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
    if (document->text.empty()) {
      json.Member("type", "DOCUMENT");
      json.Key("documentUrl");
      json.Begin('{');
      json.Member("url", WriteUrl(document->url, document->media_type, document->data));
      json.End('}');
    } else {
      json.Member("type", "TEXT");
      json.Member("text", document->text);
    }
  } else {
    json.Member("type", "TEXT");
    json.Member("text", std::get<llm::TextPart>(part).text);
  }
  json.End('}');
  return true;
}

llm::ToolCallPart ReadToolCall(JsonValue call, std::string_view fallback_id) {
  llm::ToolCallPart part{.id = call["id"].string(), .name = call["name"].string(), .origin = kSelf};
  if (part.id.empty()) part.id = fallback_id;
  // A string by the reference; some models' adapters give the object itself.
  const JsonValue arguments = call["arguments"];
  part.arguments = arguments.is_object() ? std::string(arguments.raw()) : arguments.string();
  if (part.arguments.empty()) part.arguments = "{}";
  return part;
}

void WriteToolCall(JsonWriter& json, const llm::ToolCallPart& call) {
  json.Begin('{');
  json.Member("type", "FUNCTION");
  json.Member("id", call.id);
  json.Member("name", call.name);
  json.Member("arguments", call.arguments);
  json.End('}');
}

Result<std::vector<llm::Part>> ReadAssistant(JsonValue message) {
  std::vector<llm::Part> parts;
  if (!message["reasoningContent"].text().empty()) {
    parts.emplace_back(
        llm::ThinkingPart{.text = message["reasoningContent"].string(), .origin = kSelf});
  }
  const JsonValue content = message["content"];
  if (!content.null() && !content.is_array()) {
    return Invalid(content, "must be a list of content objects or null.");
  }
  llm::TextPart* text = nullptr;
  std::size_t last_text = 0;
  for (const JsonValue each : content) {
    std::optional<llm::Part> part = ReadContent(each);
    if (!part) return Invalid(each, "must be a content object with a type and what belongs to it.");
    if (std::holds_alternative<llm::TextPart>(*part)) last_text = parts.size() + 1;
    parts.push_back(*std::move(part));
  }
  if (last_text > 0) text = &std::get<llm::TextPart>(parts[last_text - 1]);
  for (const JsonValue annotation : message["annotations"]) {
    if (text != nullptr) text->citations.push_back(ReadAnnotation(annotation));
  }
  if (!message["refusal"].text().empty()) {
    parts.emplace_back(llm::RefusalPart{message["refusal"].string()});
  }
  const JsonValue calls = message["toolCalls"];
  if (!calls.null() && !calls.is_array()) return Invalid(calls, "must be a list of tool calls.");
  int number = 0;
  for (const JsonValue call : calls) {
    if (!call.is_object() || call["name"].text().empty()) {
      return Invalid(call, "must be a tool call with id, name and arguments.");
    }
    parts.emplace_back(ReadToolCall(call, fmt::format("call_{}", ++number)));
  }
  return parts;
}

void WriteAssistant(JsonWriter& json, std::span<const llm::Part> parts) {
  json.Key("content");
  if (std::ranges::any_of(parts, IsContent)) {
    json.Begin('[');
    for (const llm::Part& part : parts) WriteContent(json, part);
    json.End(']');
  } else {
    json.Null();  // as the reference asks for beside tool calls
  }
  std::string thinking;
  for (const llm::Part& part : parts) {
    const auto* found = std::get_if<llm::ThinkingPart>(&part);
    if (found != nullptr && found->origin == kSelf) thinking += found->text;
  }
  if (!thinking.empty()) json.Member("reasoningContent", thinking);
  const std::string refusal = Joined<llm::RefusalPart>(parts);
  if (!refusal.empty()) json.Member("refusal", refusal);
  WriteAnnotations(json, parts);
  bool open = false;
  for (const llm::Part& part : parts) {
    const auto* call = std::get_if<llm::ToolCallPart>(&part);
    if (call == nullptr) continue;
    if (!open) {
      json.Key("toolCalls");
      json.Begin('[');
      open = true;
    }
    WriteToolCall(json, *call);
  }
  if (open) json.End(']');
}

void WriteAnnotations(JsonWriter& json, std::span<const llm::Part> parts) {
  bool open = false;
  for (const llm::Part& part : parts) {
    const auto* text = std::get_if<llm::TextPart>(&part);
    if (text == nullptr) continue;
    for (const llm::Citation& citation : text->citations) {
      if (citation.origin != kSelf && citation.url.empty()) continue;
      if (!open) {
        json.Key("annotations");
        json.Begin('[');
        open = true;
      }
      if (citation.origin == kSelf && !citation.raw.empty()) {
        json.Raw(citation.raw);
        continue;
      }
      json.Begin('{');
      json.Member("type", "URL_CITATION");
      json.Key("urlCitation");
      json.Begin('{');
      if (citation.begin >= 0) json.Member("startIndex", citation.begin);
      if (citation.end >= 0) json.Member("endIndex", citation.end);
      if (!citation.title.empty()) json.Member("title", citation.title);
      json.Member("url", citation.url);
      json.End('}');
      json.End('}');
    }
  }
  if (open) json.End(']');
}

llm::Citation ReadAnnotation(JsonValue annotation) {
  const JsonValue url = annotation["urlCitation"];
  llm::Citation citation;
  citation.title = url["title"].string();
  citation.url = url["url"].string();
  citation.begin = url["startIndex"].integer().value_or(-1);
  citation.end = url["endIndex"].integer().value_or(-1);
  citation.raw = std::string(annotation.raw());
  citation.origin = kSelf;
  return citation;
}

// GENERIC models give OpenAI's words; Cohere's words are what older services give for all.
llm::FinishReason FinishOf(std::string_view word) {
  const std::string lower = ToLowerAscii(word);
  if (lower == "stop" || lower == "complete" || lower == "stop_sequence") {
    return llm::FinishReason::kStop;
  }
  if (lower == "length" || lower == "max_tokens") return llm::FinishReason::kLength;
  if (lower == "tool_calls" || lower == "tool_call") return llm::FinishReason::kToolCalls;
  if (lower == "content_filter" || lower == "error_toxic") return llm::FinishReason::kContentFilter;
  if (lower == "error" || lower == "error_limit") return llm::FinishReason::kError;
  return llm::FinishReason::kUnknown;
}

std::string_view FinishWord(const llm::Answer& answer) {
  if (!answer.raw_finish.empty() && FinishOf(answer.raw_finish) == answer.finish) {
    return answer.raw_finish;
  }
  switch (answer.finish) {
    case llm::FinishReason::kLength:
    case llm::FinishReason::kContextExceeded: return "length";
    case llm::FinishReason::kToolCalls: return "tool_calls";
    case llm::FinishReason::kContentFilter:
    case llm::FinishReason::kRefusal: return "content_filter";
    case llm::FinishReason::kError: return "error";
    case llm::FinishReason::kUnknown:
    case llm::FinishReason::kStop:
    case llm::FinishReason::kPause: return "stop";
  }
  return "stop";
}

bool UsageCount::Read(JsonValue usage) {
  if (!usage.is_object()) return false;
  const auto take = [](std::optional<std::int64_t>& into, JsonValue value) {
    const std::optional<std::int64_t> count = value.integer();
    if (count && *count >= 0) into = count;
  };
  take(prompt_, usage["promptTokens"]);
  take(completion_, usage["completionTokens"]);
  take(cached_, usage.At({"promptTokensDetails", "cachedTokens"}));
  take(reasoning_, usage.At({"completionTokensDetails", "reasoningTokens"}));
  return prompt_ || completion_;
}

std::optional<llm::Usage> UsageCount::Disjoint() const {
  if (!prompt_ && !completion_) return std::nullopt;
  llm::Usage usage;
  usage.cache_read = std::min(cached_.value_or(0), prompt_.value_or(0));
  usage.fresh_input = prompt_.value_or(0) - usage.cache_read;
  usage.reasoning = std::min(reasoning_.value_or(0), completion_.value_or(0));
  usage.output = completion_.value_or(0) - usage.reasoning;
  return usage;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  json.Begin('{');
  json.Member("promptTokens", usage.TotalInput());
  json.Member("completionTokens", usage.TotalOutput());
  json.Member("totalTokens", usage.TotalInput() + usage.TotalOutput());
  if (usage.cache_read > 0) {
    json.Key("promptTokensDetails");
    json.Begin('{');
    json.Member("cachedTokens", usage.cache_read);
    json.End('}');
  }
  if (usage.reasoning > 0) {
    json.Key("completionTokensDetails");
    json.Begin('{');
    json.Member("reasoningTokens", usage.reasoning);
    json.End('}');
  }
  json.End('}');
}

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs) {
  std::vector<llm::TokenLogprob> tokens;
  for (const JsonValue token : logprobs["tokens"]) tokens.push_back({.token = token.string()});
  std::size_t at = 0;
  for (const JsonValue value : logprobs["tokenLogprobs"]) {
    if (at < tokens.size()) tokens[at++].logprob = NumberIn(value);
  }
  at = 0;
  for (const JsonValue map : logprobs["topLogprobs"]) {
    if (at == tokens.size()) break;
    std::vector<llm::TokenLogprob>& top = tokens[at++].top;
    for (const JsonValue member : map) {
      top.push_back({.token = std::string(member.key()), .logprob = NumberIn(member)});
    }
    std::ranges::sort(top, [](const llm::TokenLogprob& a, const llm::TokenLogprob& b) {
      return a.logprob != b.logprob ? a.logprob > b.logprob : a.token < b.token;
    });
  }
  return tokens;
}

void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs) {
  json.Begin('{');
  json.Key("tokens");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) json.String(token.token);
  json.End(']');
  json.Key("tokenLogprobs");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) json.Number(token.logprob);
  json.End(']');
  json.Key("topLogprobs");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) {
    json.Begin('{');
    std::set<std::string_view> seen;  // a map has each token once
    for (const llm::TokenLogprob& each : token.top) {
      if (!seen.insert(each.token).second) continue;
      json.Key(each.token);
      json.String(fmt::format("{}", each.logprob));
    }
    json.End('}');
  }
  json.End(']');
  json.End('}');
}

}  // namespace triage::wire::oci
