#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "wire/gemini.h"

namespace triage::wire::gemini {
namespace {

using llm::FinishReason;

Error Broken(std::string_view detail) {
  return {.code = ErrorCode::kUpstream,
          .message = "The provider's answer is broken.",
          .detail = std::string(detail)};
}

void ReadPart(JsonValue part, std::string_view response_id, std::vector<llm::Part>& parts,
              std::size_t& calls) {
  const JsonValue call = part["functionCall"];
  const JsonValue text = part["text"];
  const std::string signature = part["thoughtSignature"].string();
  if (call.is_object()) {
    parts.emplace_back(ReadCall(call, signature, response_id, ++calls));
  } else if (IsOther(part)) {
    parts.emplace_back(ReadOther(part));
  } else if (part["thought"].boolean().value_or(false) && !text.text().empty()) {
    parts.emplace_back(
        llm::ThinkingPart{.text = text.string(), .signature = signature, .origin = kSelf});
  } else {
    if (!text.text().empty()) parts.emplace_back(llm::TextPart{.text = text.string()});
    if (!signature.empty()) {
      parts.emplace_back(
          llm::ThinkingPart{.signature = signature, .redacted = true, .origin = kSelf});
    }
  }
}

void AddCitations(JsonValue candidate, std::vector<llm::Part>& parts) {
  std::vector<std::string> texts;
  std::vector<llm::TextPart*> places;
  for (llm::Part& part : parts) {
    auto* text = std::get_if<llm::TextPart>(&part);
    if (text == nullptr) continue;
    texts.push_back(text->text);
    places.push_back(text);
  }
  for (PlacedCitation& placed : ReadCitations(candidate, texts)) {
    places[placed.text]->citations.push_back(std::move(placed.citation));
  }
}

void WriteAnswerPart(JsonWriter& json, const llm::Part& part) {
  if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
    if (opaque->origin == kSelf) json.Raw(opaque->json);
  } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
    llm::ThinkingPart told = *thinking;
    if (told.origin != kSelf) told.signature.clear();
    if (!told.text.empty() || !told.signature.empty()) WriteThinking(json, told);
  } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
    llm::ToolCallPart told = *call;
    if (told.origin != kSelf) told.signature.clear();
    WriteCall(json, told, true);
  } else {
    const auto* text = std::get_if<llm::TextPart>(&part);
    const auto* refusal = std::get_if<llm::RefusalPart>(&part);
    if (text == nullptr && refusal == nullptr) return;
    json.Begin('{');
    json.Member("text", text != nullptr ? text->text : refusal->text);
    json.End('}');
  }
}

}  // namespace

llm::ToolCallPart ReadCall(JsonValue call, std::string_view signature, std::string_view response_id,
                           std::size_t number) {
  llm::ToolCallPart part{
      .id = call["id"].string(),
      .name = call["name"].string(),
      .arguments = call["args"].is_object() ? std::string(call["args"].raw()) : std::string("{}"),
      .signature = std::string(signature),
      .origin = kSelf};
  if (!part.id.empty()) return part;
  // Clients send ids back with later turns: they must differ between answers.
  part.id = "call_";
  for (const char c : response_id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (plain) part.id += c;
  }
  part.id += fmt::format("{}{}", response_id.empty() ? "" : "_", number);
  return part;
}

bool IsOther(JsonValue part) {
  for (const JsonValue member : part) {
    const std::string_view key = member.key();
    if (key != "text" && key != "thought" && key != "thoughtSignature") return true;
  }
  return false;
}

llm::OpaquePart ReadOther(JsonValue part) {
  llm::OpaquePart other{.origin = kSelf, .type = {}, .json = std::string(part.raw())};
  for (const JsonValue member : part) {
    const std::string_view key = member.key();
    if (key != "thought" && key != "thoughtSignature" && other.type.empty()) other.type = key;
  }
  return other;
}

JsonValue ErrorIn(JsonValue root) {
  // Wrapped in a list where the answer would have been one.
  if (root.is_array() && root.size() > 0) return (*root.begin())["error"];
  return root["error"];
}

Result<llm::Answer> ReadAnswer(std::string_view body) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(body);
  if (!parsed) return Broken(parsed.error().message);
  const JsonValue root = tree.root();
  if (const JsonValue error = ErrorIn(root); error.is_object()) {
    Error failure = ReadFailure(error);
    failure.code = ErrorCode::kUpstream;  // whatever it says: its status was 2xx
    return failure;
  }
  if (!root.is_object()) return Broken("not a JSON object");
  llm::Answer answer;
  answer.id = root["responseId"].string();
  answer.model = root["modelVersion"].string();
  UsageCount usage;
  usage.Read(root["usageMetadata"]);
  answer.usage = usage.Disjoint();
  const JsonValue candidates = root["candidates"];
  if (candidates.size() == 0) {
    answer.raw_finish = root.At({"promptFeedback", "blockReason"}).string();
    if (answer.raw_finish.empty()) return Broken("no candidates");
    answer.finish = FinishReason::kContentFilter;
    return answer;
  }
  const JsonValue candidate = *candidates.begin();
  std::size_t calls = 0;
  for (const JsonValue part : candidate.At({"content", "parts"})) {
    ReadPart(part, answer.id, answer.parts, calls);
  }
  AddCitations(candidate, answer.parts);
  answer.raw_finish = candidate["finishReason"].string();
  answer.finish = FinishOf(answer.raw_finish);
  if (answer.finish == FinishReason::kStop && calls > 0) answer.finish = FinishReason::kToolCalls;
  answer.logprobs = ReadLogprobs(candidate["logprobsResult"]);
  return answer;
}

void WriteResponse(JsonWriter& json, const llm::Answer& answer, const AnswerContext& context,
                   std::string_view finish, std::span<const llm::Part> cited) {
  json.Begin('{');
  json.Key("candidates");
  json.Begin('[');
  json.Begin('{');
  json.Key("content");
  json.Begin('{');
  json.Key("parts");
  json.Begin('[');
  for (const llm::Part& part : answer.parts) WriteAnswerPart(json, part);
  json.End(']');
  json.Member("role", "model");
  json.End('}');
  if (!finish.empty()) json.Member("finishReason", finish);
  json.Member("index", std::int64_t{0});
  WriteCitations(json, cited);
  if (!answer.logprobs.empty()) {
    json.Key("logprobsResult");
    WriteLogprobs(json, answer.logprobs);
  }
  json.End('}');
  json.End(']');
  if (answer.usage) {
    json.Key("usageMetadata");
    WriteUsage(json, *answer.usage);
  }
  json.Member("modelVersion", answer.model.empty() ? context.model : answer.model);
  json.Member("responseId", answer.id.empty() ? context.id : answer.id);
  json.End('}');
}

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) {
  JsonWriter json;
  WriteResponse(json, answer, context, FinishWord(answer.finish, answer.raw_finish), answer.parts);
  return json.Take();
}

}  // namespace triage::wire::gemini
