#include <string>
#include <utility>

#include "wire/bedrock.h"

namespace triage::wire::bedrock {
namespace {

using llm::FinishReason;

Error Broken(std::string_view detail) {
  return {.code = ErrorCode::kUpstream,
          .message = "The provider's answer is broken.",
          .detail = std::string(detail)};
}

}  // namespace

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(body);
  if (!parsed) return Broken(parsed.error().message);
  const JsonValue root = tree.root();
  const JsonValue content = root.At({"output", "message", "content"});
  if (!content.is_array()) {
    if (!root["message"].is_string()) return Broken("no output");
    Error failure = ReadFailure(root["__type"].text(), root);
    failure.code = ErrorCode::kUpstream;  // whatever it says: its status was 2xx
    return failure;
  }
  llm::Answer answer;
  bool answered_by_tool = false;
  for (const JsonValue block : content) {
    std::optional<llm::Part> part = ReadBlock(block);
    if (!part) return Broken("a content block is broken");
    const auto* call = std::get_if<llm::ToolCallPart>(&*part);
    if (call != nullptr && call->name == kAnswerTool) {
      answered_by_tool = true;
      answer.parts.emplace_back(llm::TextPart{.text = call->arguments});
      continue;
    }
    const bool plain = !std::holds_alternative<llm::ImagePart>(*part) &&
                       !std::holds_alternative<llm::DocumentPart>(*part);
    if (!plain) {
      part = llm::OpaquePart{.origin = kSelf,
                             .type = std::string((*block.begin()).key()),
                             .json = std::string(block.raw())};
    }
    answer.parts.push_back(*std::move(part));
  }
  answer.raw_finish = root["stopReason"].string();
  answer.finish = FinishOf(answer.raw_finish);
  if (answered_by_tool && answer.finish == FinishReason::kToolCalls) {
    answer.finish = FinishReason::kStop;
  }
  answer.stop_sequence = root.At({"additionalModelResponseFields", "stop_sequence"}).string();
  answer.usage = ReadUsage(root["usage"]);
  answer.service_tier = root.At({"serviceTier", "type"}).string();
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
  for (const llm::Part& part : answer.parts) WriteBlock(json, part);
  json.End(']');
  json.End('}');
  json.End('}');
  json.Member("stopReason",
              FinishWord(answer.finish, answer.raw_finish, !answer.stop_sequence.empty()));
  if (!answer.stop_sequence.empty()) {
    json.Key("additionalModelResponseFields");
    json.Begin('{');
    json.Member("stop_sequence", answer.stop_sequence);
    json.End('}');
  }
  json.Key("usage");
  WriteUsage(json, answer.usage.value_or(llm::Usage{}));
  json.Key("metrics");
  json.Raw(R"({"latencyMs":1})");  // required; nobody has measured it here
  if (!answer.service_tier.empty()) {
    json.Key("serviceTier");
    json.Begin('{');
    json.Member("type", answer.service_tier);
    json.End('}');
  }
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::bedrock
