#include "api/responses.h"

#include <array>
#include <optional>
#include <utility>

#include <openssl/sha.h>

#include "api/context_headers.h"
#include "api/deliver.h"
#include "api/error_response.h"
#include "api/on_store.h"
#include "observe/log.h"
#include "pipeline/exchange.h"
#include "wire/client_request.h"
#include "wire/codec.h"
#include "wire/responses.h"
#include "wire/sse.h"

namespace triage::api {
namespace {

constexpr llm::Dialect kDialect = llm::Dialect::kOpenAiResponses;

using jobs::ResponseStatus;
using jobs::StoredResponse;

/// Whose responses these are: a hash of the credential, so that no key is stored.
std::string OwnerOf(const net::HttpRequest& request) {
  std::optional<std::string_view> key = request.Find("authorization");
  if (!key) key = request.Find("x-api-key");
  if (!key) return {};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key->data()), key->size(), digest.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string owner;
  for (const unsigned char byte : digest) {
    owner += kDigits[byte >> 4];
    owner += kDigits[byte & 15];
  }
  return owner;
}

/// Value of a query parameter; empty when there is none.
std::string_view Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    if (one.starts_with(name) && one.size() > name.size() && one[name.size()] == '=')
      return one.substr(name.size() + 1);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

wire::ReadLimits LimitsOf(const pipeline::Worker& worker) {
  return {.max_body_bytes = worker.bound->snapshot->config->limits.max_body};
}

Error NotKept(std::string pointer, std::string_view what) {
  std::string message = pointer + ": " + std::string(what) +
                        " needs responses to be kept, which this gateway does not: send the whole "
                        "conversation as input, or set responses.path in its configuration.";
  return Error{.code = ErrorCode::kInvalidRequest,
               .message = std::move(message),
               .field = std::move(pointer)};
}

/// A stored form of a finished response.
StoredResponse ToStored(std::string response, const std::string& stateless_body, std::string owner,
                        std::string previous_id, WallTime now) {
  StoredResponse stored{.id = {}, .owner = std::move(owner), .created = now};
  const Result<wire::ResponseSummary> summary = wire::SummaryOf(response);
  if (summary) {
    stored.id = summary->id;
    stored.status = jobs::ParseResponseStatus(summary->status).value_or(ResponseStatus::kCompleted);
  }
  stored.previous_id = std::move(previous_id);
  stored.input_items = wire::InputItems(stateless_body);
  stored.item_ids = wire::OutputItemIds(response);
  stored.response = std::move(response);
  return stored;
}

std::int64_t SizeOf(const StoredResponse& response) {
  return static_cast<std::int64_t>(response.input_items.size() + response.response.size());
}

Task<Result<void>> Put(net::Loop& loop, jobs::StoreThread& store, StoredResponse response) {
  const std::int64_t bytes = SizeOf(response);
  std::function<Result<void>(jobs::ResponseStore&)> job =
      [kept = std::move(response)](jobs::ResponseStore& open) { return open.Put(kept); };
  Result<void> put = co_await OnStore<void>(loop, store, std::move(job), bytes);
  co_return put;
}

/// Keeps a response before its last bytes go to the client, who may go on from it at once.
class Keeper final : public AnswerObserver {
 public:
  Keeper(net::Loop& loop, jobs::StoreThread& store, const pipeline::Exchange& exchange,
         const std::string& body, std::string owner, std::string previous_id, WallTime now)
      : loop_(loop),
        store_(store),
        exchange_(exchange),
        body_(body),
        owner_(std::move(owner)),
        previous_id_(std::move(previous_id)),
        now_(now) {}

  Task<void> OnBytes(std::string_view bytes) override {
    std::string response;
    if (!streams_) {
      response = bytes;
    } else {
      framer_.Feed(bytes);
      while (const auto event = framer_.Next()) {
        const bool last = event->name == "response.completed" ||
                          event->name == "response.incomplete" || event->name == "response.failed";
        if (last) response = wire::ResponseOfEvent(event->data);
      }
    }
    if (response.empty()) co_return;
    StoredResponse stored = ToStored(std::move(response), body_, owner_, previous_id_, now_);
    if (stored.id.empty()) co_return;
    const Result<void> put = co_await Put(loop_, store_, std::move(stored));
    if (!put)
      observe::Log(observe::Level::kError, exchange_.id(), "response not kept", put.error());
  }

  void Streams(bool streams) { streams_ = streams; }

 private:
  net::Loop& loop_;
  jobs::StoreThread& store_;
  const pipeline::Exchange& exchange_;
  const std::string& body_;
  const std::string owner_;
  const std::string previous_id_;
  const WallTime now_;
  bool streams_ = false;
  wire::SseFramer framer_;
};

}  // namespace

