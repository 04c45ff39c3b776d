#pragma once

#include <string_view>

#include "base/error.h"
#include "llm/conversation.h"
#include "llm/profile.h"
#include "wire/codec.h"

namespace triage::wire::responses {

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);

Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile);

/// Entries of `include` with a meaning of their own here.
inline constexpr std::string_view kIncludeLogprobs = "message.output_text.logprobs";
inline constexpr std::string_view kIncludeEncrypted = "reasoning.encrypted_content";

/// Whether the writer asks for encrypted reasoning by itself: nothing is stored at the provider, so
/// reasoning can only go on where it is handed out. Not for every request, because models that do
/// not reason refuse it.
bool AsksForEncrypted(const llm::Reasoning& reasoning);

}  // namespace triage::wire::responses
