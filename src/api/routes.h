#pragma once

#include <cstdint>

#include "api/operations.h"
#include "api/responses.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// Which listener a handler serves.
enum class Listener : std::uint8_t {
  kHttp,   ///< clients: the API, health, metrics
  kAdmin,  ///< operators: reload, health, metrics
};

/// Finds the route of each request of one I/O thread. What it is given outlives it.
class Routes final : public net::Handler {
 public:
  Routes(net::Loop& loop, pipeline::Worker& worker, Operations& operations, Listener listener)
      : loop_(loop),
        worker_(worker),
        operations_(operations),
        listener_(listener),
        responses_(loop, worker, operations.Responses(), operations.RunningResponses()) {}

  Task<void> Handle(const net::HttpRequest& request, net::ResponseWriter& writer) override;

  ResponsesApi& responses() { return responses_; }

 private:
  Task<void> Respond(const net::HttpRequest& request, net::ResponseWriter& writer);

  net::Loop& loop_;
  pipeline::Worker& worker_;
  Operations& operations_;
  Listener listener_;
  ResponsesApi responses_;
};

}  // namespace triage::api
