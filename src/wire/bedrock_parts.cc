#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/text.h"
#include "wire/bedrock.h"
#include "wire/error_message.h"

namespace triage::wire::bedrock {
namespace {

using llm::FinishReason;

constexpr std::size_t kMaxIdLength = 64;
constexpr std::size_t kMaxNameLength = 200;

constexpr auto kFormats = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"png", "image/png"},
    {"jpeg", "image/jpeg"},
    {"jpeg", "image/jpg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"pdf", "application/pdf"},
    {"csv", "text/csv"},
    {"html", "text/html"},
    {"txt", "text/plain"},
    {"md", "text/markdown"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
});

struct Word {
  std::string_view word;
  FinishReason finish;
};

// The first word of a reason is the one to say for it.
constexpr std::array kWords = {
    Word{"end_turn", FinishReason::kStop},
    Word{"stop_sequence", FinishReason::kStop},
    Word{"max_tokens", FinishReason::kLength},
    Word{"tool_use", FinishReason::kToolCalls},
    Word{"content_filtered", FinishReason::kContentFilter},
    Word{"guardrail_intervened", FinishReason::kContentFilter},
    Word{"model_context_window_exceeded", FinishReason::kContextExceeded},
    Word{"malformed_model_output", FinishReason::kError},
    Word{"malformed_tool_use", FinishReason::kError},
    Word{"refusal", FinishReason::kRefusal},
};

struct Exception {
  std::string_view type;  // in lower case
  int status;
};

constexpr std::array kExceptions = {
    Exception{"throttlingexception", 429},
    Exception{"toomanyrequestsexception", 429},
    Exception{"modelnotreadyexception", 429},
    Exception{"serviceunavailableexception", 503},
    Exception{"serviceunavailable", 503},
    Exception{"validationexception", 400},
    Exception{"servicequotaexceededexception", 400},
    Exception{"accessdeniedexception", 403},
    Exception{"unrecognizedclientexception", 403},
    Exception{"expiredtokenexception", 403},
    Exception{"resourcenotfoundexception", 404},
    Exception{"modeltimeoutexception", 408},
    Exception{"modelerrorexception", 424},
    Exception{"modelstreamerrorexception", 424},
};

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// {"source":{"bytes"}}, {"source":{"s3Location":{"uri"}}}, {"source":{"text"}}
void WriteSource(JsonWriter& json, std::string_view bytes, std::string_view text,
                 std::string_view uri) {
  json.Key("source");
  json.Begin('{');
  if (!bytes.empty()) {
    json.Member("bytes", bytes);
  } else if (!text.empty()) {
    json.Member("text", text);
  } else {
    json.Key("s3Location");
    json.Begin('{');
    json.Member("uri", uri);
    json.End('}');
  }
  json.End('}');
}

std::optional<llm::Part> ReadImage(JsonValue image, JsonValue block) {
  const JsonValue source = image["source"];
  llm::ImagePart part{.origin = kSelf};
  part.media_type = MediaTypeOf(image["format"].text());
  if (source["bytes"].is_string()) {
    part.data = source["bytes"].text();
  } else if (source["s3Location"]["uri"].is_string()) {
    part.file_id = source["s3Location"]["uri"].text();
  } else {
    return llm::OpaquePart{.origin = kSelf, .type = "image", .json = std::string(block.raw())};
  }
  return part;
}

// Names that say nothing are those we give.
bool IsOwnName(std::string_view name) {
  return name.starts_with("document-") &&
         name.find_first_not_of("0123456789", 9) == std::string_view::npos;
}

std::optional<llm::Part> ReadDocument(JsonValue document, JsonValue block) {
  const JsonValue source = document["source"];
  llm::DocumentPart part{.context = document["context"].string(),
                         .citations = document["citations"]["enabled"].boolean().value_or(false),
                         .origin = kSelf};
  if (!IsOwnName(document["name"].text())) part.title = document["name"].text();
  if (source["text"].is_string()) {
    part.text = source["text"].text();
    return part;
  }
  part.media_type = MediaTypeOf(document["format"].text());
  if (source["bytes"].is_string()) {
    part.data = source["bytes"].text();
  } else if (source["s3Location"]["uri"].is_string()) {
    part.file_id = source["s3Location"]["uri"].text();
  } else {  // a list of its chunks
    return llm::OpaquePart{.origin = kSelf, .type = "document", .json = std::string(block.raw())};
  }
  return part;
}

std::optional<llm::Part> ReadCall(JsonValue call) {
  if (!call["toolUseId"].is_string() || call["name"].text().empty()) return std::nullopt;
  const JsonValue input = call["input"];
  return llm::ToolCallPart{.id = call["toolUseId"].string(),
                           .name = call["name"].string(),
                           .arguments = std::string(input.is_object() ? input.raw() : "{}"),
                           .origin = kSelf};
}

std::optional<llm::Part> ReadThinking(JsonValue content) {
  const JsonValue text = content["reasoningText"];
  if (text.is_object()) {
    return llm::ThinkingPart{
        .text = text["text"].string(), .signature = text["signature"].string(), .origin = kSelf};
  }
  if (!content["redactedContent"].is_string()) return std::nullopt;
  return llm::ThinkingPart{
      .signature = content["redactedContent"].string(), .redacted = true, .origin = kSelf};
}

llm::Part ReadCited(JsonValue content) {
  llm::TextPart part;
  for (const JsonValue piece : content["content"]) part.text += piece["text"].text();
  for (const JsonValue citation : content["citations"]) {
    part.citations.push_back(ReadCitation(citation));
  }
  return part;
}

bool Tells(const llm::Citation& citation) {
  const bool own = citation.origin == kSelf && !citation.raw.empty();
  return own || !citation.url.empty() || !citation.title.empty() || !citation.cited_text.empty();
}

void WriteTextBlock(JsonWriter& json, const llm::TextPart& text) {
  json.Begin('{');
  if (std::ranges::none_of(text.citations, Tells)) {
    json.Member("text", text.text);
  } else {
    json.Key("citationsContent");
    json.Begin('{');
    json.Key("content");
    json.Begin('[');
    json.Begin('{');
    json.Member("text", text.text);
    json.End('}');
    json.End(']');
    json.Key("citations");
    json.Begin('[');
    for (const llm::Citation& citation : text.citations) WriteCitation(json, citation);
    json.End(']');
    json.End('}');
  }
  json.End('}');
}

bool WriteImage(JsonWriter& json, const llm::ImagePart& image) {
  const std::string_view format = FormatOf(image.media_type);
  const bool own = !image.file_id.empty() && image.origin == kSelf;
  if (!own && (image.data.empty() || format.empty())) return false;
  json.Begin('{');
  json.Key("image");
  json.Begin('{');
  json.Member("format", format.empty() ? "png" : format);
  WriteSource(json, image.data, {}, image.file_id);
  json.End('}');
  json.End('}');
  return true;
}

void WriteThinking(JsonWriter& json, const llm::ThinkingPart& thinking) {
  json.Begin('{');
  json.Key("reasoningContent");
  json.Begin('{');
  if (thinking.redacted) {
    json.Member("redactedContent", thinking.signature);
  } else {
    json.Key("reasoningText");
    json.Begin('{');
    json.Member("text", thinking.text);
    if (!thinking.signature.empty()) json.Member("signature", thinking.signature);
    json.End('}');
  }
  json.End('}');
  json.End('}');
}

void WriteCall(JsonWriter& json, const llm::ToolCallPart& call) {
  json.Begin('{');
  json.Key("toolUse");
  json.Begin('{');
  json.Member("toolUseId", SafeId(call.id));
  json.Member("name", call.name);
  json.Key("input");
  json.Raw(ArgumentsObject(call.arguments));
  json.End('}');
  json.End('}');
}

}  // namespace

