#include "pipeline/cascade.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "verify/repair.h"
#include "wire/client_request.h"
#include "wire/codec.h"

namespace triage::pipeline {
namespace {

Result<std::unique_ptr<llm::Request>> Written(const llm::Request& request,
                                              const llm::Conversation& conversation) {
  Result<wire::WrittenRequest> written =
      wire::CodecOf(request.dialect).WriteRequest(conversation, request.model, {});
  if (!written) return std::move(written).error();
  auto made = std::make_unique<llm::Request>();
  made->dialect = request.dialect;
  const Result<void> read =
      wire::ReadClientRequest(request.dialect, std::move(written->body), {}, *made);
  if (!read) return read.error();
  made->id = request.id;
  made->created = request.created;
  made->repeated = request.repeated.empty() ? request.body : request.repeated;
  made->include_usage = request.include_usage;
  made->context = request.context;
  return made;
}

llm::Message UserSays(std::string text) {
  return {.role = llm::Role::kUser, .parts = {llm::TextPart{.text = std::move(text)}}};
}

}  // namespace

Result<std::unique_ptr<llm::Request>> ReaskRequest(const llm::Request& request,
                                                   llm::Conversation conversation,
                                                   const llm::Answer& failed,
                                                   std::span<const verify::Verdict> verdicts) {
  std::string wrong = verify::ReaskText(verdicts);
  llm::Message said{.role = llm::Role::kAssistant, .parts = {}};
  llm::Message results{.role = llm::Role::kTool, .parts = {}};
  for (const llm::Part& part : failed.parts) {
    if (const auto* text = std::get_if<llm::TextPart>(&part);
        text != nullptr && !text->text.empty())
      said.parts.emplace_back(llm::TextPart{.text = text->text});
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      said.parts.emplace_back(*call);
      results.parts.emplace_back(llm::ToolResultPart{.id = call->id,
                                                     .name = call->name,
                                                     .content = {llm::TextPart{.text = wrong}},
                                                     .is_error = true});
    }
  }
  if (!said.parts.empty()) conversation.messages.push_back(std::move(said));
  // Every dialect wants a call's result right behind it.
  conversation.messages.push_back(results.parts.empty() ? UserSays(std::move(wrong))
                                                        : std::move(results));
  return Written(request, conversation);
}

Result<std::unique_ptr<llm::Request>> FieldsRequest(const llm::Request& request,
                                                    llm::Conversation conversation,
                                                    const verify::Schema& schema,
                                                    std::span<const std::string> fields) {
  if (!conversation.response_format) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = "the request asks for no schema"};
  }
  conversation.response_format->schema = schema.text();
  conversation.messages.push_back(UserSays(verify::FieldsText(fields)));
  return Written(request, conversation);
}

std::string FailuresText(std::span<const verify::Verdict> verdicts) {
  std::string text;
  for (const verify::Verdict& verdict : verdicts) {
    if (verdict.outcome != verify::Outcome::kFail) continue;
    if (!text.empty()) text += ", ";
    text += verdict.check;
    if (!verdict.errors.empty()) {
      const verify::FieldError& first = verdict.errors.front();
      text += " (" + first.expected + " is wanted";
      if (!first.pointer.empty()) text += " at " + first.pointer;
      text += ")";
    }
  }
  return text;
}

}  // namespace triage::pipeline
