#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/text.h"
#include "wire/chat_context.h"
#include "wire/json.h"
#include "wire/json_cursor.h"
#include "wire/openai_chat.h"
#include "wire/openai_chat_tools.h"

namespace triage::wire {
namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::field;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

enum class Key : std::uint8_t {
  kOther,
  kModel,
  kMessages,
  kStream,
  kStreamOptions,
  kMaxTokens,
  kMaxCompletionTokens,
  kTools,
  kFunctions,
  kResponseFormat,
  kLogprobs,
  kTopLogprobs,
  kN,
  kUser,
  kMetadata,
  kTemperature,
  kTopP,
};

Key KeyOf(std::string_view name) {
  switch (name.size()) {
    case 1: return name == "n" ? Key::kN : Key::kOther;
    case 4: return name == "user" ? Key::kUser : Key::kOther;
    case 5:
      if (name == "model") return Key::kModel;
      if (name == "tools") return Key::kTools;
      return name == "top_p" ? Key::kTopP : Key::kOther;
    case 6: return name == "stream" ? Key::kStream : Key::kOther;
    case 8:
      if (name == "messages") return Key::kMessages;
      if (name == "metadata") return Key::kMetadata;
      return name == "logprobs" ? Key::kLogprobs : Key::kOther;
    case 9: return name == "functions" ? Key::kFunctions : Key::kOther;
    case 10: return name == "max_tokens" ? Key::kMaxTokens : Key::kOther;
    case 11: return name == "temperature" ? Key::kTemperature : Key::kOther;
    case 12: return name == "top_logprobs" ? Key::kTopLogprobs : Key::kOther;
    case 14: return name == "stream_options" ? Key::kStreamOptions : Key::kOther;
    case 15: return name == "response_format" ? Key::kResponseFormat : Key::kOther;
    case 21: return name == "max_completion_tokens" ? Key::kMaxCompletionTokens : Key::kOther;
    default: return Key::kOther;
  }
}

std::optional<llm::Role> RoleOf(std::string_view name) {
  if (name == "user") return llm::Role::kUser;
  if (name == "assistant") return llm::Role::kAssistant;
  if (name == "system" || name == "developer") return llm::Role::kSystem;
  if (name == "tool" || name == "function") return llm::Role::kTool;
  return std::nullopt;
}

// Walks a body once and fills a Request. Functions return false when reading must stop: with
// `fault_` set when a value is wrong, without when the JSON itself is broken (FindJsonProblem then
// says where).
class Reader {
 public:
  Reader(const ChatLimits& limits, llm::Request& request)
      : limits_(limits), request_(request), cursor_(limits.max_depth) {}

  Result<void> Run(simdjson::ondemand::parser& parser) {
    if (ReadBody(parser) && CheckRequired()) return {};
    if (fault_.error()) return *std::move(fault_.error());
    const auto problem = FindJsonProblem(request_.body, limits_.max_depth);
    if (problem) {
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = fmt::format("The body is not valid JSON: {} at byte {}.",
                                          problem->reason, problem->offset)};
    }
    return Error{.code = ErrorCode::kInvalidRequest,
                 .message = "The body must be one JSON object with `model` and `messages`."};
  }

 private:
  bool Fail(std::string pointer, std::string_view message) {
    return fault_.Say(std::move(pointer), message);
  }

  bool WrongType(std::string pointer, std::string_view wanted) {
    return fault_.WrongType(std::move(pointer), wanted);
  }

  bool ReadBody(simdjson::ondemand::parser& parser) {
    const std::string& body = request_.body;
    simdjson::ondemand::document document;
    if (parser.iterate(body.data(), body.size(), body.capacity()).get(document)) return false;
    object top;
    if (document.get_object().get(top)) return false;
    request_.keys.reserve(16);
    for (auto each : top) {
      field entry;
      if (std::move(each).get(entry)) return false;
      const char* const begin = entry.key().raw();
      request_.keys.push_back(static_cast<std::uint32_t>(begin - body.data() - 1));
      meter_.End(begin);
      std::string_view key;
      if (!cursor_.Key(entry, key)) return false;
      if (key == "tools" || key == "functions" || key == "response_format")
        meter_.Begin(begin, request_.extras.json_bytes);
      if (!Once(key) || !ReadField(key, entry.value())) return false;
    }
    meter_.End(body.data() + body.size());
    // At the end there is no current location; anything else trails behind the object.
    return document.current_location().error() != simdjson::SUCCESS;
  }

