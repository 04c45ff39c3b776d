#pragma once

#include <span>
#include <string_view>

#include "base/error.h"
#include "base/task.h"
#include "llm/types.h"
#include "net/http.h"
#include "net/server.h"

namespace triage::api {

/// The HTTP status that a failure becomes; a provider's own 4xx is passed on.
int StatusOf(const Error& error);

/// Answers with the failure in the client's dialect, with Retry-After where there is a hint, what
/// the provider said of its limits, and `headers` besides. `id` is the exchange's, where there is
/// one.
Task<Result<void>> SendError(net::ResponseWriter& writer, llm::Dialect dialect, const Error& error,
                             std::string_view id = {}, std::span<const net::Header> headers = {});

}  // namespace triage::api
