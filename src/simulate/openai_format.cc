#include "simulate/openai_format.h"

#include <nlohmann/json.hpp>

#include "simulate/recorded.h"

namespace triage::simulate {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json TextOrNull(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json ErrorJson(const ApiError& error) {
  return {{"error",
           {{"message", error.message},
            {"type", error.type},
            {"param", TextOrNull(error.param)},
            {"code", TextOrNull(error.code)}}}};
}

ordered_json UsageJson(std::int64_t prompt_tokens, std::int64_t completion_tokens) {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", completion_tokens},
          {"total_tokens", prompt_tokens + completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", 0}, {"audio_tokens", 0}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", 0},
            {"audio_tokens", 0},
            {"accepted_prediction_tokens", 0},
            {"rejected_prediction_tokens", 0}}}};
}

ordered_json ModelJson(std::string_view name, std::int64_t created) {
  return {{"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "triage-simulate"}};
}

ApiError Missing(std::string param) {
  return {400, "Missing required parameter: '" + param + "'.", "invalid_request_error", param,
          "missing_required_parameter"};
}

ApiError WrongType(std::string param, std::string_view expected, const json& got) {
  return {400,
          "Invalid type for '" + param + "': expected " + std::string(expected) + ", but got " +
              got.type_name() + " instead.",
          "invalid_request_error", param, "invalid_type"};
}

/// Text of a message's content: a string, null, or the text parts of an array.
std::expected<std::string, ApiError> ContentText(const json& message, const std::string& where) {
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) return std::string{};
  if (content->is_string()) return content->get<std::string>();
  const std::string param = where + ".content";
  if (!content->is_array()) {
    return std::unexpected(WrongType(param, "one of a string or array of objects", *content));
  }
  std::string text;
  for (const json& part : *content) {
    const auto found = part.is_object() ? part.find("text") : part.end();
    if (found != part.end() && found->is_string()) text += found->get_ref<const std::string&>();
  }
  return text;
}

std::expected<void, ApiError> ReadMessages(const json& messages, ChatRequest& request) {
  if (!messages.is_array())
    return std::unexpected(WrongType("messages", "an array of objects", messages));
  if (messages.empty()) {
    return std::unexpected(ApiError{400,
                                    "Invalid 'messages': empty array. Expected an array with "
                                    "minimum length 1, but got an empty array instead.",
                                    "invalid_request_error", "messages", "empty_array"});
  }
  std::int64_t characters = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    const json& message = messages[i];
    if (!message.is_object()) return std::unexpected(WrongType(where, "an object", message));
    const auto role = message.find("role");
    if (role == message.end()) return std::unexpected(Missing(where + ".role"));
    if (!role->is_string()) return std::unexpected(WrongType(where + ".role", "a string", *role));
    auto text = ContentText(message, where);
    if (!text) return std::unexpected(text.error());
    characters += CodePoints(*text);
    if (*role == "user") request.last_user = std::move(*text);
  }
  request.prompt_tokens = (characters + 3) / 4;
  return {};
}

std::expected<bool, ApiError> Flag(const json& object, const char* key, const std::string& param) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return false;
  if (!found->is_boolean()) return std::unexpected(WrongType(param, "a boolean", *found));
  return found->get<bool>();
}

std::expected<void, ApiError> ReadOptions(const json& body, ChatRequest& request) {
  auto stream = Flag(body, "stream", "stream");
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;
  if (const auto options = body.find("stream_options");
      options != body.end() && !options->is_null()) {
    if (!options->is_object())
      return std::unexpected(WrongType("stream_options", "an object", *options));
    if (!request.stream) {
      return std::unexpected(
          ApiError{400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                   "invalid_request_error", "stream_options", ""});
    }
    auto usage = Flag(*options, "include_usage", "stream_options.include_usage");
    if (!usage) return std::unexpected(usage.error());
    request.include_usage = *usage;
  }
  for (const char* key : {"max_tokens", "max_completion_tokens"}) {
    const auto found = body.find(key);
    if (found == body.end() || found->is_null()) continue;
    if (!found->is_number_integer()) return std::unexpected(WrongType(key, "an integer", *found));
    request.max_tokens = found->get<std::int64_t>();
    if (request.max_tokens < 1) {
      return std::unexpected(ApiError{
          400,
          "Invalid '" + std::string(key) + "': integer below minimum value. Expected a value >= 1.",
          "invalid_request_error", key, "integer_below_min_value"});
    }
  }
  if (const auto n = body.find("n"); n != body.end() && !n->is_null() && *n != 1) {
    return std::unexpected(ApiError{400, "The simulator gives one choice: 'n' must be 1.",
                                    "invalid_request_error", "n", "unsupported_value"});
  }
  return {};
}

}  // namespace

