#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "llm/types.h"
#include "verify/schema.h"
#include "verify/verdict.h"

namespace triage::pipeline {

// Requests that a cascade makes of the client's own, in the client's dialect. Errors as of the
// dialect's codec. `conversation` is `request` in neutral terms.

/// The same again, with the answer that failed and what was wrong with it.
Result<std::unique_ptr<llm::Request>> ReaskRequest(const llm::Request& request,
                                                   llm::Conversation conversation,
                                                   const llm::Answer& failed,
                                                   std::span<const verify::Verdict> verdicts);

/// The same, but for these fields of the JSON object only; `schema` describes just them.
Result<std::unique_ptr<llm::Request>> FieldsRequest(const llm::Request& request,
                                                    llm::Conversation conversation,
                                                    const verify::Schema& schema,
                                                    std::span<const std::string> fields);

/// "json_schema (a number is wanted at /total), refusal": what failed, for people.
std::string FailuresText(std::span<const verify::Verdict> verdicts);

}  // namespace triage::pipeline
