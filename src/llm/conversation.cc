#include "llm/conversation.h"

namespace triage::llm {
namespace {

template <class Parts>
void AddNeedsOf(const Parts& parts, Needs& needs) {
  for (const auto& part : parts) {
    if (const auto* image = std::get_if<ImagePart>(&part)) {
      needs.vision = true;
      needs.image_urls = needs.image_urls || !image->url.empty();
    } else if (std::holds_alternative<DocumentPart>(part)) {
      needs.documents = true;
    }
  }
}

}  // namespace

Needs NeedsOf(const Conversation& conversation) {
  Needs needs;
  needs.tools = !conversation.tools.empty();
  needs.logprobs =
      conversation.logprobs.value_or(false) || conversation.top_logprobs.value_or(0) > 0;
  needs.several_choices = conversation.choices.value_or(1) > 1;
  if (const auto& format = conversation.response_format) {
    needs.json_object = format->kind == ResponseFormat::Kind::kJsonObject;
    needs.json_schema = format->kind == ResponseFormat::Kind::kJsonSchema;
  }
  for (const Message& message : conversation.messages) {
    AddNeedsOf(message.parts, needs);
    for (const Part& part : message.parts) {
      if (const auto* result = std::get_if<ToolResultPart>(&part))
        AddNeedsOf(result->content, needs);
      if (std::holds_alternative<ToolCallPart>(part)) needs.tools = true;
    }
  }
  return needs;
}

}  // namespace triage::llm