std::string_view FormatOf(std::string_view media_type) {
  for (const auto& [format, type] : kFormats) {
    if (type == media_type) return format;
  }
  return {};
}

std::string_view MediaTypeOf(std::string_view format) {
  for (const auto& [known, type] : kFormats) {
    if (known == format) return type;
  }
  return {};
}

std::optional<llm::Part> ReadBlock(JsonValue block) {
  if (!block.is_object() || block.size() == 0) return std::nullopt;
  const JsonValue member = *block.begin();
  const std::string_view type = member.key();
  if (type == "text") {
    if (!member.is_string()) return std::nullopt;
    return llm::TextPart{.text = member.string()};
  }
  if (type == "image" && member.is_object()) return ReadImage(member, block);
  if (type == "document" && member.is_object()) return ReadDocument(member, block);
  if (type == "toolUse") return ReadCall(member);
  if (type == "reasoningContent") return ReadThinking(member);
  if (type == "citationsContent" && member.is_object()) return ReadCited(member);
  return llm::OpaquePart{
      .origin = kSelf, .type = std::string(type), .json = std::string(block.raw())};
}

bool WriteBlock(JsonWriter& json, const llm::Part& part) {
  if (const auto* text = std::get_if<llm::TextPart>(&part)) {
    WriteTextBlock(json, *text);
  } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
    WriteTextBlock(json, {.text = refusal->text});
  } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
    return WriteImage(json, *image);
  } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
    return WriteDocument(json, *document, DocumentName(document->title));
  } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
    WriteThinking(json, *thinking);
  } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
    WriteCall(json, *call);
  } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
    if (opaque->origin != kSelf) return false;
    json.Raw(opaque->json);
  } else {
    return false;
  }
  return true;
}

