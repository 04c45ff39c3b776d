#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/provider.h"
#include "wire/codec.h"

namespace triage::wire {

/// Reads the body of a POST /v1/embeddings (OpenAI's shape, which every provider of embeddings
/// takes): `input` is a string, an array of strings, of tokens, or of arrays of tokens. `request`
/// must be new; texts stand in `request.text`. Errors as ReadClientRequest.
Result<void> ReadEmbeddingsRequest(std::string body, const ReadLimits& limits,
                                   llm::Request& request);

/// What a provider's answer says. Error kUpstream when it is none.
Result<llm::ReplySummary> ReadEmbeddingsAnswer(std::string_view body);

}  // namespace triage::wire
