#include "api/generate.h"

#include <string>
#include <utility>

#include "api/context_headers.h"
#include "api/deliver.h"
#include "pipeline/exchange.h"
#include "wire/client_request.h"

namespace triage::api {

Task<void> ServeGeneration(llm::Dialect dialect, pipeline::Worker& worker,
                           const net::HttpRequest& request, net::ResponseWriter& writer) {
  pipeline::Exchange exchange(worker, writer.client_gone());
  exchange.request().dialect = dialect;
  std::string body = ParserBody(request.body);
  const Result<void> read = wire::ReadClientRequest(
      dialect, std::move(body), {.max_body_bytes = worker.bound->snapshot->config->limits.max_body},
      exchange.request());
  co_await Serve(exchange, request, writer, read);
}

}  // namespace triage::api
