#include "api/chat.h"

#include <string>

#include "api/context_headers.h"
#include "api/decision_headers.h"
#include "api/error_response.h"
#include "observe/log.h"
#include "pipeline/exchange.h"
#include "wire/openai_chat.h"
#include "wire/openai_errors.h"

namespace triage::api {
namespace {

// What simdjson wants to be allowed to read behind the text.
constexpr std::size_t kParserPadding = 64;

Result<void> ReadRequest(const net::HttpRequest& http, const config::Config& config,
                         llm::Request& request) {
  std::string body;
  body.reserve(http.body.size() + kParserPadding);
  body.assign(http.body);
  Result<void> parsed =
      wire::ParseChatRequest(std::move(body), {.max_body_bytes = config.limits.max_body}, request);
  if (!parsed) return parsed;
  return ReadContextHeaders(http, request.context);
}

Task<void> Refuse(pipeline::Exchange& exchange, net::ResponseWriter& writer, const Error& error) {
  if (error.code != ErrorCode::kInvalidRequest && error.code != ErrorCode::kCancelled &&
      error.code != ErrorCode::kNotFound) {
    observe::Log(observe::Level::kWarn, exchange.id(), "exchange failed", error);
  }
  if (writer.client_gone().cancelled()) co_return;
  exchange.DeliverStatus(StatusOf(error));
  DecisionHeaders headers(exchange, false);
  const Result<void> sent = co_await SendError(writer, error, headers.all());
  if (!sent) exchange.Fail(sent.error());
}

Task<void> RelayWhole(pipeline::Exchange& exchange, net::ResponseWriter& writer) {
  const Result<std::string_view> first = co_await exchange.Next();
  if (!first) {
    co_await Refuse(exchange, writer, first.error());
    co_return;
  }
  std::string_view body = *first;
  std::string gathered;
  if (exchange.reply().content_length() != body.size()) {
    gathered = body;
    while (true) {
      const Result<std::string_view> more = co_await exchange.Next();
      if (!more) {
        co_await Refuse(exchange, writer, more.error());
        co_return;
      }
      if (more->empty()) break;
      gathered.append(*more);
    }
    body = gathered;
  }
  DecisionHeaders headers(exchange, true);
  headers.Add("Content-Type", exchange.reply().content_type());
  exchange.DeliverStatus(exchange.reply().status());
  const Result<void> sent = co_await writer.Send(exchange.reply().status(), headers.all(), body);
  if (sent) {
    exchange.DeliverFirstByte();
  } else {
    exchange.Fail(sent.error());
  }
}

Task<void> RelayStream(pipeline::Exchange& exchange, net::ResponseWriter& writer) {
  Result<std::string_view> bytes = co_await exchange.Next();
  if (!bytes) {
    co_await Refuse(exchange, writer, bytes.error());
    co_return;
  }
  {
    DecisionHeaders headers(exchange, false);
    headers.Add("Content-Type", exchange.reply().content_type());
    headers.Add("Cache-Control", "no-cache");
    headers.Add("X-Accel-Buffering", "no");
    const Result<void> begun = co_await writer.Begin(exchange.reply().status(), headers.all());
    if (!begun) co_return;
  }
  exchange.DeliverStatus(exchange.reply().status());
  while (bytes && !bytes->empty()) {
    const Result<void> written = co_await writer.Write(*bytes);
    if (!written) {
      exchange.Fail(written.error());
      co_return;
    }
    exchange.DeliverFirstByte();
    bytes = co_await exchange.Next();
  }
  if (bytes) {
    const Result<void> ended = co_await writer.End();
    if (!ended) exchange.Fail(ended.error());
    co_return;
  }
  if (writer.client_gone().cancelled()) co_return;
  observe::Log(observe::Level::kWarn, exchange.id(), "stream broke off", bytes.error());
  const std::string event = wire::StreamErrorEvent(bytes.error());
  // No terminator of any kind follows: a broken answer must not look complete to anybody.
  const Result<void> told = co_await writer.Write(event);
  if (!told) exchange.Fail(told.error());
}

}  // namespace

Task<void> ServeChat(pipeline::Worker& worker, const net::HttpRequest& request,
                     net::ResponseWriter& writer) {
  pipeline::Exchange exchange(worker, writer.client_gone());
  const Result<void> read =
      ReadRequest(request, *worker.bound->snapshot->config, exchange.request());
  if (!read) {
    exchange.Fail(read.error());
    co_await Refuse(exchange, writer, read.error());
    co_return;
  }
  const Result<void> started = co_await exchange.Start();
  if (!started) {
    co_await Refuse(exchange, writer, started.error());
    co_return;
  }
  if (exchange.request().stream) {
    co_await RelayStream(exchange, writer);
  } else {
    co_await RelayWhole(exchange, writer);
  }
}

}  // namespace triage::api