bool WriteDocument(JsonWriter& json, const llm::DocumentPart& document, std::string_view name) {
  const std::string_view format =
      document.text.empty() ? FormatOf(document.media_type) : std::string_view("txt");
  const bool own = !document.file_id.empty() && document.origin == kSelf;
  const bool content = !document.data.empty() || !document.text.empty();
  if (!own && (!content || format.empty())) return false;
  json.Begin('{');
  json.Key("document");
  json.Begin('{');
  json.Member("format", format.empty() ? "pdf" : format);
  json.Member("name", name.empty() ? "document-1" : name);
  WriteSource(json, document.data, document.text, document.file_id);
  if (!document.context.empty()) json.Member("context", document.context);
  if (document.citations) {
    json.Key("citations");
    json.Begin('{');
    json.Flag("enabled", true);
    json.End('}');
  }
  json.End('}');
  json.End('}');
  return true;
}

std::string DocumentName(std::string_view title) {
  std::string name;
  for (const char c : title) {
    const bool plain = IsWord(c) || c == '-' || c == '(' || c == ')' || c == '[' || c == ']';
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != ' ') {
      name += ' ';
    }
  }
  return std::string(Trim(std::string_view(name).substr(0, kMaxNameLength)));
}

llm::Citation ReadCitation(JsonValue citation) {
  llm::Citation read;
  read.title = citation["title"].string();
  read.url = citation.At({"location", "web", "url"}).string();
  for (const JsonValue piece : citation["sourceContent"]) read.cited_text += piece["text"].text();
  for (const JsonValue place : citation["location"]) {
    const auto document = place["documentIndex"].integer();
    if (document && *document >= 0 && *document < 1'000'000) {
      read.document = static_cast<int>(*document);
    }
  }
  read.raw = std::string(citation.raw());
  read.origin = kSelf;
  return read;
}

bool WriteCitation(JsonWriter& json, const llm::Citation& citation) {
  if (!Tells(citation)) return false;
  if (citation.origin == kSelf && !citation.raw.empty()) {
    json.Raw(citation.raw);
    return true;
  }
  json.Begin('{');
  if (!citation.title.empty()) json.Member("title", citation.title);
  if (!citation.cited_text.empty()) {
    json.Key("sourceContent");
    json.Begin('[');
    json.Begin('{');
    json.Member("text", citation.cited_text);
    json.End('}');
    json.End(']');
  }
  if (!citation.url.empty()) {
    json.Key("location");
    json.Begin('{');
    json.Key("web");
    json.Begin('{');
    json.Member("url", citation.url);
    json.End('}');
    json.End('}');
  }
  json.End('}');
  return true;
}

