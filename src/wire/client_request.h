#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/types.h"
#include "wire/codec.h"
#include "wire/openai_chat.h"

namespace triage::wire {

/// Reads the body of a generation request of any dialect. As ParseChatRequest (which it calls for
/// OpenAI chat): `request` must be new, the body becomes `request.body`, texts of messages stand in
/// `request.text` separated by "\n", context comes from `metadata`.
Result<void> ReadClientRequest(llm::Dialect dialect, std::string body, const ReadLimits& limits,
                               llm::Request& request);

/// Fills in what Triage has to know of a request: all but its context.
void FillRequest(llm::Conversation conversation, std::string body, llm::Request& request);

/// The client's request for a target of another dialect, or of its own where `request.rewrite` says
/// that its bytes cannot be spliced. Errors as Codec::ReadRequest and WriteRequest.
Result<WrittenRequest> TranslateRequest(const llm::Request& request, llm::Dialect target,
                                        std::string_view model, const llm::Profile& profile);

}  // namespace triage::wire
