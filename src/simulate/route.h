#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "llm/types.h"
#include "net/http.h"

namespace triage::simulate {

/// What a request line asks of which dialect's API.
struct Route {
  enum class Kind : std::uint8_t { kUnknown, kGenerate, kEmbed, kCountTokens, kModels, kModel };

  Kind kind = Kind::kUnknown;
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  std::string_view method = {};  ///< that the path takes
  std::string model = {};        ///< where the path names it, percent-decoded
  bool stream = false;           ///< where the path says it
  bool array = false;            ///< Gemini without alt=sse: the stream is one JSON array
};

/// Told apart by path; GET /v1/models by Anthropic's version header. An unknown path belongs to the
/// first of `served`, whose 404 it gets.
Route RouteOf(const net::HttpRequest& request, std::span<const llm::Dialect> served);

}  // namespace triage::simulate
