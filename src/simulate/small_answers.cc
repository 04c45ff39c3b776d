#include "simulate/small_answers.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"
#include "simulate/latency.h"
#include "simulate/recorded.h"
#include "simulate/signature.h"
#include "wire/json_tree.h"

namespace triage::simulate {

namespace {

constexpr std::int64_t kMostDimensions = 4096;
constexpr std::size_t kMostInputs = 2048;  // OpenAI's own limit

void WriteModel(JsonWriter& out, llm::Dialect dialect, std::string_view name,
                std::int64_t created) {
  out.Begin('{');
  if (dialect == llm::Dialect::kAnthropic) {
    out.Member("type", "model");
    out.Member("id", name);
    out.Member("display_name", name);
    out.Member("created_at", "2026-01-01T00:00:00Z");
  } else {
    out.Member("id", name);
    out.Member("object", "model");
    out.Member("created", created);
    out.Member("owned_by", "triage-simulate");
  }
  out.End('}');
}

Error Wrong(std::string message, std::string field) {
  return Error{
      .code = ErrorCode::kInvalidRequest, .message = std::move(message), .field = std::move(field)};
}

Result<void> ReadInputs(wire::JsonValue input, EmbeddingRequest& request) {
  if (input.is_string()) {
    request.inputs.push_back(input.string());
  } else if (input.is_array() && input.size() > 0 && (*input.begin()).integer()) {
    request.inputs.emplace_back(input.raw());  // one text as token ids
  } else if (input.is_array()) {
    for (const wire::JsonValue each : input) {
      if (!each.is_string() && !each.is_array())
        return Wrong("'$.input' is invalid: strings or arrays of token ids were expected.",
                     "/input");
      request.inputs.push_back(each.is_string() ? each.string() : std::string(each.raw()));
    }
  }
  if (request.inputs.empty())
    return Wrong("'$.input' is invalid: a string or an array that is not empty was expected.",
                 "/input");
  if (request.inputs.size() > kMostInputs)
    return Wrong(fmt::format("'$.input' is invalid: at most {} inputs.", kMostInputs), "/input");
  for (const std::string& text : request.inputs) {
    if (text.empty()) return Wrong("'$.input' is invalid: a text is empty.", "/input");
  }
  return {};
}

}  // namespace

std::string ModelsBody(llm::Dialect dialect, std::span<const std::string> names,
                       std::int64_t created) {
  JsonWriter out;
  out.Begin('{');
  if (dialect != llm::Dialect::kAnthropic) out.Member("object", "list");
  out.Key("data");
  out.Begin('[');
  for (const std::string& name : names) WriteModel(out, dialect, name, created);
  out.End(']');
  if (dialect == llm::Dialect::kAnthropic) {
    out.Flag("has_more", false);
    for (const auto& [key, name] : {std::pair{"first_id", names.empty() ? "" : names.front()},
                                    std::pair{"last_id", names.empty() ? "" : names.back()}})
      out.Member(key, name);
  }
  out.End('}');
  return out.Take();
}

std::string ModelBody(llm::Dialect dialect, std::string_view name, std::int64_t created) {
  JsonWriter out;
  WriteModel(out, dialect, name, created);
  return out.Take();
}

Result<EmbeddingRequest> ReadEmbeddingRequest(std::string_view body) {
  wire::JsonTree tree;
  if (auto parsed = tree.Parse(body); !parsed) return std::move(parsed).error();
  const wire::JsonValue root = tree.root();
  EmbeddingRequest request;
  if (!root["model"].is_string()) return Wrong("you must provide a model parameter", "/model");
  request.model = root["model"].string();
  if (auto read = ReadInputs(root["input"], request); !read) return std::move(read).error();
  if (const wire::JsonValue dimensions = root["dimensions"]; !dimensions.null()) {
    request.dimensions = dimensions.integer().value_or(0);
    if (request.dimensions < 1 || request.dimensions > kMostDimensions)
      return Wrong(fmt::format("'dimensions' must be from 1 to {}.", kMostDimensions),
                   "/dimensions");
  }
  if (const wire::JsonValue format = root["encoding_format"]; format.present()) {
    // null is refused, as vLLM does.
    if (format.text() != "float" && format.text() != "base64")
      return Wrong("'encoding_format' must be float or base64.", "/encoding_format");
    request.base64 = format.text() == "base64";
  }
  return request;
}

std::string EmbeddingBody(const EmbeddingRequest& request) {
  JsonWriter out;
  std::int64_t tokens = 0;
  out.Begin('{');
  out.Member("object", "list");
  out.Key("data");
  out.Begin('[');
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    tokens += CountTokens(request.inputs[i]);
    const std::vector<float> vector = Embed(request.inputs[i], request.dimensions);
    out.Begin('{');
    out.Member("object", "embedding");
    out.Member("index", static_cast<std::int64_t>(i));
    out.Key("embedding");
    if (request.base64) {
      std::string bytes(vector.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), vector.data(), bytes.size());  // little-endian, as the API sends
      out.String(Base64(bytes));
    } else {
      out.Begin('[');
      for (const float value : vector) out.Raw(fmt::format("{}", value));
      out.End(']');
    }
    out.End('}');
  }
  out.End(']');
  out.Member("model", request.model);
  out.Key("usage");
  out.Begin('{');
  out.Member("prompt_tokens", tokens);
  out.Member("total_tokens", tokens);
  out.End('}');
  out.End('}');
  return out.Take();
}

std::vector<float> Embed(std::string_view text, std::int64_t dimensions) {
  std::vector<float> vector(static_cast<std::size_t>(dimensions));
  const std::string lower = ToLowerAscii(text);
  std::string_view left = lower;
  do {
    const auto end = left.find_first_of(" \t\r\n.,;:!?");
    const std::string_view word = left.substr(0, end);
    Random random(StableHash(0xe33bed, word, ""));
    if (!word.empty()) {
      for (float& value : vector) value += static_cast<float>(random.Uniform() * 2 - 1);
    }
    left = end == std::string_view::npos ? std::string_view{} : left.substr(end + 1);
  } while (!left.empty());
  float square = 0;
  for (const float value : vector) square += value * value;
  if (square == 0) {
    vector.front() = 1;  // nothing but blanks
    square = 1;
  }
  for (float& value : vector) value /= std::sqrt(square);
  return vector;
}

}  // namespace triage::simulate