std::string ErrorBody(const ApiError& error) {
  return Dump(ErrorJson(error));
}

ApiError ErrorOfStatus(int status, std::string_view model) {
  switch (status) {
    case 401:
      return {401, "Incorrect API key provided.", "invalid_request_error", "", "invalid_api_key"};
    case 404:
      return {
          404,
          "The model `" + std::string(model) + "` does not exist or you do not have access to it.",
          "invalid_request_error", "", "model_not_found"};
    case 429:
      return {429, "Rate limit reached for " + std::string(model) + ". Please try again later.",
              "requests", "", "rate_limit_exceeded"};
    case 500:
      return {500, "The server had an error while processing your request. Sorry about that!",
              "server_error", "", ""};
    case 503:
    case 529:
      return {status, "The engine is currently overloaded, please try again later.", "server_error",
              "", "overloaded"};
    default:
      return {status, "Simulated failure with status " + std::to_string(status) + ".",
              status >= 500 ? "server_error" : "invalid_request_error", "", ""};
  }
}

std::expected<ChatRequest, ApiError> ParseChatRequest(std::string_view body) {
  const json value = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return std::unexpected(ApiError{400,
                                    "We could not parse the JSON body of your request. The OpenAI "
                                    "API expects a JSON payload."});
  }
  ChatRequest request;
  const auto model = value.find("model");
  if (model == value.end()) return std::unexpected(Missing("model"));
  if (!model->is_string()) return std::unexpected(WrongType("model", "a string", *model));
  request.model = model->get<std::string>();
  const auto messages = value.find("messages");
  if (messages == value.end()) return std::unexpected(Missing("messages"));
  if (auto read = ReadMessages(*messages, request); !read) return std::unexpected(read.error());
  if (auto read = ReadOptions(value, request); !read) return std::unexpected(read.error());
  return request;
}

std::string CompletionBody(const Completion& completion) {
  const ordered_json message = {{"role", "assistant"},
                                {"content", completion.text},
                                {"refusal", nullptr},
                                {"annotations", ordered_json::array()}};
  const ordered_json choice = {{"index", 0},
                               {"message", message},
                               {"logprobs", nullptr},
                               {"finish_reason", completion.finish_reason}};
  const ordered_json body = {
      {"id", completion.id},
      {"object", "chat.completion"},
      {"created", completion.created},
      {"model", completion.model},
      {"choices", ordered_json::array({choice})},
      {"usage", UsageJson(completion.prompt_tokens, completion.completion_tokens)},
      {"service_tier", "default"},
      {"system_fingerprint", "fp_simulated"}};
  return Dump(body);
}

ChunkWriter::ChunkWriter(const Completion& completion, bool include_usage)
    : tail_(include_usage ? ",\"usage\":null}\n\n" : "}\n\n") {
  const ordered_json start = {
      {"id", completion.id},           {"object", "chat.completion.chunk"},
      {"created", completion.created}, {"model", completion.model},
      {"service_tier", "default"},     {"system_fingerprint", "fp_simulated"}};
  head_ = "data: " + Dump(start);
  head_.back() = ',';  // the object goes on with choices
}

std::string ChunkWriter::Chunk(std::string_view delta, std::string_view finish) const {
  std::string event = head_;
  event += "\"choices\":[{\"index\":0,\"delta\":";
  event += delta;
  event += ",\"logprobs\":null,\"finish_reason\":";
  event += finish;
  event += "}]";
  event += tail_;
  return event;
}

std::string ChunkWriter::Role() const {
  return Chunk(R"({"role":"assistant","content":"","refusal":null})", "null");
}

std::string ChunkWriter::Content(std::string_view text) const {
  return Chunk("{\"content\":" + Dump(ordered_json(text)) + "}", "null");
}

std::string ChunkWriter::Finish(std::string_view reason) const {
  return Chunk("{}", "\"" + std::string(reason) + "\"");
}

std::string ChunkWriter::Usage(std::int64_t prompt_tokens, std::int64_t completion_tokens) const {
  return head_ + "\"choices\":[],\"usage\":" + Dump(UsageJson(prompt_tokens, completion_tokens)) +
         "}\n\n";
}

std::string ChunkWriter::Error(const ApiError& error) {
  return "data: " + ErrorBody(error) + "\n\n";
}

std::string ModelsBody(std::span<const std::string> names, std::int64_t created) {
  ordered_json list = ordered_json::array();
  for (const std::string& name : names) list.push_back(ModelJson(name, created));
  return Dump({{"object", "list"}, {"data", list}});
}

std::string ModelBody(std::string_view name, std::int64_t created) {
  return Dump(ModelJson(name, created));
}

}  // namespace triage::simulate
