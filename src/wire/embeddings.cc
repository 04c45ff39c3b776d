#include "wire/embeddings.h"

#include <utility>

#include <fmt/format.h>

#include "wire/error_message.h"
#include "wire/json.h"
#include "wire/json_tree.h"

namespace triage::wire {
namespace {

constexpr std::size_t kMostInputs = 2048;  // OpenAI's own limit

Error Invalid(std::string pointer, std::string_view remedy) {
  return Error{.code = ErrorCode::kInvalidRequest,
               .message = fmt::format("{}: {}", pointer, remedy),
               .field = std::move(pointer)};
}

bool IsTokens(JsonValue value) {
  if (!value.is_array() || value.size() == 0) return false;
  for (JsonValue token : value) {
    const auto number = token.integer();
    if (!number || *number < 0) return false;
  }
  return true;
}

// Stands for tokens in a text that is only counted: four bytes each.
void AppendTokens(std::string& text, JsonValue tokens) {
  text.append(tokens.size() * 4, ' ');
}

Result<void> ReadInput(JsonValue input, std::string& text) {
  constexpr std::string_view kForms =
      "must be a string, an array of strings, or tokens, and not empty.";
  if (input.is_string()) {
    text = input.string();
    if (text.empty()) return Invalid("/input", kForms);
    return {};
  }
  if (!input.is_array() || input.size() == 0) return Invalid("/input", kForms);
  if (IsTokens(input)) {
    AppendTokens(text, input);
    return {};
  }
  if (input.size() > kMostInputs) {
    return Invalid("/input", fmt::format("has more than {} entries; send fewer.", kMostInputs));
  }
  for (JsonValue each : input) {
    if (!text.empty()) text += '\n';
    if (each.is_string() && !each.text().empty()) {
      text += each.text();
    } else if (IsTokens(each)) {
      AppendTokens(text, each);
    } else {
      return Invalid(each.Pointer(), "must be a string or an array of tokens, and not empty.");
    }
  }
  return {};
}

}  // namespace

Result<void> ReadEmbeddingsRequest(std::string body, const ReadLimits& limits,
                                   llm::Request& request) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The body has {} bytes; {} are allowed.", body.size(),
                                        limits.max_body_bytes)};
  }
  JsonTree tree;
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (!parsed) return parsed;
  const JsonValue root = tree.root();
  if (!root.is_object()) {
    return Error{.code = ErrorCode::kInvalidRequest,
                 .message = "The body must be one JSON object with `model` and `input`."};
  }
  const JsonValue model = root["model"];
  if (!model.is_string() || model.text().empty())
    return Invalid("/model", "is missing; send \"auto\" or a model's name.");
  Result<void> input = ReadInput(root["input"], request.text);
  if (!input) return input;
  if (const JsonValue dimensions = root["dimensions"]; !dimensions.null()) {
    const auto count = dimensions.integer();
    if (!count || *count < 1 || *count > 1'000'000)
      return Invalid("/dimensions", "must be a whole number of at least 1.");
  }
  const JsonValue format = root["encoding_format"];
  if (!format.null() && format.text() != "float" && format.text() != "base64")
    return Invalid("/encoding_format", "must be float or base64.");
  if (!root["user"].null() && !root["user"].is_string())
    return Invalid("/user", "must be a string.");
  request.operation = llm::Operation::kEmbed;
  request.dialect = llm::Dialect::kOpenAiChat;
  request.model = model.string();
  request.context.user = root["user"].string();
  request.needs.embeddings = true;
  request.turns.push_back({llm::Role::kUser, request.text});
  request.body = std::move(body);
  if (format.present() && format.null()) {
    // vLLM and others refuse null, which some SDKs send for "not given".
    const llm::ByteRange value = FindMember(request.body, "encoding_format");
    request.body.replace(value.begin, value.end - value.begin, "\"float\"");
  }
  request.model_value = FindMember(request.body, "model");
  request.keys = FindKeys(request.body);
  return {};
}

Result<llm::ReplySummary> ReadEmbeddingsAnswer(std::string_view body) {
  const auto broken = [](std::string_view message) {
    return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
  };
  JsonTree tree;
  if (!tree.Parse(body) || !tree.root().is_object())
    return broken("The provider's answer is not a JSON object.");
  const JsonValue root = tree.root();
  if (!root["error"].null()) return broken(ProviderMessage(root["error"]["message"].text()));
  if (!root["data"].is_array() || root["data"].size() == 0)
    return broken("The provider's answer has no embeddings.");
  llm::ReplySummary summary;
  if (const auto tokens = root["usage"]["prompt_tokens"].integer()) {
    summary.usage = llm::Usage{.fresh_input = *tokens};
  }
  summary.served_model = root["model"].string();
  summary.finish = llm::FinishReason::kStop;
  summary.complete = true;
  return summary;
}

}  // namespace triage::wire