void BackgroundResponses::Add(const std::string& id, net::Loop& loop,
                              std::shared_ptr<CancelScope> scope) {
  const std::lock_guard lock(mutex_);
  running_[id] = {.loop = &loop, .scope = std::move(scope)};
}

void BackgroundResponses::Remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  running_.erase(id);
}

void BackgroundResponses::Cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second.loop->Post([scope = found->second.scope] { scope->Cancel(); });
}

/// A request that is ready to be answered without anything that is kept elsewhere.
struct ResponsesApi::Prepared {
  wire::ResponsesControls controls;
  std::string body = {};
  std::string owner = {};
  bool keep = false;
};

/// A background response, from its request to its end.
struct ResponsesApi::Work {
  Work(pipeline::Worker& worker, Prepared ready)
      : prepared(std::move(ready)),
        scope(std::make_shared<CancelScope>()),
        exchange(worker, *scope) {}

  Prepared prepared;
  std::shared_ptr<CancelScope> scope;
  pipeline::Exchange exchange;
  std::string id;
  wire::AnswerContext context;
};

Task<Result<ResponsesApi::Prepared>> ResponsesApi::Prepare(const net::HttpRequest& request) {
  const wire::ReadLimits limits = LimitsOf(worker_);
  Result<wire::ResponsesControls> controls = wire::ReadControls(request.body, limits);
  if (!controls) co_return std::move(controls).error();
  Prepared prepared{.controls = std::move(*controls), .owner = OwnerOf(request)};
  const wire::ResponsesControls& asked = prepared.controls;
  if (store_ == nullptr) {
    if (!asked.previous_response_id.empty())
      co_return NotKept("/previous_response_id", "going on from a response");
    if (asked.background) co_return NotKept("/background", "answering in the background");
    if (!asked.references.empty()) co_return NotKept("/input", "a reference to an earlier item");
    prepared.body = ParserBody(request.body);
    co_return prepared;
  }
  if (asked.background && asked.stream) {
    co_return Error{.code = ErrorCode::kInvalidRequest,
                    .message =
                        "/stream: a response in the background is polled here; leave "
                        "stream or background out.",
                    .field = "/stream"};
  }
  prepared.keep = asked.store;
  std::optional<StoredResponse> previous;
  std::vector<StoredResponse> referenced;
  if (!asked.previous_response_id.empty()) {
    std::string id = asked.previous_response_id;
    Result<StoredResponse> found = co_await Find(id, prepared.owner);
    if (!found) co_return wire::NoSuchPreviousResponse(id);
    previous = std::move(*found);
  }
  if (!asked.references.empty()) {
    std::function<Result<std::vector<StoredResponse>>(jobs::ResponseStore&)> job =
        [owner = prepared.owner, ids = asked.references](jobs::ResponseStore& open) {
          return open.FindByItems(owner, ids);
        };
    Result<std::vector<StoredResponse>> found =
        co_await OnStore<std::vector<StoredResponse>>(loop_, *store_, std::move(job), 0);
    if (!found) co_return std::move(found).error();
    referenced = std::move(*found);
  }
  std::optional<wire::KeptResponse> kept;
  if (previous) kept = {.input_items = previous->input_items, .response = previous->response};
  std::vector<wire::KeptResponse> others;
  for (const StoredResponse& one : referenced)
    others.push_back({.input_items = one.input_items, .response = one.response});
  Result<std::string> body =
      wire::StatelessBody(request.body, kept ? &*kept : nullptr, others, limits);
  if (!body) co_return std::move(body).error();
  prepared.body = std::move(*body);
  co_return prepared;
}

Task<void> ResponsesApi::Create(const net::HttpRequest& request, net::ResponseWriter& writer) {
  Result<Prepared> prepared = co_await Prepare(request);
  if (!prepared) {
    [[maybe_unused]] const Result<void> sent =
        co_await SendError(writer, kDialect, prepared.error());
    co_return;
  }
  if (prepared->controls.background) {
    Prepared ready = std::move(*prepared);
    co_await StartBackground(std::move(ready), request, writer);
    co_return;
  }
  pipeline::Exchange exchange(worker_, writer.client_gone());
  exchange.request().dialect = kDialect;
  const std::string body = prepared->keep ? prepared->body : std::string();
  const Result<void> read = wire::ReadClientRequest(kDialect, std::move(prepared->body),
                                                    LimitsOf(worker_), exchange.request());
  if (!prepared->keep) {
    co_await api::Serve(exchange, request, writer, read);
    co_return;
  }
  exchange.request().repeated = request.body;
  Keeper keeper(loop_, *store_, exchange, body, prepared->owner,
                prepared->controls.previous_response_id, worker_.clock.WallNow());
  keeper.Streams(exchange.request().stream);
  co_await api::Serve(exchange, request, writer, read, &keeper);
}

