#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/openai_chat_neutral.h"

namespace triage::wire::openai_chat {
namespace {

constexpr int kMaxDepth = 256;  // of a provider's answer

Error Broken(std::string_view message) {
  return Error{.code = ErrorCode::kUpstream, .message = std::string(message)};
}

void ReadMessage(JsonValue message, llm::Answer& answer) {
  if (const JsonValue thinking = ReasoningOf(message); !thinking.text().empty())
    answer.parts.emplace_back(llm::ThinkingPart{.text = thinking.string(), .origin = kSelf});
  const JsonValue content = message["content"];
  if (content.is_string() && !content.text().empty()) {
    answer.parts.emplace_back(llm::TextPart{.text = content.string(),
                                            .citations = ReadAnnotations(message["annotations"])});
  }
  for (JsonValue part : content) {  // Mistral's and others' lists of parts
    if (part["type"].text() == "text")
      answer.parts.emplace_back(llm::TextPart{.text = part["text"].string()});
  }
  if (const JsonValue refusal = message["refusal"]; !refusal.text().empty())
    answer.parts.emplace_back(llm::RefusalPart{.text = refusal.string()});
  if (message["audio"].is_object()) {
    answer.parts.emplace_back(llm::OpaquePart{
        .origin = kSelf, .type = "audio", .json = std::string(message["audio"].raw())});
  }
  std::size_t number = 0;
  const auto add_call = [&](JsonValue function, JsonValue call) {
    llm::ToolCallPart part{.id = call["id"].string(),
                           .name = function["name"].string(),
                           .arguments = function["arguments"].string(),
                           .origin = kSelf};
    // Some servers give the object itself rather than its text.
    if (function["arguments"].is_object()) part.arguments = function["arguments"].raw();
    if (part.id.empty()) part.id = MadeUpCallId(number);
    if (part.arguments.empty()) part.arguments = "{}";
    part.signature = call.At({"extra_content", "google", "thought_signature"}).string();
    ++number;
    answer.parts.emplace_back(std::move(part));
  };
  if (message["function_call"].is_object())
    add_call(message["function_call"], message["function_call"]);
  for (JsonValue call : message["tool_calls"]) {
    if (call["function"].is_object()) {
      add_call(call["function"], call);
    } else {
      answer.parts.emplace_back(llm::OpaquePart{
          .origin = kSelf, .type = call["type"].string(), .json = std::string(call.raw())});
    }
  }
}

bool HasCalls(const llm::Answer& answer) {
  for (const llm::Part& part : answer.parts) {
    if (std::holds_alternative<llm::ToolCallPart>(part)) return true;
  }
  return false;
}

void WriteMessage(JsonWriter& json, const llm::Answer& answer) {
  std::string text;
  std::string thinking;
  std::string refusal;
  std::vector<llm::Citation> citations;
  const llm::OpaquePart* audio = nullptr;
  bool has_text = false;
  bool has_calls = false;
  for (const llm::Part& part : answer.parts) {
    if (const auto* said = std::get_if<llm::TextPart>(&part)) {
      has_text = true;
      text += said->text;
      citations.insert(citations.end(), said->citations.begin(), said->citations.end());
    } else if (const auto* thought = std::get_if<llm::ThinkingPart>(&part)) {
      thinking += thought->text;
    } else if (const auto* declined = std::get_if<llm::RefusalPart>(&part)) {
      refusal += declined->text;
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin == kSelf && opaque->type == "audio") audio = opaque;
    } else {
      has_calls = has_calls || std::holds_alternative<llm::ToolCallPart>(part);
    }
  }
  json.Begin('{');
  json.Member("role", "assistant");
  json.Key("content");
  if (has_text) {
    json.String(text);
  } else {
    json.Null();
  }
  json.Key("refusal");
  if (refusal.empty()) {
    json.Null();
  } else {
    json.String(refusal);
  }
  if (!thinking.empty()) json.Member("reasoning_content", thinking);
  json.Key("annotations");
  WriteAnnotations(json, citations);
  if (audio != nullptr) {
    json.Key("audio");
    json.Raw(audio->json);
  }
  if (has_calls) {
    json.Key("tool_calls");
    json.Begin('[');
    for (const llm::Part& part : answer.parts) {
      const auto* call = std::get_if<llm::ToolCallPart>(&part);
      if (call == nullptr) continue;
      json.Begin('{');
      json.Member("id", call->id);
      json.Member("type", "function");
      json.Key("function");
      json.Begin('{');
      json.Member("name", call->name);
      json.Member("arguments", call->arguments);
      json.End('}');
      json.End('}');
    }
    json.End(']');
  }
  json.End('}');
}

}  // namespace

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  if (!tree.Parse(body, kMaxDepth) || !tree.root().is_object()) {
    return Broken(body.empty() ? "The provider's answer is empty."
                               : "The provider's answer is not a JSON object.");
  }
  const JsonValue root = tree.root();
  if (!root["error"].null()) return ReadFailure(root["error"], 0);
  if (root["choices"].size() == 0) return Broken("The provider's answer has no choices.");
  const JsonValue choice = *root["choices"].begin();
  llm::Answer answer{.id = root["id"].string(),
                     .model = root["model"].string(),
                     .created = root["created"].integer().value_or(0)};
  ReadMessage(choice["message"], answer);
  answer.raw_finish = choice["native_finish_reason"].string();
  const std::string_view word = choice["finish_reason"].text();
  answer.finish = FinishOf(word);
  if (answer.raw_finish.empty()) answer.raw_finish = word;
  if (answer.finish == llm::FinishReason::kError)
    return Broken("The provider ended its answer with an error.");
  // Ollama and others say "stop" for calls too.
  if (answer.finish == llm::FinishReason::kStop && HasCalls(answer))
    answer.finish = llm::FinishReason::kToolCalls;
  answer.logprobs = ReadLogprobs(choice["logprobs"]);
  RawUsage usage;
  if (ReadUsage(root["usage"], usage)) answer.usage = usage.Disjoint();
  answer.service_tier = root["service_tier"].string();
  return answer;
}

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) {
  JsonWriter json;
  json.Begin('{');
  json.Member("id", answer.id.empty() ? "chatcmpl-" + context.id : answer.id);
  json.Member("object", "chat.completion");
  json.Member("created", answer.created == 0 ? context.created : answer.created);
  json.Member("model", answer.model.empty() ? context.model : answer.model);
  json.Key("choices");
  json.Begin('[');
  json.Begin('{');
  json.Member("index", std::int64_t{0});
  json.Key("message");
  WriteMessage(json, answer);
  json.Key("logprobs");
  if (answer.logprobs.empty()) {
    json.Null();
  } else {
    WriteLogprobs(json, answer.logprobs);
  }
  WriteFinish(json, answer.finish, answer.raw_finish);
  json.End('}');
  json.End(']');
  if (answer.usage) {
    json.Key("usage");
    WriteUsage(json, *answer.usage);
  }
  if (!answer.service_tier.empty()) json.Member("service_tier", answer.service_tier);
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire::openai_chat
