#pragma once

#include "base/task.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// POST /v1/embeddings.
Task<void> ServeEmbeddings(pipeline::Worker& worker, const net::HttpRequest& request,
                           net::ResponseWriter& writer);

}  // namespace triage::api
