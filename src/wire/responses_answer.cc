#include "wire/responses_answer.h"

#include <utility>

#include "base/json_writer.h"
#include "wire/openai_errors.h"
#include "wire/responses_parts.h"
#include "wire/responses_render.h"

namespace triage::wire::responses {
namespace {

Error Broken(std::string_view what) {
  return {.code = ErrorCode::kUpstream,
          .message = "The provider's answer is not a response object.",
          .detail = std::string(what)};
}

// An error about a client's field is one of the provider's here.
Error AsUpstream(const Error& error) {
  return Broken(error.message);
}

}  // namespace

Result<void> ReadOutputItem(JsonValue item, llm::Answer& answer) {
  const std::string_view type = item["type"].text();
  if (type == "message") {
    for (JsonValue each : item["content"]) {
      Result<llm::Part> part = ReadContent(each);
      if (!part) return AsUpstream(part.error());
      answer.parts.push_back(*std::move(part));
      std::vector<llm::TokenLogprob> logprobs = ReadLogprobs(each["logprobs"]);
      answer.logprobs.insert(answer.logprobs.end(), std::make_move_iterator(logprobs.begin()),
                             std::make_move_iterator(logprobs.end()));
    }
  } else if (type == "reasoning") {
    Result<llm::ThinkingPart> thinking = ReadReasoning(item);
    if (!thinking) return AsUpstream(thinking.error());
    answer.parts.emplace_back(*std::move(thinking));
  } else if (type == "function_call") {
    Result<llm::ToolCallPart> call = ReadFunctionCall(item);
    if (!call) return AsUpstream(call.error());
    answer.parts.emplace_back(*std::move(call));
  } else if (!type.empty()) {
    answer.parts.emplace_back(llm::OpaquePart{
        .origin = kSelf, .type = OpaqueItemType(type), .json = std::string(item.raw())});
  } else {
    return Broken("an output item without a type");
  }
  return {};
}

Result<llm::Answer> ReadResponse(JsonValue response) {
  const std::string_view status = response["status"].text();
  if (status == "failed" || !response["error"].null()) return ReadFailure(response["error"]);
  if (!response["output"].is_array()) return Broken("no output");
  if (status == "cancelled" || status == "queued" || status == "in_progress") {
    return Error{.code = ErrorCode::kUpstream,
                 .message = "The provider gave up on the answer before it was complete.",
                 .detail = std::string(status)};
  }
  llm::Answer answer{.id = response["id"].string(),
                     .model = response["model"].string(),
                     .created = response["created_at"].integer().value_or(0)};
  if (answer.created == 0) {  // the SDK's type for it is a float
    answer.created = static_cast<std::int64_t>(response["created_at"].number().value_or(0));
  }
  for (JsonValue item : response["output"]) {
    Result<void> read = ReadOutputItem(item, answer);
    if (!read) return std::move(read).error();
  }
  ReadEnding(response, answer);
  answer.usage = ReadUsage(response["usage"]);
  answer.service_tier = response["service_tier"].string();
  return answer;
}

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(body, 256);
  if (!parsed) return AsUpstream(parsed.error());
  const JsonValue root = tree.root();
  if (!root.is_object()) return Broken("no object");
  if (root["output"].null() && !root["error"].null()) return ReadFailure(root["error"]);
  return ReadResponse(root);
}

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) {
  Renderer renderer(context);
  renderer.Adopt(answer);
  JsonWriter json;
  renderer.WriteResponse(json, EndingOf(answer).status, &answer, nullptr);
  return json.Take();
}

std::string ErrorBody(const Error& error) {
  if (error.field != "/previous_response_id" || error.code != ErrorCode::kInvalidRequest)
    return wire::ErrorBody(error);
  // Clients look for this code to send the whole conversation instead.
  JsonWriter json;
  json.Begin('{');
  json.Key("error");
  json.Begin('{');
  json.Member("message", error.message);
  json.Member("type", "invalid_request_error");
  json.Member("param", "previous_response_id");
  json.Member("code", "previous_response_not_found");
  json.End('}');
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::responses
