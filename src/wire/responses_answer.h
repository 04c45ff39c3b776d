#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/answer.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

namespace triage::wire::responses {

Result<llm::Answer> ReadAnswer(std::string_view body);

/// The answer in a finished response object. Error as the API's own when it failed.
Result<llm::Answer> ReadResponse(JsonValue response);

/// Appends the parts of one output item, and the logprobs of its texts.
Result<void> ReadOutputItem(JsonValue item, llm::Answer& answer);

std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context);

/// {"error":{…}} in the API's words.
std::string ErrorBody(const Error& error);

}  // namespace triage::wire::responses