  bool Once(std::string_view key) {
    const Key known = KeyOf(key);
    bool again = false;
    if (known != Key::kOther) {
      const std::uint32_t bit = 1U << static_cast<unsigned>(known);
      again = (seen_ & bit) != 0;
      seen_ |= bit;
    } else {
      for (std::string_view other : others_) again = again || other == key;
      others_.push_back(key);
      if (others_.size() > limits_.max_fields) {
        return Fail(
            "", fmt::format("The body has more than {} fields; send fewer.", limits_.max_fields));
      }
    }
    if (!again) return true;
    return Fail(Pointer(key), "appears more than once; send it once.");
  }

  // "/name", escaped as RFC 6901 says and bounded.
  static std::string Pointer(std::string_view name) {
    std::string out = "/";
    for (char c : Utf8Prefix(name, 64)) {
      if (c == '~') {
        out += "~0";
      } else if (c == '/') {
        out += "~1";
      } else {
        out += c;
      }
    }
    return out;
  }

  bool ReadField(std::string_view key, value& v) {
    switch (KeyOf(key)) {
      case Key::kModel: return ReadModel(v);
      case Key::kMessages: return ReadMessages(v);
      case Key::kStream: return ReadBool(v, "/stream", request_.stream);
      case Key::kStreamOptions: return ReadStreamOptions(v);
      case Key::kMaxTokens: {
        std::int64_t given = 0;
        if (!ReadCount(v, "/max_tokens", limits_.max_output_tokens, given)) return false;
        if (request_.max_output_tokens == 0) request_.max_output_tokens = given;
        return true;
      }
      case Key::kMaxCompletionTokens: {
        std::int64_t given = 0;
        if (!ReadCount(v, "/max_completion_tokens", limits_.max_output_tokens, given)) return false;
        if (given != 0) request_.max_output_tokens = given;
        return true;
      }
      case Key::kTools: return CheckTools(cursor_, v, "/tools", fault_, request_.needs.tools);
      case Key::kFunctions:
        return CheckTools(cursor_, v, "/functions", fault_, request_.needs.tools);
      case Key::kResponseFormat: return ReadResponseFormat(v);
      case Key::kLogprobs: {
        bool wanted = false;
        if (!ReadBool(v, "/logprobs", wanted)) return false;
        request_.needs.logprobs = request_.needs.logprobs || wanted;
        return true;
      }
      case Key::kTopLogprobs: {
        const std::string_view token = JsonCursor::Token(v);
        if (token != "null" && token != "0") request_.needs.logprobs = true;
        return ReadNumber(v, "/top_logprobs");
      }
      case Key::kN: {
        std::int64_t n = 0;
        if (!ReadCount(v, "/n", 128, n)) return false;
        request_.needs.several_choices = n > 1;
        return true;
      }
      case Key::kUser: return ReadText(v, "/user", user_);
      case Key::kMetadata: return ReadMetadata(v);
      case Key::kTemperature: return ReadNumber(v, "/temperature");
      case Key::kTopP: return ReadNumber(v, "/top_p");
      case Key::kOther: return cursor_.Check(v, 1);
    }
    return false;
  }

  llm::ByteRange RangeOf(std::string_view token) const {
    const auto begin = static_cast<std::uint32_t>(token.data() - request_.body.data());
    return {begin, begin + static_cast<std::uint32_t>(token.size())};
  }

  bool ReadModel(value& v) {
    const std::string_view token = JsonCursor::Token(v);
    if (!JsonCursor::IsString(token)) {
      return cursor_.Check(v, 1) &&
             WrongType("/model", "a string, such as \"auto\" or \"PROVIDER/MODEL\"");
    }
    if (!AppendUnescaped(request_.model, JsonCursor::Inside(token))) return false;
    if (request_.model.empty()) return Fail("/model", "is empty; send \"auto\" or a model's name.");
    if (request_.model.size() > 256) return Fail("/model", "is longer than 256 bytes.");
    request_.model_value = RangeOf(token);
    return true;
  }

