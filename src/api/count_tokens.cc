#include "api/count_tokens.h"

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "api/deliver.h"
#include "api/error_response.h"
#include "decide/target.h"
#include "llm/conversation.h"
#include "prices/text_size.h"
#include "wire/anthropic.h"
#include "wire/client_request.h"

namespace triage::api {
namespace {

constexpr llm::Dialect kDialect = llm::Dialect::kAnthropic;

/// Reads the body, in which max_tokens need not stand.
Result<void> Read(const net::HttpRequest& http, std::size_t max_body, llm::Request& request) {
  const wire::ReadLimits limits{.max_body_bytes = max_body};
  Result<llm::Conversation> conversation = wire::anthropic::ReadRequest(http.body, limits, false);
  if (!conversation) return std::move(conversation).error();
  wire::FillRequest(std::move(*conversation), std::string(http.body), request);
  request.operation = llm::Operation::kCountTokens;
  request.stream = false;
  return {};
}

/// As the model counts, as far as its answers have taught that; as models usually do, where none is
/// named.
std::int64_t Estimate(const pipeline::Snapshot& snapshot, const decide::Target& target,
                      const llm::Request& request) {
  const prices::TextSize size = prices::Measure(request);
  const bool named = target.kind == decide::Target::Kind::kModel;
  const std::int64_t tokens =
      named ? snapshot.models[static_cast<std::size_t>(target.model)].window->Tokens(size).tokens
            : size.text + size.media;
  return std::max<std::int64_t>(tokens, 1);
}

}  // namespace

Task<void> ServeCountTokens(pipeline::Worker& worker, const net::HttpRequest& http,
                            net::ResponseWriter& writer) {
  const std::shared_ptr<const pipeline::Bound> bound = worker.bound;
  const pipeline::Snapshot& snapshot = *bound->snapshot;
  llm::Request request;
  const Result<void> read = Read(http, snapshot.config->limits.max_body, request);
  Result<decide::Target> target =
      read ? decide::ResolveTarget(snapshot.options, request.model) : read.error();
  if (!target) {
    [[maybe_unused]] const Result<void> sent = co_await SendError(writer, kDialect, target.error());
    co_return;
  }
  std::array<net::Header, 2> headers{
      {{"Content-Type", "application/json"}, {"x-triage-warning", "estimated by Triage"}}};
  if (target->kind == decide::Target::Kind::kModel) {
    const auto model = static_cast<std::size_t>(target->model);
    const llm::Call call{.request = &request,
                         .model = snapshot.options.models[model].provider_model,
                         .limits = snapshot.models[model].limits,
                         .cancel = &writer.client_gone()};
    llm::CallTiming timing;
    // Where the endpoint cannot count, or does not answer, the estimate stands in.
    Result<std::unique_ptr<llm::Reply>> reply =
        co_await bound->providers[model]->Start(call, timing);
    if (reply) {
      const Result<std::string_view> body = co_await (*reply)->Next();
      const Result<std::int64_t> count =
          body ? wire::ReadTokenCount(*body) : Result<std::int64_t>(body.error());
      if (count) {
        const std::string answer = wire::TokenCountBody(*count);
        [[maybe_unused]] const Result<void> sent =
            co_await writer.Send(200, std::span(headers).first(1), answer);
        co_return;
      }
    }
  }
  const std::string answer = wire::TokenCountBody(Estimate(snapshot, *target, request));
  [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, headers, answer);
}

}  // namespace triage::api
