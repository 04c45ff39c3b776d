#pragma once

#include "base/task.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// POST /v1/messages/count_tokens. A model that the request names is asked where its endpoint can
/// count; else, and for `auto`, the count is Triage's own estimate, and a warning says so. Nothing
/// is booked: counting is free.
Task<void> ServeCountTokens(pipeline::Worker& worker, const net::HttpRequest& request,
                            net::ResponseWriter& writer);

}  // namespace triage::api
