#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "wire/error_message.h"
#include "wire/gemini.h"

namespace triage::wire::gemini {
namespace {

using llm::FinishReason;

// What an address tells of its content; Gemini wants to know it.
std::string_view MediaTypeOf(std::string_view url) {
  static constexpr auto kTypes =
      std::to_array<std::pair<std::string_view, std::string_view>>({{".png", "image/png"},
                                                                    {".jpg", "image/jpeg"},
                                                                    {".jpeg", "image/jpeg"},
                                                                    {".gif", "image/gif"},
                                                                    {".webp", "image/webp"},
                                                                    {".heic", "image/heic"},
                                                                    {".heif", "image/heif"},
                                                                    {".pdf", "application/pdf"},
                                                                    {".txt", "text/plain"},
                                                                    {".html", "text/html"},
                                                                    {".csv", "text/csv"},
                                                                    {".md", "text/markdown"}});
  url = url.substr(0, url.find_first_of("?#"));
  for (const auto& [suffix, type] : kTypes) {
    if (url.ends_with(suffix)) return type;
  }
  return {};
}

// An uploaded file or a bucket's object: of no use to another provider.
bool IsOwnFile(std::string_view uri) {
  return uri.starts_with("gs://") ||
         uri.starts_with("https://generativelanguage.googleapis.com/") || !uri.contains("://");
}

bool IsDocument(std::string_view media_type) {
  return media_type == "application/pdf" || media_type.starts_with("text/");
}

template <class Media>
Media ReadMediaAs(JsonValue blob, JsonValue file) {
  Media media{.origin = kSelf};
  if (blob.present()) {
    media.data = Member(blob, "data").string();
    media.media_type = Member(blob, "mimeType").string();
    return media;
  }
  const std::string_view uri = Member(file, "fileUri").text();
  const std::string_view type = Member(file, "mimeType").text();
  if (type != MediaTypeOf(uri)) media.media_type = type;
  (IsOwnFile(uri) ? media.file_id : media.url) = uri;
  return media;
}

template <class Media>
bool WriteMediaOf(JsonWriter& json, const Media& media) {
  if (!media.file_id.empty() && media.origin != kSelf) return false;
  if (!media.data.empty()) {
    json.Key("inlineData");
    json.Begin('{');
    json.Member("mimeType", media.media_type);
    json.Member("data", media.data);
    json.End('}');
    return true;
  }
  const std::string& uri = media.url.empty() ? media.file_id : media.url;
  const std::string_view type = media.media_type.empty() ? MediaTypeOf(uri) : media.media_type;
  json.Key("fileData");
  json.Begin('{');
  if (!type.empty()) json.Member("mimeType", type);
  json.Member("fileUri", uri);
  json.End('}');
  return true;
}

struct Word {
  std::string_view word;
  FinishReason finish;
};

// The first word of a reason is the one to say for it.
constexpr std::array kWords = {
    Word{"STOP", FinishReason::kStop},
    Word{"MAX_TOKENS", FinishReason::kLength},
    Word{"SAFETY", FinishReason::kContentFilter},
    Word{"RECITATION", FinishReason::kContentFilter},
    Word{"LANGUAGE", FinishReason::kContentFilter},
    Word{"BLOCKLIST", FinishReason::kContentFilter},
    Word{"PROHIBITED_CONTENT", FinishReason::kContentFilter},
    Word{"SPII", FinishReason::kContentFilter},
    Word{"IMAGE_SAFETY", FinishReason::kContentFilter},
    Word{"IMAGE_PROHIBITED_CONTENT", FinishReason::kContentFilter},
    Word{"IMAGE_RECITATION", FinishReason::kContentFilter},
    Word{"MALFORMED_FUNCTION_CALL", FinishReason::kError},
    Word{"MALFORMED_RESPONSE", FinishReason::kError},
    Word{"UNEXPECTED_TOOL_CALL", FinishReason::kError},
    Word{"TOO_MANY_TOOL_CALLS", FinishReason::kError},
    Word{"MISSING_THOUGHT_SIGNATURE", FinishReason::kError},
};

struct Status {
  int code;
  std::string_view word;
};

// https://cloud.google.com/apis/design/errors
constexpr std::array kStatuses = {
    Status{400, "INVALID_ARGUMENT"},  Status{401, "UNAUTHENTICATED"},
    Status{403, "PERMISSION_DENIED"}, Status{404, "NOT_FOUND"},
    Status{409, "ABORTED"},           Status{429, "RESOURCE_EXHAUSTED"},
    Status{499, "CANCELLED"},         Status{500, "INTERNAL"},
    Status{501, "UNIMPLEMENTED"},     Status{503, "UNAVAILABLE"},
    Status{504, "DEADLINE_EXCEEDED"}, Status{400, "FAILED_PRECONDITION"},
};

// "34.5s", as protocol buffers write durations.
std::optional<std::chrono::milliseconds> ReadDuration(std::string_view text) {
  if (!text.ends_with('s')) return std::nullopt;
  text.remove_suffix(1);
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0 && seconds <= 86'400)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace

std::string CamelCase(std::string_view name) {
  std::string camel;
  bool up = false;
  for (const char c : name) {
    const bool raise = std::exchange(up, c == '_' && !camel.empty()) && c >= 'a' && c <= 'z';
    if (up) continue;
    camel += raise ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return camel;
}

JsonValue Member(JsonValue object, std::string_view name) {
  const JsonValue found = object[name];
  if (found.present()) return found;
  std::string snake;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) snake += '_';
    snake += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return snake == name ? found : object[snake];
}

llm::Part ReadMedia(JsonValue part) {
  const JsonValue blob = Member(part, "inlineData");
  const JsonValue file = Member(part, "fileData");
  const std::string_view uri = Member(file, "fileUri").text();
  std::string_view type = Member(blob.present() ? blob : file, "mimeType").text();
  if (type.empty()) type = MediaTypeOf(uri);
  const bool plain = part.size() == 1;  // no videoMetadata, thoughtSignature, …
  if (plain && type.starts_with("image/")) return ReadMediaAs<llm::ImagePart>(blob, file);
  if (plain && IsDocument(type)) return ReadMediaAs<llm::DocumentPart>(blob, file);
  return llm::OpaquePart{.origin = kSelf,
                         .type = blob.present() ? "inlineData" : "fileData",
                         .json = std::string(part.raw())};
}

bool WriteMedia(JsonWriter& json, const llm::ImagePart& image) {
  return WriteMediaOf(json, image);
}

bool WriteMedia(JsonWriter& json, const llm::DocumentPart& document) {
  return WriteMediaOf(json, document);
}

void WriteThinking(JsonWriter& json, const llm::ThinkingPart& thinking) {
  json.Begin('{');
  json.Member("text", thinking.text);
  if (!thinking.redacted) json.Flag("thought", true);
  if (!thinking.signature.empty()) json.Member("thoughtSignature", thinking.signature);
  json.End('}');
}

void WriteCall(JsonWriter& json, const llm::ToolCallPart& call, bool with_id) {
  json.Begin('{');
  json.Key("functionCall");
  json.Begin('{');
  if (with_id) json.Member("id", call.id);
  json.Member("name", call.name);
  json.Key("args");
  json.Raw(ArgumentsObject(call.arguments));
  json.End('}');
  if (!call.signature.empty()) json.Member("thoughtSignature", call.signature);
  json.End('}');
}

FinishReason FinishOf(std::string_view word) {
  const auto found = std::ranges::find(kWords, word, &Word::word);
  return found == kWords.end() ? FinishReason::kUnknown : found->finish;
}

std::string_view FinishWord(FinishReason finish, std::string_view raw) {
  switch (finish) {
    case FinishReason::kToolCalls:
    case FinishReason::kPause: finish = FinishReason::kStop; break;
    case FinishReason::kContextExceeded: finish = FinishReason::kLength; break;
    case FinishReason::kRefusal: finish = FinishReason::kContentFilter; break;
    case FinishReason::kUnknown:
    case FinishReason::kStop:
    case FinishReason::kLength:
    case FinishReason::kContentFilter:
    case FinishReason::kError: break;
  }
  if (!raw.empty() && FinishOf(raw) == finish) return raw;
  if (finish == FinishReason::kUnknown) return "OTHER";
  return std::ranges::find(kWords, finish, &Word::finish)->word;
}

bool UsageCount::Read(JsonValue usage) {
  bool told = false;
  const auto take = [&](std::optional<std::int64_t>& into, std::string_view name) {
    const std::optional<std::int64_t> count = usage[name].integer();
    if (!count || *count < 0) return;
    into = count;
    told = true;
  };
  take(prompt_, "promptTokenCount");
  take(cached_, "cachedContentTokenCount");
  take(tools_, "toolUsePromptTokenCount");
  take(output_, "candidatesTokenCount");
  take(thoughts_, "thoughtsTokenCount");
  return told;
}

std::optional<llm::Usage> UsageCount::Disjoint() const {
  if (!prompt_ && !output_ && !thoughts_) return std::nullopt;
  llm::Usage usage;
  // The prompt includes what came from the cache; what the provider's own tools added is apart.
  usage.cache_read = std::min(cached_.value_or(0), prompt_.value_or(0));
  usage.fresh_input = prompt_.value_or(0) - usage.cache_read + tools_.value_or(0);
  usage.output = output_.value_or(0);
  usage.reasoning = thoughts_.value_or(0);
  return usage;
}

void WriteUsage(JsonWriter& json, const llm::Usage& usage) {
  json.Begin('{');
  json.Member("promptTokenCount", usage.TotalInput());
  json.Member("candidatesTokenCount", usage.output);
  if (usage.cache_read > 0) json.Member("cachedContentTokenCount", usage.cache_read);
  if (usage.reasoning > 0) json.Member("thoughtsTokenCount", usage.reasoning);
  json.Member("totalTokenCount", usage.TotalInput() + usage.TotalOutput());
  json.End('}');
}

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue result) {
  const auto read = [](JsonValue candidate) {
    return llm::TokenLogprob{.token = candidate["token"].string(),
                             .logprob = candidate["logProbability"].number().value_or(0)};
  };
  std::vector<llm::TokenLogprob> tokens;
  for (const JsonValue chosen : result["chosenCandidates"]) tokens.push_back(read(chosen));
  std::size_t at = 0;
  for (const JsonValue top : result["topCandidates"]) {
    if (at == tokens.size()) break;
    for (const JsonValue candidate : top["candidates"]) tokens[at].top.push_back(read(candidate));
    ++at;
  }
  return tokens;
}

void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs) {
  const auto write = [&](const llm::TokenLogprob& token) {
    json.Begin('{');
    json.Member("token", token.token);
    json.Key("logProbability");
    json.Number(token.logprob);
    json.End('}');
  };
  json.Begin('{');
  json.Key("topCandidates");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) {
    json.Begin('{');
    json.Key("candidates");
    json.Begin('[');
    for (const llm::TokenLogprob& each : token.top) write(each);
    json.End(']');
    json.End('}');
  }
  json.End(']');
  json.Key("chosenCandidates");
  json.Begin('[');
  for (const llm::TokenLogprob& token : logprobs) write(token);
  json.End(']');
  json.End('}');
}

