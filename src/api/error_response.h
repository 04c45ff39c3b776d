#pragma once

#include <span>

#include "base/error.h"
#include "base/task.h"
#include "net/http.h"
#include "net/server.h"

namespace triage::api {

/// The HTTP status that a failure becomes; a provider's own 4xx is passed on.
int StatusOf(const Error& error);

/// Answers with the failure in the client's dialect, with Retry-After where there is a hint, and
/// `headers` besides.
Task<Result<void>> SendError(net::ResponseWriter& writer, const Error& error,
                             std::span<const net::Header> headers = {});

}  // namespace triage::api