std::string SafeId(std::string_view id) {
  // The end of a long id is what tells it from others.
  std::string safe(id.substr(id.size() - std::min(id.size(), kMaxIdLength)));
  for (char& c : safe) {
    if (!IsWord(c) && c != '_' && c != '-') c = '_';
  }
  return safe.empty() ? "_" : safe;
}

FinishReason FinishOf(std::string_view stop_reason) {
  const auto found = std::ranges::find(kWords, stop_reason, &Word::word);
  return found == kWords.end() ? FinishReason::kUnknown : found->finish;
}

std::string_view FinishWord(FinishReason finish, std::string_view raw, bool stop_sequence) {
  if (!raw.empty() && FinishOf(raw) == finish) return raw;
  if (finish == FinishReason::kStop && stop_sequence) return "stop_sequence";
  const auto found = std::ranges::find(kWords, finish, &Word::finish);
  return found == kWords.end() ? "end_turn" : found->word;
}

std::optional<llm::Usage> ReadUsage(JsonValue usage) {
  if (!usage.is_object()) return std::nullopt;
  const auto count = [](JsonValue value) {
    return std::max<std::int64_t>(value.integer().value_or(0), 0);
  };
  llm::Usage read;
  read.fresh_input = count(usage["inputTokens"]);  // without what the cache read and wrote
  read.cache_read = count(usage["cacheReadInputTokens"]);
  read.output = count(usage["outputTokens"]);
  const std::int64_t written = count(usage["cacheWriteInputTokens"]);
  for (const JsonValue detail : usage["cacheDetails"]) {
    if (detail["ttl"].text() == "1h") read.cache_write_1h += count(detail["inputTokens"]);
  }
  read.cache_write_1h = std::min(read.cache_write_1h, written);
  read.cache_write_5m = written - read.cache_write_1h;
  return read;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  const std::int64_t written = usage.cache_write_5m + usage.cache_write_1h;
  json.Begin('{');
  json.Member("inputTokens", usage.fresh_input);
  json.Member("outputTokens", usage.TotalOutput());
  json.Member("totalTokens", usage.TotalInput() + usage.TotalOutput());
  json.Member("cacheReadInputTokens", usage.cache_read);
  json.Member("cacheWriteInputTokens", written);
  if (written > 0) {
    const auto detail = [&](std::string_view ttl, std::int64_t tokens) {
      if (tokens == 0) return;
      json.Begin('{');
      json.Member("ttl", ttl);
      json.Member("inputTokens", tokens);
      json.End('}');
    };
    json.Key("cacheDetails");
    json.Begin('[');
    detail("1h", usage.cache_write_1h);
    detail("5m", usage.cache_write_5m);
    json.End(']');
  }
  json.End('}');
}

Error ReadFailure(std::string_view type, JsonValue body) {
  // Also "com.amazon.coral.service#ThrottlingException:http://…".
  const std::string_view name = type.substr(type.find('#') + 1);
  const std::string lower = ToLowerAscii(name.substr(0, name.find(':')));
  const auto known = std::ranges::find(kExceptions, std::string_view(lower), &Exception::type);
  JsonValue message = body["message"];
  if (message.null()) message = body["Message"];
  if (message.text().empty()) message = body["originalMessage"];
  Error error{.code = ErrorCode::kUpstream,
              .message = ProviderMessage(message.text()),
              .detail = lower.substr(0, 64)};
  error.upstream_status = known == kExceptions.end() ? 500 : known->status;
  const std::int64_t original = body["originalStatusCode"].integer().value_or(0);
  if (original >= 400 && original <= 599) error.upstream_status = static_cast<int>(original);
  if (error.upstream_status == 429) error.code = ErrorCode::kRateLimited;
  if (error.upstream_status == 400 || error.upstream_status == 404) {
    error.code = ErrorCode::kInvalidRequest;
  }
  return error;
}

}  // namespace triage::wire::bedrock