Error ReadFailure(JsonValue error) {
  Error failure{.code = ErrorCode::kUpstream, .message = ProviderMessage(error["message"].text())};
  const std::string_view word = error["status"].text();
  const std::int64_t code = error["code"].integer().value_or(0);
  const auto status = std::ranges::find(kStatuses, word, &Status::word);
  failure.upstream_status = code >= 400 && code <= 599  ? static_cast<int>(code)
                            : status != kStatuses.end() ? status->code
                                                        : 500;
  const int told = failure.upstream_status;
  if (told == 429) {
    failure.code = ErrorCode::kRateLimited;
  } else if (told < 500 && told != 401 && told != 403 && told != 408 && told != 499) {
    failure.code = ErrorCode::kInvalidRequest;
  }
  failure.detail = std::string(word.substr(0, 64));
  for (const JsonValue detail : error["details"]) {
    if (const auto wait = ReadDuration(detail["retryDelay"].text())) failure.retry_after = wait;
  }
  return failure;
}

std::string ErrorBody(const Error& error, int status) {
  const auto known = std::ranges::find(kStatuses, status, &Status::code);
  JsonWriter json;
  json.Begin('{');
  json.Key("error");
  json.Begin('{');
  json.Member("code", std::int64_t{status});
  json.Member("message", error.message);
  json.Member("status", known != kStatuses.end() ? known->word
                        : status < 500           ? "INVALID_ARGUMENT"
                                                 : "INTERNAL");
  json.End('}');
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::gemini