Task<void> ResponsesApi::StartBackground(Prepared prepared, const net::HttpRequest& request,
                                         net::ResponseWriter& writer) {
  auto work = std::make_unique<Work>(worker_, std::move(prepared));
  work->exchange.InBackground();
  llm::Request& asked = work->exchange.request();
  asked.dialect = kDialect;
  std::string body = ParserBody(work->prepared.body);
  Result<void> read = wire::ReadClientRequest(kDialect, std::move(body), LimitsOf(worker_), asked);
  if (read) read = ReadContextHeaders(request, asked.context);
  asked.repeated = request.body;
  if (!read) {
    work->exchange.Fail(read.error());
    [[maybe_unused]] const Result<void> sent = co_await SendError(writer, kDialect, read.error());
    co_return;
  }
  work->id = wire::ResponseId(asked.id);
  work->context = {
      .id = work->id, .model = asked.model, .created = asked.created, .request = asked.repeated};
  StoredResponse queued{.id = work->id,
                        .owner = work->prepared.owner,
                        .created = worker_.clock.WallNow(),
                        .status = ResponseStatus::kQueued,
                        .background = true,
                        .previous_id = work->prepared.controls.previous_response_id};
  queued.input_items = wire::InputItems(work->prepared.body);
  queued.response = wire::ResponseWithoutAnswer("queued", work->context);
  const std::string answer = queued.response;
  // Durable before the client is told: it may be gone a moment later, and come back.
  const Result<void> put = co_await Put(loop_, *store_, std::move(queued));
  if (!put) {
    [[maybe_unused]] const Result<void> sent = co_await SendError(writer, kDialect, put.error());
    co_return;
  }
  scopes_[work->id] = work->scope;
  running_.Add(work->id, loop_, work->scope);
  const std::string id = asked.id;
  background_.Spawn(RunBackground(std::move(work)));
  const std::array<net::Header, 2> headers{
      {{"Content-Type", "application/json"}, {"x-request-id", id}}};
  [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, headers, answer);
}

Task<void> ResponsesApi::RunBackground(std::unique_ptr<Work> work) {
  const auto advance = [this, &work](ResponseStatus status, std::string response) {
    jobs::Progress progress{.id = work->id, .status = status, .response = std::move(response)};
    progress.item_ids = wire::OutputItemIds(progress.response);
    const auto bytes = static_cast<std::int64_t>(progress.response.size());
    std::function<Result<bool>(jobs::ResponseStore&)> job =
        [moved = std::move(progress)](jobs::ResponseStore& open) { return open.Advance(moved); };
    return OnStore<bool>(loop_, *store_, std::move(job), bytes);
  };
  std::string in_progress = wire::ResponseWithoutAnswer("in_progress", work->context);
  Task<Result<bool>> begin = advance(ResponseStatus::kInProgress, std::move(in_progress));
  const Result<bool> begun = co_await std::move(begin);
  std::optional<Error> failure;
  std::string response;
  if (begun && !*begun) {
    failure = Error{.code = ErrorCode::kCancelled, .message = "cancelled before it began"};
  } else {
    const Result<void> started = co_await work->exchange.Start();
    if (!started) {
      failure = started.error();
    } else {
      const Result<std::string_view> bytes = co_await work->exchange.Next();
      if (bytes) {
        response = wire::WithId(*bytes, work->id);
        work->exchange.DeliverStatus(200);
      } else {
        failure = bytes.error();
      }
    }
  }
  ResponseStatus status = ResponseStatus::kCompleted;
  if (failure && stopping_) {
    failure = Error{.code = ErrorCode::kUnavailable, .message = "The gateway was stopped."};
  }
  if (failure) {
    work->exchange.Fail(*failure);
    status = failure->code == ErrorCode::kCancelled ? ResponseStatus::kCancelled
                                                    : ResponseStatus::kFailed;
    response = wire::ResponseWithoutAnswer(jobs::Name(status), work->context,
                                           status == ResponseStatus::kFailed ? &*failure : nullptr);
  } else if (const Result<wire::ResponseSummary> summary = wire::SummaryOf(response)) {
    status = jobs::ParseResponseStatus(summary->status).value_or(status);
  }
  Task<Result<bool>> end = advance(status, std::move(response));
  const Result<bool> ended = co_await std::move(end);
  if (!ended)
    observe::Log(observe::Level::kError, work->exchange.id(), "response not kept", ended.error());
  running_.Remove(work->id);
  scopes_.erase(work->id);
}

