#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"
#include "net/server.h"
#include "pipeline/exchange.h"

namespace triage::api {

/// A body with the room behind it that the JSON parser wants to be allowed to read.
std::string ParserBody(std::string_view body);

/// Sees the bytes of an answer before they go to the client.
class AnswerObserver {
 public:
  virtual ~AnswerObserver() = default;
  virtual Task<void> OnBytes(std::string_view bytes) = 0;
};

/// From a request that has been read into `exchange` (or not: `read` says why) to the last byte of
/// its answer, in the dialect of `exchange.request()`. Takes the `x-triage-*` headers of `http`,
/// starts the exchange and relays its answer or error. `observer` may be null.
Task<void> Serve(pipeline::Exchange& exchange, const net::HttpRequest& http,
                 net::ResponseWriter& writer, const Result<void>& read,
                 AnswerObserver* observer = nullptr);

}  // namespace triage::api
