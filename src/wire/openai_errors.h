#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace triage::wire {

/// {"error":{"message","type","param","code"}} as OpenAI's clients expect it. `Error::detail` is
/// never in it.
std::string ErrorBody(const Error& error);

/// The event that tells a client that its stream has failed. No [DONE] follows it.
std::string StreamErrorEvent(const Error& error);

struct ListedModel {
  std::string id;
  std::string owned_by;
  std::int64_t created = 0;  ///< Unix seconds
};

/// Answer of GET /v1/models.
std::string ModelsBody(std::span<const ListedModel> models);
/// Answer of GET /v1/models/{id}.
std::string ModelBody(const ListedModel& model);

}  // namespace triage::wire
