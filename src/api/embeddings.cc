#include "api/embeddings.h"

#include <string>
#include <utility>

#include "api/deliver.h"
#include "pipeline/exchange.h"
#include "wire/embeddings.h"

namespace triage::api {

Task<void> ServeEmbeddings(pipeline::Worker& worker, const net::HttpRequest& request,
                           net::ResponseWriter& writer) {
  pipeline::Exchange exchange(worker, writer.client_gone());
  const Result<void> read = wire::ReadEmbeddingsRequest(
      std::string(request.body),
      {.max_body_bytes = worker.bound->snapshot->config->limits.max_body}, exchange.request());
  co_await Serve(exchange, request, writer, read);
}

}  // namespace triage::api
