#include "wire/client_request.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "llm/conversation.h"
#include "wire/chat_context.h"
#include "wire/json.h"
#include "wire/json_tree.h"
#include "wire/responses.h"
#include "wire/sealed_thinking.h"

namespace triage::wire {
namespace {

void AppendText(std::string& text, std::size_t begin, std::string_view part) {
  if (part.empty()) return;
  if (text.size() > begin) text += '\n';
  text += part;
}

// The decoded texts of `messages`, with a turn for each; as the fast path for OpenAI chat does it.
void FillTurns(const std::vector<llm::Message>& messages, llm::Request& request) {
  struct Place {
    llm::Role role;
    std::size_t begin, end;
  };

  std::vector<Place> places;
  for (const llm::Message& message : messages) {
    if (!request.text.empty()) request.text += '\n';
    const std::size_t begin = request.text.size();
    for (const llm::Part& part : message.parts) {
      if (const auto* text = std::get_if<llm::TextPart>(&part)) {
        AppendText(request.text, begin, text->text);
      } else if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) {
        AppendText(request.text, begin, refusal->text);
      } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
        AppendText(request.text, begin, document->text);
      } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
        for (const llm::ToolResultContent& content : result->content) {
          if (const auto* inner = std::get_if<llm::TextPart>(&content))
            AppendText(request.text, begin, inner->text);
        }
      }
    }
    places.push_back({message.role, begin, request.text.size()});
  }
  for (const Place& place : places) {
    request.turns.push_back(
        {place.role, std::string_view(request.text).substr(place.begin, place.end - place.begin)});
  }
}

// What is no text of a message.
llm::Extras ExtrasOf(const llm::Conversation& conversation) {
  llm::Extras extras;
  const auto json = [&](std::string_view text) {
    extras.json_bytes += static_cast<std::int64_t>(text.size());
  };
  const auto image = [&](const llm::ImagePart&) { ++extras.images; };
  const auto document = [&](const llm::DocumentPart& part) {
    if (!part.text.empty()) return;
    ++extras.documents;
    extras.document_bytes += static_cast<std::int64_t>(part.data.size());
  };
  for (const llm::Message& message : conversation.messages) {
    for (const llm::Part& part : message.parts) {
      if (const auto* picture = std::get_if<llm::ImagePart>(&part)) image(*picture);
      if (const auto* file = std::get_if<llm::DocumentPart>(&part)) document(*file);
      if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) json(thinking->text);
      if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
        json(call->name);
        json(call->arguments);
      }
      const auto* result = std::get_if<llm::ToolResultPart>(&part);
      if (result == nullptr) continue;
      for (const llm::ToolResultContent& content : result->content) {
        if (const auto* picture = std::get_if<llm::ImagePart>(&content)) image(*picture);
        if (const auto* file = std::get_if<llm::DocumentPart>(&content)) document(*file);
      }
    }
  }
  for (const llm::Tool& tool : conversation.tools) {
    json(tool.name);
    json(tool.description);
    json(tool.parameters);
    json(tool.json);
  }
  if (conversation.response_format) json(conversation.response_format->schema);
  return extras;
}

Result<void> FillContext(const llm::Conversation& conversation, llm::Request& request) {
  request.context.user = conversation.user;
  if (conversation.metadata.empty()) return {};
  JsonTree metadata;
  if (!metadata.Parse(conversation.metadata)) return {};
  for (JsonValue member : metadata.root()) {
    if (!IsContextKey(member.key()) || member.null()) continue;
    const bool number = TakesNumber(member.key()) && member.number().has_value();
    std::optional<std::string_view> wanted = "a string";
    if (number || member.is_string()) {
      wanted = SetContext(request.context, member.key(),
                          number ? std::string(member.raw()) : member.string());
    }
    if (wanted) {
      std::string pointer = "/metadata" + member.Pointer();
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = pointer + ": must be " + std::string(*wanted) + ".",
                   .field = std::move(pointer)};
    }
  }
  return {};
}

}  // namespace

Result<void> ReadClientRequest(llm::Dialect dialect, std::string body, const ReadLimits& limits,
                               llm::Request& request) {
  if (dialect == llm::Dialect::kOpenAiChat) {
    return ParseChatRequest(std::move(body),
                            {.max_body_bytes = limits.max_body_bytes,
                             .max_messages = limits.max_messages,
                             .max_fields = limits.max_fields,
                             .max_output_tokens = limits.max_output_tokens,
                             .max_depth = limits.max_depth},
                            request);
  }
  Result<llm::Conversation> conversation = CodecOf(dialect).ReadRequest(body, limits);
  if (!conversation) return std::move(conversation).error();
  const Result<void> context = FillContext(*conversation, request);
  if (!context) return context;
  FillRequest(std::move(*conversation), std::move(body), request);
  return {};
}

void FillRequest(llm::Conversation conversation, std::string body, llm::Request& request) {
  request.dialect = conversation.origin;
  request.body = std::move(body);
  request.model = std::move(conversation.model);
  request.stream = conversation.stream;
  request.include_usage = true;
  request.max_output_tokens = conversation.max_output_tokens.value_or(0);
  request.needs = llm::NeedsOf(conversation);
  request.extras = ExtrasOf(conversation);
  request.rewrite = HoldsForeignThinking(conversation) ||
                    (request.dialect == llm::Dialect::kAnthropic && !conversation.metadata.empty());
  FillTurns(conversation.messages, request);
  request.model_value = FindMember(request.body, "model");
  request.keys = FindKeys(request.body);
}

Result<WrittenRequest> TranslateRequest(const llm::Request& request, llm::Dialect target,
                                        std::string_view model, const llm::Profile& profile) {
  ReadLimits limits;  // the body has been accepted already
  limits.max_body_bytes = std::numeric_limits<std::size_t>::max();
  Result<llm::Conversation> conversation =
      CodecOf(request.dialect).ReadRequest(request.body, limits);
  if (!conversation) return std::move(conversation).error();
  return CodecOf(target).WriteRequest(*conversation, model, profile);
}

}  // namespace triage::wire
