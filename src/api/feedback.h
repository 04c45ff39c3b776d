#pragma once

#include "base/task.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// POST /v1/feedback: what a client says of an exchange's answer, joined strictly by the exchange's
/// id and the credential it came with. Answers once it is on the ledger; a second one with the same
/// key changes nothing. With `retry` the answer is that of the next tier, in the dialect of the
/// exchange. Errors as everywhere; 404 for an exchange that is not there or not the client's.
Task<void> ServeFeedback(net::Loop& loop, pipeline::Worker& worker, const net::HttpRequest& request,
                         net::ResponseWriter& writer);

}  // namespace triage::api
