#pragma once

#include "base/task.h"
#include "llm/types.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// A generation request in `dialect`, streamed or not: POST /v1/chat/completions, /v1/messages.
Task<void> ServeGeneration(llm::Dialect dialect, pipeline::Worker& worker,
                           const net::HttpRequest& request, net::ResponseWriter& writer);

}  // namespace triage::api