  bool ReadBool(value& v, std::string_view pointer, bool& out) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    if (token != "true" && token != "false") {
      return cursor_.Check(v, 1) && WrongType(std::string(pointer), "true or false");
    }
    out = token == "true";
    return true;
  }

  bool ReadNumber(value& v, std::string_view pointer) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null" || IsJsonNumber(token)) return true;
    return cursor_.Check(v, 1) && WrongType(std::string(pointer), "a number");
  }

  // A whole number from 1 to `most`; null leaves `out`.
  bool ReadCount(value& v, std::string_view pointer, std::int64_t most, std::int64_t& out) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    if (!IsJsonNumber(token)) {
      return cursor_.Check(v, 1) && WrongType(std::string(pointer), "a whole number");
    }
    std::int64_t number = 0;
    const char* end = token.data() + token.size();
    const auto parsed = std::from_chars(token.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || number < 1 || number > most) {
      return WrongType(std::string(pointer), fmt::format("a whole number from 1 to {}", most));
    }
    out = number;
    return true;
  }

  bool ReadText(value& v, std::string_view pointer, std::string& out) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    if (!JsonCursor::IsString(token)) {
      return cursor_.Check(v, 1) && WrongType(std::string(pointer), "a string");
    }
    return AppendUnescaped(out, JsonCursor::Inside(token));
  }

  bool ReadStreamOptions(value& v) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") {
      request_.stream_options_value = RangeOf(token);
      return true;
    }
    if (!token.starts_with('{')) {
      return cursor_.Check(v, 1) && WrongType("/stream_options", "an object");
    }
    object options;
    if (v.get_object().get(options)) return false;
    bool seen = false;
    for (auto each : options) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor_.Key(entry, key)) return false;
      if (key != "include_usage") {
        if (!cursor_.Check(entry.value(), 2)) return false;
        continue;
      }
      if (std::exchange(seen, true)) {
        return Fail("/stream_options/include_usage", "appears more than once; send it once.");
      }
      if (!ReadBool(entry.value(), "/stream_options/include_usage", request_.include_usage)) {
        return false;
      }
    }
    std::string_view whole;
    if (options.raw_json().get(whole)) return false;
    request_.stream_options_value = RangeOf(JsonCursor::Trimmed(whole));
    return true;
  }

  bool ReadResponseFormat(value& v) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    if (!token.starts_with('{')) {
      return cursor_.Check(v, 1) && WrongType("/response_format", "an object");
    }
    object format;
    if (v.get_object().get(format)) return false;
    std::string type;
    for (auto each : format) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor_.Key(entry, key)) return false;
      if (key == "type") {
        type.clear();
        if (!ReadText(entry.value(), "/response_format/type", type)) return false;
      } else if (!cursor_.Check(entry.value(), 2)) {
        return false;
      }
    }
    if (type.empty()) {
      return Fail("/response_format/type",
                  "is missing; use \"text\", \"json_object\" or \"json_schema\".");
    }
    request_.needs.json_schema = type == "json_schema";
    request_.needs.json_object = type == "json_object";
    return true;
  }

  bool ReadMetadata(value& v) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    if (!token.starts_with('{')) return cursor_.Check(v, 1) && WrongType("/metadata", "an object");
    object metadata;
    if (v.get_object().get(metadata)) return false;
    for (auto each : metadata) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor_.Key(entry, key)) return false;
      if (!ReadContext(key, entry.value())) return false;
    }
    return true;
  }

  bool ReadContext(std::string_view key, value& v) {
    if (!IsContextKey(key)) return cursor_.Check(v, 2);
    const std::string pointer = "/metadata" + Pointer(key);
    const std::string_view token = JsonCursor::Token(v);
    std::string text;
    if (TakesNumber(key) && IsJsonNumber(token)) {
      text = token;
    } else if (!ReadText(v, pointer, text)) {
      return false;
    }
    const auto wanted = SetContext(request_.context, key, std::move(text));
    return !wanted || WrongType(pointer, *wanted);
  }

  bool ReadMessages(value& v) {
    if (!JsonCursor::Token(v).starts_with('[')) {
      return cursor_.Check(v, 1) && WrongType("/messages", "an array of messages");
    }
    array messages;
    if (v.get_array().get(messages)) return false;
    // Decoded text is never longer than its JSON, so that views into it stay valid.
    request_.text.reserve(request_.body.size());
    request_.turns.reserve(8);
    for (auto each : messages) {
      value message;
      if (std::move(each).get(message)) return false;
      if (request_.turns.size() == limits_.max_messages) {
        return Fail("/messages",
                    fmt::format("has more than {} messages; send fewer.", limits_.max_messages));
      }
      if (!ReadMessage(message)) return false;
    }
    return true;
  }

  std::string MessagePointer(std::string_view field_name) const {
    return fmt::format("/messages/{}{}", request_.turns.size(), field_name);
  }

  bool ReadMessage(value& v) {
    if (!JsonCursor::Token(v).starts_with('{')) {
      return cursor_.Check(v, 2) &&
             WrongType(MessagePointer(""), "an object with role and content");
    }
    meter_.End(v.raw_json_token().data());
    object message;
    if (v.get_object().get(message)) return false;
    if (!request_.turns.empty()) request_.text += '\n';
    const std::size_t text_begin = request_.text.size();
    std::optional<llm::Role> role;
    bool has_role = false;
    bool seen_content = false;
    bool has_content = false;
    for (auto each : message) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry)) return false;
      const char* const begin = entry.key().raw();
      meter_.End(begin);
      if (!cursor_.Key(entry, key)) return false;
      value& inner = entry.value();
      if (key == "role") {
        if (std::exchange(has_role, true)) {
          return Fail(MessagePointer("/role"), "appears more than once; send it once.");
        }
        if (!ReadRole(inner, role)) return false;
      } else if (key == "content") {
        if (std::exchange(seen_content, true)) {
          return Fail(MessagePointer("/content"), "appears more than once; send it once.");
        }
        if (!ReadContent(inner, has_content)) return false;
      } else {
        if (key == "tool_calls" && JsonCursor::Token(inner) != "null") request_.needs.tools = true;
        if (key == "tool_calls" || key == "function_call")
          meter_.Begin(begin, request_.extras.json_bytes);
        if (!cursor_.Check(inner, 3)) return false;
      }
    }
    if (!role) return Fail(MessagePointer("/role"), kRoles);
    // An assistant's message may consist of tool calls or a refusal; all others say something.
    if (!has_content && *role != llm::Role::kAssistant) {
      return Fail(MessagePointer("/content"), "is missing; send a string or an array of parts.");
    }
    const std::string_view text = std::string_view(request_.text).substr(text_begin);
    request_.turns.push_back({*role, text});
    return true;
  }

  bool ReadRole(value& v, std::optional<llm::Role>& role) {
    const std::string_view token = JsonCursor::Token(v);
    if (!JsonCursor::IsString(token)) {
      return cursor_.Check(v, 3) && Fail(MessagePointer("/role"), kRoles);
    }
    std::string_view name = JsonCursor::Inside(token);
    std::string decoded;
    role = RoleOf(name);
    if (!role) {
      if (!AppendUnescaped(decoded, name)) return false;
      name = decoded;
      role = RoleOf(name);
    }
    if (name == "developer") request_.developer_roles.push_back(RangeOf(token));
    return role ||
           Fail(MessagePointer("/role"),
                fmt::format("unknown role {}; {}", JsonString(Utf8Prefix(name, 64)), kRoles));
  }

  bool ReadContent(value& v, bool& has_content) {
    const std::string_view token = JsonCursor::Token(v);
    if (token == "null") return true;
    has_content = true;
    if (JsonCursor::IsString(token)) {
      return AppendUnescaped(request_.text, JsonCursor::Inside(token));
    }
    if (!token.starts_with('[')) {
      return cursor_.Check(v, 3) &&
             WrongType(MessagePointer("/content"), "a string or an array of parts");
    }
    array parts;
    if (v.get_array().get(parts)) return false;
    std::size_t index = 0;
    for (auto each : parts) {
      value part;
      if (std::move(each).get(part) || !ReadPart(part, index)) return false;
      ++index;
    }
    return true;
  }

  bool ReadPart(value& v, std::size_t index) {
    const auto pointer = [&](std::string_view name) {
      return MessagePointer(fmt::format("/content/{}{}", index, name));
    };
    if (!JsonCursor::Token(v).starts_with('{')) {
      return cursor_.Check(v, 4) && WrongType(pointer(""), "an object with a type");
    }
    meter_.End(v.raw_json_token().data());
    object part;
    if (v.get_object().get(part)) return false;
    std::string_view type;
    std::string_view text;
    bool has_image = false;
    bool by_url = false;
    for (auto each : part) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry)) return false;
      const char* const begin = entry.key().raw();
      meter_.End(begin);
      if (!cursor_.Key(entry, key)) return false;
      if (key == "file" || key == "input_audio")
        meter_.Begin(begin, request_.extras.document_bytes);
      value& inner = entry.value();
      const std::string_view token = JsonCursor::Token(inner);
      if (key == "type" || key == "text") {
        std::string_view& target = key == "type" ? type : text;
        if (!target.empty()) {
          return Fail(pointer(Pointer(key)), "appears more than once; send it once.");
        }
        target = token;
      }
      if (key == "image_url") {
        if (!ReadImage(inner, has_image, by_url)) return false;
      } else if (!cursor_.Check(inner, 5)) {
        return false;
      }
    }
    if (!JsonCursor::IsString(type)) {
      return Fail(pointer("/type"), "must be a string such as \"text\" or \"image_url\".");
    }
    if (type == "\"text\"") {
      if (!JsonCursor::IsString(text)) return Fail(pointer("/text"), "must be a string.");
      return AppendUnescaped(request_.text, JsonCursor::Inside(text));
    }
    if (type == "\"image_url\"") {
      if (!has_image) return Fail(pointer("/image_url"), "must be an object with a url.");
      ++request_.extras.images;
      request_.needs.vision = true;
      request_.needs.image_urls = request_.needs.image_urls || by_url;
    }
    if (type == "\"file\"") request_.needs.documents = true;
    if (type == "\"file\"" || type == "\"input_audio\"") ++request_.extras.documents;
    return true;
  }

  // {"url": "…"}, or the URL alone as some clients send it. `by_url`: it holds no data.
  bool ReadImage(value& v, bool& found, bool& by_url) {
    const auto take = [&](std::string_view url) {
      found = url.size() > 2 && JsonCursor::IsString(url);
      if (!found) return;
      std::string scheme;  // the data behind it may be large
      AppendUnescaped(scheme, JsonCursor::Inside(url).substr(0, 64));
      by_url = !scheme.starts_with("data:");
    };
    const std::string_view token = JsonCursor::Token(v);
    if (!token.starts_with('{')) {
      take(token);
      return cursor_.Check(v, 5);
    }
    object image;
    if (v.get_object().get(image)) return false;
    for (auto each : image) {
      field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor_.Key(entry, key)) return false;
      if (key == "url") take(JsonCursor::Token(entry.value()));
      if (!cursor_.Check(entry.value(), 6)) return false;
    }
    return true;
  }

  bool CheckRequired() {
    if (request_.model_value.empty()) {
      return Fail("/model", "is missing; send \"auto\" or a model's name.");
    }
    if (request_.turns.empty()) {
      return Fail("/messages", "is missing or empty; send at least one message.");
    }
    if (request_.context.user.empty()) request_.context.user = std::move(user_);
    return true;
  }

  static constexpr const char* kRoles =
      "must be one of system, developer, user, assistant, tool, function.";

  const ChatLimits& limits_;
  llm::Request& request_;
  JsonCursor cursor_;
  Fault fault_;
  std::string user_;
  LengthMeter meter_;
  std::uint32_t seen_ = 0;                // known top-level keys
  std::vector<std::string_view> others_;  // unknown ones
};

}  // namespace

Result<void> ParseChatRequest(std::string body, const ChatLimits& limits, llm::Request& request) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The body has {} bytes; {} are allowed.", body.size(),
                                        limits.max_body_bytes)};
  }
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  request.dialect = llm::Dialect::kOpenAiChat;
  request.body = std::move(body);
  return WithParser(request.body.size(), [&](simdjson::ondemand::parser& parser) {
    return Reader(limits, request).Run(parser);
  });
}

}  // namespace triage::wire
