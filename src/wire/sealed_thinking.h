#pragma once

#include <string>
#include <string_view>

#include "llm/conversation.h"

/// Signatures of thinking on their way through a client of another dialect: sealed, the dialect
/// that they came from stands before them, so that they come back byte for byte through a client
/// that keeps them, and go to nobody but their own provider.
namespace triage::wire {

/// "triage.DIALECT.SIGNATURE". An empty signature has a seal too: it tells where the thinking may
/// not go, and where its text may.
std::string Sealed(llm::Dialect origin, std::string_view signature);

/// Sets `signature` from what a client handed back and, when it was sealed, `origin`.
void Unseal(std::string_view sealed, llm::ThinkingPart& thinking);

/// Whether a request holds thinking that a provider of its own dialect would refuse: another
/// provider's, or, for Anthropic, thinking without a signature. Its bytes must not be sent to such
/// a provider as they are, but through ReadRequest and WriteRequest.
bool HoldsForeignThinking(const llm::Conversation& conversation);

}  // namespace triage::wire