void ResponsesApi::Stop() {
  stopping_ = true;
  for (const auto& [id, scope] : scopes_) scope->Cancel();
}

Task<Result<StoredResponse>> ResponsesApi::Find(std::string id, std::string owner) {
  std::function<Result<std::optional<StoredResponse>>(jobs::ResponseStore&)> job =
      [id, owner](jobs::ResponseStore& open) { return open.Find(id, owner); };
  Result<std::optional<StoredResponse>> found =
      co_await OnStore<std::optional<StoredResponse>>(loop_, *store_, std::move(job), 0);
  if (!found) co_return std::move(found).error();
  if (!*found) co_return wire::NoSuchResponse(id);
  co_return std::move(**found);
}

Task<Result<std::string>> ResponsesApi::Delete(std::string id, std::string owner) {
  std::function<Result<bool>(jobs::ResponseStore&)> job = [id, owner](jobs::ResponseStore& open) {
    return open.Delete(id, owner);
  };
  const Result<bool> deleted = co_await OnStore<bool>(loop_, *store_, std::move(job), 0);
  if (!deleted) co_return deleted.error();
  if (!*deleted) co_return wire::NoSuchResponse(id);
  running_.Cancel(id);
  co_return wire::DeletedBody(id);
}

Task<Result<std::string>> ResponsesApi::Cancel(std::string id, std::string owner) {
  Result<StoredResponse> found = co_await Find(id, owner);
  if (!found) co_return std::move(found).error();
  if (!found->background) co_return wire::NotCancellable(id);
  if (jobs::IsFinal(found->status)) co_return std::move(found->response);
  jobs::Progress progress{.id = id,
                          .status = ResponseStatus::kCancelled,
                          .response = wire::WithStatus(found->response, "cancelled")};
  std::string response = progress.response;
  std::function<Result<bool>(jobs::ResponseStore&)> job =
      [moved = std::move(progress)](jobs::ResponseStore& open) { return open.Advance(moved); };
  const Result<bool> advanced = co_await OnStore<bool>(loop_, *store_, std::move(job),
                                                       static_cast<std::int64_t>(response.size()));
  if (!advanced) co_return advanced.error();
  running_.Cancel(id);
  if (*advanced) co_return response;
  // It ended at the same moment.
  Result<StoredResponse> ended = co_await Find(id, owner);
  if (!ended) co_return std::move(ended).error();
  co_return std::move(ended->response);
}

Task<Result<std::string>> ResponsesApi::Answer(std::string_view rest,
                                               const net::HttpRequest& request) {
  const std::size_t slash = rest.find('/');
  const std::string id(rest.substr(0, slash));
  const std::string_view action =
      slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  const std::string owner = OwnerOf(request);
  if (store_ == nullptr) co_return wire::NoSuchResponse(id);
  if (action == "cancel") {
    Result<std::string> cancelled = co_await Cancel(id, owner);
    co_return cancelled;
  }
  if (request.method == "DELETE") {
    Result<std::string> deleted = co_await Delete(id, owner);
    co_return deleted;
  }
  Result<StoredResponse> found = co_await Find(id, owner);
  if (!found) co_return std::move(found).error();
  if (action.empty()) {
    if (Parameter(request.query(), "stream") == "true") {
      co_return Error{.code = ErrorCode::kInvalidRequest,
                      .message = "stream: stored responses are not streamed again; leave it out."};
    }
    co_return std::move(found->response);
  }
  const std::string_view query = request.query();
  const Result<wire::ItemPage> page = wire::ReadItemPage(
      Parameter(query, "limit"), Parameter(query, "order"), Parameter(query, "after"));
  if (!page) co_return page.error();
  co_return wire::InputItemList(found->input_items, id, *page);
}

Task<bool> ResponsesApi::Serve(std::string_view rest, const net::HttpRequest& request,
                               net::ResponseWriter& writer) {
  const std::size_t slash = rest.find('/');
  const std::string_view action =
      slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  const bool known = action.empty()       ? request.method == "GET" || request.method == "DELETE"
                     : action == "cancel" ? request.method == "POST"
                     : action == "input_items" ? request.method == "GET"
                                               : false;
  if (!known || rest.empty()) co_return false;
  const Result<std::string> answer = co_await Answer(rest, request);
  if (!answer) {
    [[maybe_unused]] const Result<void> sent = co_await SendError(writer, kDialect, answer.error());
    co_return true;
  }
  const std::array<net::Header, 1> headers{{{"Content-Type", "application/json"}}};
  [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, headers, *answer);
  co_return true;
}

}  // namespace triage::api
