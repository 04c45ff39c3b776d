#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/chat_answer.h"
#include "wire/error_message.h"
#include "wire/openai_chat.h"

namespace triage::wire {

Result<llm::ReplySummary> ParseChatResponse(std::string_view body) {
  ChatAnswer answer;
  const auto upstream = [](std::string message) {
    return Error{.code = ErrorCode::kUpstream, .message = std::move(message)};
  };
  if (!ReadChatAnswer(body, answer)) {
    return upstream(body.empty() ? "The provider's answer is empty."
                                 : "The provider's answer is not a JSON object.");
  }
  if (answer.has_error) return upstream(ProviderMessage(answer.error_message));
  if (!answer.has_choices || answer.empty_choices) {
    return upstream("The provider's answer has no choices.");
  }
  if (answer.finish == llm::FinishReason::kError) {
    return upstream("The provider ended its answer with an error.");
  }
  llm::ReplySummary summary;
  summary.usage = answer.usage.Disjoint();
  summary.finish = answer.finish;
  summary.served_model = std::move(answer.model);
  summary.complete = true;
  return summary;
}

}  // namespace triage::wire
