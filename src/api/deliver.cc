#include "api/deliver.h"

#include <array>

#include "api/context_headers.h"
#include "api/decision_headers.h"
#include "api/error_response.h"
#include "observe/log.h"
#include "wire/codec.h"

namespace triage::api {
namespace {

Task<void> Refuse(pipeline::Exchange& exchange, net::ResponseWriter& writer, const Error& error) {
  // What admission turns away is counted: a line for each would be a load of its own.
  const bool clients = error.code == ErrorCode::kInvalidRequest ||
                       error.code == ErrorCode::kContextLength ||
                       error.code == ErrorCode::kCancelled || error.code == ErrorCode::kNotFound;
  if (!clients && !exchange.turned_away()) {
    observe::Log(observe::Level::kWarn, exchange.id(), "exchange failed", error);
  }
  if (writer.client_gone().cancelled()) co_return;
  exchange.DeliverStatus(StatusOf(error));
  DecisionHeaders headers(exchange, false);
  const Result<void> sent = co_await SendError(writer, exchange.request().dialect, error,
                                               exchange.request().id, headers.all());
  if (!sent) exchange.Fail(sent.error());
}

Task<void> RelayWhole(pipeline::Exchange& exchange, net::ResponseWriter& writer,
                      AnswerObserver* observer) {
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
  if (observer != nullptr) co_await observer->OnBytes(body);
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

Task<void> RelayStream(pipeline::Exchange& exchange, net::ResponseWriter& writer,
                       AnswerObserver* observer) {
  const std::string_view keep_alive = wire::CodecOf(exchange.request().dialect).KeepAlive();
  if (exchange.holds_back()) {
    // A client that has to wait long for a verdict gets signs of life, and with the first of them
    // what is known by then: neither which model will answer nor whether one will.
    const std::string id = exchange.id().Text();
    const std::array<net::Header, 4> early{{{"x-triage-id", id},
                                            {"Content-Type", exchange.reply().content_type()},
                                            {"Cache-Control", "no-cache"},
                                            {"X-Accel-Buffering", "no"}}};
    const Result<void> begun = co_await writer.Begin(exchange.reply().status(), early);
    if (!begun) co_return;
    writer.KeepAlive(exchange.keep_alive(), keep_alive);
  }
  Result<std::string_view> bytes = co_await exchange.Next();
  if (!bytes && !writer.begun()) {
    writer.KeepAlive({}, {});
    co_await Refuse(exchange, writer, bytes.error());
    co_return;
  }
  if (!writer.begun()) {
    DecisionHeaders headers(exchange, false);
    headers.Add("Content-Type", exchange.reply().content_type());
    headers.Add("Cache-Control", "no-cache");
    headers.Add("X-Accel-Buffering", "no");
    const Result<void> begun = co_await writer.Begin(exchange.reply().status(), headers.all());
    if (!begun) co_return;
  }
  writer.KeepAlive(exchange.keep_alive(), keep_alive);
  exchange.DeliverStatus(exchange.reply().status());
  while (bytes && !bytes->empty()) {
    if (observer != nullptr) co_await observer->OnBytes(*bytes);
    const Result<void> written = co_await writer.Write(*bytes);
    if (!written) {
      exchange.Fail(written.error());
      co_await exchange.Drain();
      co_return;
    }
    exchange.DeliverFirstByte();
    bytes = co_await exchange.Next();
    if (writer.client_gone().cancelled()) {
      co_await exchange.Drain();
      co_return;
    }
  }
  if (bytes) {
    const Result<void> ended = co_await writer.End();
    if (!ended) exchange.Fail(ended.error());
    co_return;
  }
  if (writer.client_gone().cancelled()) co_return;
  observe::Log(observe::Level::kWarn, exchange.id(), "stream broke off", bytes.error());
  const std::string event = exchange.ErrorEvent(bytes.error());
  // No terminator of any kind follows: a broken answer must not look complete to anybody.
  const Result<void> told = co_await writer.Write(event);
  if (!told) exchange.Fail(told.error());
}

}  // namespace

std::string ParserBody(std::string_view body) {
  constexpr std::size_t kParserPadding = 64;
  std::string padded;
  padded.reserve(body.size() + kParserPadding);
  padded.assign(body);
  return padded;
}

Task<void> Serve(pipeline::Exchange& exchange, const net::HttpRequest& http,
                 net::ResponseWriter& writer, const Result<void>& read, AnswerObserver* observer) {
  const Result<void> taken =
      read ? ReadContextHeaders(http, exchange.request().context) : Result<void>(read.error());
  if (!taken) {
    exchange.Fail(taken.error());
    co_await Refuse(exchange, writer, taken.error());
    co_return;
  }
  const Result<void> started = co_await exchange.Start();
  if (!started) {
    co_await Refuse(exchange, writer, started.error());
    co_return;
  }
  if (exchange.request().stream) {
    co_await RelayStream(exchange, writer, observer);
  } else {
    co_await RelayWhole(exchange, writer, observer);
  }
}

}  // namespace triage::api
