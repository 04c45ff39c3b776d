#include "api/feedback.h"

#include <array>
#include <coroutine>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/context_headers.h"
#include "api/deliver.h"
#include "api/error_response.h"
#include "base/json_writer.h"
#include "feedback/outcome.h"
#include "pipeline/exchange.h"
#include "wire/client_request.h"

namespace triage::api {
namespace {

using ledger::Recorded;

/// Hands feedback to the ledger and comes back to `loop`, whose thread this is, once it is safe.
struct Recording {
  net::Loop& loop;
  ledger::Sink& sink;
  ledger::Feedback feedback;
  std::optional<Result<Recorded>> result = {};

  bool await_ready() const { return false; }

  void await_suspend(std::coroutine_handle<> handle) {
    sink.Record(std::move(feedback), [this, handle](Result<Recorded> recorded) {
      loop.Post([this, handle, said = std::move(recorded)]() mutable {
        result.emplace(std::move(said));
        handle.resume();
      });
    });
  }

  Result<Recorded> await_resume() { return *std::move(result); }
};

/// The same words twice are the same feedback, where the client gives no key of its own.
std::string KeyOf(const feedback::Feedback& given) {
  if (!given.idempotency_key.empty()) return given.idempotency_key;
  const std::hash<std::string_view> hash;
  return fmt::format("{}-{}-{:x}-{:x}", feedback::Name(given.kind), given.number, hash(given.text),
                     hash(given.comment));
}

std::string ValueOf(const feedback::Feedback& given) {
  switch (given.kind) {
    case feedback::Kind::kThumb: return given.number < 0 ? "-1" : "1";
    case feedback::Kind::kScore: return fmt::format("{}", given.number);
    case feedback::Kind::kOutcome: return given.number == 0 ? "false" : "true";
    case feedback::Kind::kLabel: return given.text;
    case feedback::Kind::kCorrection: break;  // An answer's text is not kept.
  }
  return {};
}

Result<void> ReadAgain(const pipeline::RecentRequest& recent, llm::Request& request) {
  const Result<void> read =
      wire::ReadClientRequest(recent.dialect, ParserBody(recent.body), {}, request);
  if (!read) return read;
  request.dialect = recent.dialect;
  request.repeated = recent.repeated;
  request.context = recent.context;
  return {};
}

/// The exchange's features, for the label that the feedback is.
void AddFeatures(pipeline::Worker& worker, const pipeline::RecentRequest& recent,
                 ledger::Feedback& said) {
  llm::Request request;
  if (!ReadAgain(recent, request)) return;
  worker.features.Extract(request.turns, request.needs, request.context, request.max_output_tokens);
  worker.features.Serialize(said.features);
  said.feature_schema = learn::kFeatureSchema;
}

/// The tier above the one that answered; its own when it is the highest; empty when none did.
std::string TierAbove(const pipeline::Snapshot& snapshot, std::string_view tier) {
  const auto& tiers = snapshot.options.tiers;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    if (tiers[i].name == tier) return tiers[std::min(i + 1, tiers.size() - 1)].name;
  }
  return {};
}

Error NoSuchExchange(const ExchangeId& id) {
  return {.code = ErrorCode::kNotFound,
          .message = "no exchange " + id.Text() + " is known that came with this credential",
          .field = "/exchange"};
}

}  // namespace

Task<void> ServeFeedback(net::Loop& loop, pipeline::Worker& worker, const net::HttpRequest& request,
                         net::ResponseWriter& writer) {
  Result<feedback::Feedback> given = feedback::ReadFeedback(request.body);
  llm::Context asker;
  const Result<void> headers = ReadContextHeaders(request, asker);
  if (!given || !headers) {
    const Error error = given ? headers.error() : given.error();
    [[maybe_unused]] const Result<void> sent =
        co_await SendError(writer, llm::Dialect::kOpenAiChat, error);
    co_return;
  }
  const std::optional<pipeline::RecentRequest> recent =
      worker.recent.Find(given->exchange, worker.clock.Now());
  ledger::Feedback said{.exchange = given->exchange,
                        .time = worker.clock.WallNow(),
                        .client = asker.client,
                        .kind = std::string(feedback::Name(given->kind)),
                        .value = ValueOf(*given),
                        .reason = std::string(feedback::Name(given->reason)),
                        .key = KeyOf(*given)};
  if (const auto label = feedback::LabelOf(*given)) {
    said.good = label->good;
    said.weight = label->weight;
    if (recent) AddFeatures(worker, *recent, said);
  }
  Result<Recorded> recorded =
      co_await Recording{.loop = loop, .sink = worker.sink, .feedback = std::move(said)};
  if (recorded && (*recorded == Recorded::kUnknownExchange || *recorded == Recorded::kNotTheirs))
    recorded = NoSuchExchange(given->exchange);
  if (!recorded) {
    const Error error = recorded.error();
    [[maybe_unused]] const Result<void> sent =
        co_await SendError(writer, llm::Dialect::kOpenAiChat, error);
    co_return;
  }
  // A client that repeats itself because it saw no answer wants the one it has asked for.
  if (given->retry && recent) {
    const std::string tier = TierAbove(*worker.bound->snapshot, recent->tier);
    if (!tier.empty()) {
      pipeline::Exchange exchange(worker, writer.client_gone());
      const Result<void> read = ReadAgain(*recent, exchange.request());
      exchange.Retry(given->exchange, tier);
      co_await Serve(exchange, request, writer, read);
      co_return;
    }
  }
  JsonWriter body;
  body.Begin('{');
  body.Member("object", "feedback");
  body.Member("exchange", given->exchange.Text());
  body.Flag("repeated", *recorded == Recorded::kRepeated);
  if (given->retry) {
    body.Flag("retried", false);
    body.Member("why", recent ? "no tier answered the exchange"
                              : "its request is no longer in memory; send it again");
  }
  body.End('}');
  const std::array<net::Header, 1> type{{{"Content-Type", "application/json"}}};
  const std::string text = body.Take() + "\n";
  [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, type, text);
}

}  // namespace triage::api
