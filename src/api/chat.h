#pragma once

#include "base/task.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// POST /v1/chat/completions, streamed or not.
Task<void> ServeChat(pipeline::Worker& worker, const net::HttpRequest& request,
                     net::ResponseWriter& writer);

}  // namespace triage::api
