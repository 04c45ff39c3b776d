#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/types.h"

namespace triage::simulate {

/// GET /v1/models in the style of OpenAI or Anthropic.
std::string ModelsBody(llm::Dialect dialect, std::span<const std::string> names,
                       std::int64_t created);
/// GET /v1/models/NAME.
std::string ModelBody(llm::Dialect dialect, std::string_view name, std::int64_t created);

/// An OpenAI embeddings request.
struct EmbeddingRequest {
  std::string model;
  std::vector<std::string> inputs;  ///< token ids as their text
  std::int64_t dimensions = 256;
  bool base64 = false;
};

/// Error kInvalidRequest with the place in `field`.
Result<EmbeddingRequest> ReadEmbeddingRequest(std::string_view body);
std::string EmbeddingBody(const EmbeddingRequest& request);

/// A vector of length 1 that depends on the words of the text only: texts with words in common are
/// near each other.
std::vector<float> Embed(std::string_view text, std::int64_t dimensions);

}  // namespace triage::simulate
