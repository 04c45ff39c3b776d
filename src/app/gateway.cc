#include "app/gateway.h"

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <future>
#include <latch>
#include <optional>
#include <utility>

#include "app/io_thread.h"
#include "app/snapshot.h"
#include "base/bounded_queue.h"
#include "jobs/open.h"
#include "ledger/open.h"
#include "ledger/writer.h"
#include "net/tls.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "wire/responses.h"

namespace triage::app {
namespace {

constexpr std::string_view kVersion = TRIAGE_VERSION;

net::ServerOptions ToServerOptions(const config::Config& config, const config::Address& address) {
  return {.host = address.host,
          .port = address.port,
          .max_head_bytes = config.limits.max_head,
          .max_body_bytes = config.limits.max_body,
          .head_limit = config.limits.header_timeout,
          .body_limit = config.limits.body_timeout,
          .idle_limit = config.limits.idle_timeout,
          .write_limit = config.limits.write_timeout,
          .max_connections = config.limits.max_connections,
          .tls = nullptr};
}

/// What a reload cannot change, because listeners and files were opened under it.
const char* NeedsRestart(const config::Config& now, const config::Config& wanted) {
  if (!(now.listen.http == wanted.listen.http) || now.listen.admin != wanted.listen.admin)
    return "listen";
  if (now.listen.threads != wanted.listen.threads) return "listen.threads";
  if (now.listen.tls.has_value() != wanted.listen.tls.has_value()) return "listen.tls";
  if (now.ledger.path != wanted.ledger.path) return "ledger.path";
  if (now.responses.path != wanted.responses.path) return "responses.path";
  return nullptr;
}

}  // namespace

class Gateway::State final : public api::Operations {
 public:
  explicit State(GatewayOptions options)
      : options_(std::move(options)),
        config_(options_.config),
        control_queue_(64),
        metrics_(registry_),
        admission_(registry_) {
    observe::AddProcessMetrics(registry_, kVersion);
  }

  ~State() override {
    control_queue_.Close();
    if (control_.joinable()) control_.join();
    for (auto& thread : threads_) thread->Stop();
  }

  Result<void> Start();
  Result<std::string> ReloadAndWait();
  bool Drain(std::chrono::milliseconds notice, std::chrono::milliseconds limit);

  void Flush() { writer_->Flush(); }

  // api::Operations
  Task<Result<std::string>> Reload() override;

  std::string Metrics() override { return registry_.Render(); }

  Readiness Ready() override;

  jobs::StoreThread* Responses() override { return responses_.get(); }

  api::BackgroundResponses& RunningResponses() override { return running_responses_; }

  std::uint16_t port = 0;
  std::uint16_t admin_port = 0;

  observe::Registry& registry() { return registry_; }

 private:
  Result<std::string> ReloadNow();  // control thread only
  Result<void> OpenLedger();
  Result<void> OpenResponses();
  Result<void> Listen();
  void AddReadings();
  /// How much is remembered of sessions and requests.
  void Bound(const config::Feedback& feedback);
  void RunControl();
  std::uint64_t Active() const;

  GatewayOptions options_;
  config::Snapshot config_;  // control thread only, after Start
  BoundedQueue<std::function<void()>> control_queue_;
  observe::Registry registry_;
  observe::GatewayMetrics metrics_;
  admit::Metrics admission_;
  admit::ClientSlots clients_;
  feedback::Sessions sessions_{feedback::SessionOptions{}};
  pipeline::RecentRequests recent_;
  Resilience resilience_{&registry_};  // control thread only, after Start
  std::unique_ptr<ledger::Store> store_;
  std::unique_ptr<ledger::Writer> writer_;
  std::unique_ptr<jobs::StoreThread> responses_;
  api::BackgroundResponses running_responses_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::thread control_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> unready_when_overloaded_{false};  // of the configuration in force
};

void Gateway::State::Bound(const config::Feedback& feedback) {
  sessions_.Configure(
      {.most = feedback.sessions,
       .time_to_live = std::chrono::duration_cast<std::chrono::seconds>(feedback.session_ttl),
       .user_escalations = feedback.per_user_hour});
  recent_.Configure({.age = feedback.retry_ttl, .bytes = feedback.retry_memory});
}

Result<void> Gateway::State::Start() {
  Result<std::shared_ptr<const pipeline::Snapshot>> snapshot =
      BuildSnapshot(config_, registry_, &resilience_);
  if (!snapshot) return std::move(snapshot).error();
  const Result<Signers> signers = LoadSigners(*config_);
  if (!signers) return signers.error();
  Result<void> ledger = OpenLedger();
  if (!ledger) return ledger;
  Result<void> responses = OpenResponses();
  if (!responses) return responses;
  const unsigned wanted = config_->listen.threads;
  const unsigned count = wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
  Bound(config_->feedback);
  const Shared shared{.sink = *writer_,
                      .metrics = metrics_,
                      .clients = clients_,
                      .admission = admission_,
                      .sessions = sessions_,
                      .recent = recent_};
  for (unsigned i = 0; i < count; ++i)
    threads_.push_back(std::make_unique<IoThread>(shared, *snapshot, *signers));
  Result<void> listening = Listen();
  if (!listening) return listening;
  AddReadings();
  unready_when_overloaded_ = config_->admission.unready_when_overloaded;
  for (auto& thread : threads_) thread->Run();
  control_ = std::thread([this] { RunControl(); });
  return {};
}

Result<void> Gateway::State::OpenLedger() {
  Result<std::unique_ptr<ledger::Store>> store =
      ledger::OpenSqlite({.path = config_->ledger.path.string(),
                          .learning_max_bytes = config_->ledger.learning_max_bytes});
  if (!store) return std::move(store).error();
  store_ = std::move(*store);
  ledger::WriterOptions options;
  options.queue_rows = config_->ledger.queue;
  options.recovery_path = config_->ledger.path.string() + ".recovery.jsonl";
  options.on_failure = [](const Error& error) {
    observe::Log(observe::Level::kError, "ledger cannot be written", error);
  };
  writer_ = std::make_unique<ledger::Writer>(*store_, std::move(options));
  return {};
}

Result<void> Gateway::State::OpenResponses() {
  const config::Responses& wanted = config_->responses;
  if (wanted.path.empty()) return {};
  Result<std::unique_ptr<jobs::ResponseStore>> store =
      jobs::OpenResponseStore({.path = wanted.path.string(),
                               .ttl = std::chrono::duration_cast<std::chrono::seconds>(wanted.ttl),
                               .max_bytes = wanted.max_bytes},
                              SystemClock());
  if (!store) return std::move(store).error();
  // What was being made when the process ended will not be.
  const Result<std::vector<jobs::StoredResponse>> unfinished = (*store)->Unfinished();
  if (!unfinished) return unfinished.error();
  for (const jobs::StoredResponse& response : *unfinished) {
    const Result<bool> failed =
        (*store)->Advance({.id = response.id,
                           .status = jobs::ResponseStatus::kFailed,
                           .response = wire::WithStatus(response.response, "failed")});
    if (!failed) return failed.error();
  }
  jobs::StoreThreadOptions options;
  options.on_failure = [](const Error& error) {
    observe::Log(observe::Level::kError, "stored responses cannot be expired", error);
  };
  responses_ = std::make_unique<jobs::StoreThread>(std::move(*store), std::move(options));
  return {};
}

Result<void> Gateway::State::Listen() {
  net::ServerOptions http = ToServerOptions(*config_, config_->listen.http);
  if (config_->listen.tls) {
    auto tls = net::TlsServerContext::Load(config_->listen.tls->cert.string(),
                                           config_->listen.tls->key.string());
    if (!tls) return std::move(tls).error();
    http.tls = std::move(*tls);
  }
  // Threads share the port, and so would a second gateway of the same user unnoticed: find it out
  // first.
  const Result<void> free = net::CheckPortFree(http.host, http.port);
  if (!free) return free;
  http.reuse_port = threads_.size() > 1;
  for (auto& thread : threads_) {
    Result<std::uint16_t> bound = thread->ListenHttp(http, *this);
    if (!bound) return std::move(bound).error();
    port = http.port = *bound;
  }
  if (config_->listen.admin) {
    net::ServerOptions admin = ToServerOptions(*config_, *config_->listen.admin);
    Result<std::uint16_t> bound = threads_.front()->ListenAdmin(std::move(admin), *this);
    if (!bound) return std::move(bound).error();
    admin_port = *bound;
  }
  return {};
}

void Gateway::State::AddReadings() {
  using Kind = observe::Registry::ReadingKind;
  auto sum = [this](std::uint64_t net::ServerStats::* member) {
    return [this, member] {
      std::uint64_t total = 0;
      for (const auto& thread : threads_) total += thread->stats().*member;
      return static_cast<double>(total);
    };
  };
  registry_.AddReading(Kind::kGauge, "triage_connections", "Open client connections.", {},
                       sum(&net::ServerStats::connections_open));
  registry_.AddReading(Kind::kGauge, "triage_requests_active", "Requests being answered.", {},
                       sum(&net::ServerStats::requests_active));
  registry_.AddReading(Kind::kCounter, "triage_http_protocol_errors_total",
                       "Connections that did not speak valid HTTP.", {},
                       sum(&net::ServerStats::protocol_errors));
  for (const admit::Priority priority : {admit::Priority::kInteractive, admit::Priority::kBulk}) {
    registry_.AddReading(Kind::kGauge, "triage_admission_waiting",
                         "Exchanges that wait for another to end.",
                         {{"priority", std::string(admit::Name(priority))}}, [this, priority] {
                           std::size_t total = 0;
                           for (const auto& thread : threads_)
                             total += thread->gate().waiting(priority);
                           return static_cast<double>(total);
                         });
  }
  registry_.AddReading(Kind::kGauge, "triage_admission_in_use", "Exchanges under way.", {}, [this] {
    std::size_t total = 0;
    for (const auto& thread : threads_) total += thread->gate().in_use();
    return static_cast<double>(total);
  });
  registry_.AddReading(Kind::kGauge, "triage_ledger_waiting",
                       "Exchanges waiting to be written to the ledger.", {},
                       [this] { return static_cast<double>(writer_->stats().waiting); });
  registry_.AddReading(Kind::kCounter, "triage_ledger_dropped_total",
                       "Exchanges that the ledger lost.", {},
                       [this] { return static_cast<double>(writer_->stats().dropped); });
}

void Gateway::State::RunControl() {
  while (true) {
    std::vector<std::function<void()>> work = control_queue_.PopAll(std::chrono::milliseconds(500));
    for (auto& function : work) function();
    if (work.empty() && control_queue_.closed()) return;
  }
}

Result<std::string> Gateway::State::ReloadNow() {
  auto refuse = [this](Error error) {
    metrics_.reloads_refused.Add();
    observe::Log(observe::Level::kError, "reload refused", error);
    return error;
  };
  if (!options_.load) {
    return refuse(Error{.code = ErrorCode::kUnsupported,
                        .message = "this gateway was not started from a file"});
  }
  Result<config::Snapshot> loaded = options_.load();
  if (!loaded) return refuse(std::move(loaded).error());
  if (const char* key = NeedsRestart(*config_, **loaded)) {
    return refuse(Error{
        .code = ErrorCode::kInvalidRequest,
        .message =
            std::string(key) + " has changed, which only a restart can take; nothing was changed",
        .field = key});
  }
  Result<std::shared_ptr<const pipeline::Snapshot>> snapshot =
      BuildSnapshot(*loaded, registry_, &resilience_);
  if (!snapshot) return refuse(std::move(snapshot).error());
  const Result<Signers> signers = LoadSigners(**loaded);
  if (!signers) return refuse(signers.error());
  std::latch taken(static_cast<std::ptrdiff_t>(threads_.size()));
  for (auto& thread : threads_) thread->Take(*snapshot, *signers, [&taken] { taken.count_down(); });
  taken.wait();
  config_ = *loaded;
  Bound(config_->feedback);
  unready_when_overloaded_ = config_->admission.unready_when_overloaded;
  metrics_.reloads_taken.Add();
  observe::Log(observe::Level::kInfo, "reload taken", {{"config_version", config_->version}});
  return config_->version;
}

Result<std::string> Gateway::State::ReloadAndWait() {
  std::promise<Result<std::string>> promise;
  std::future<Result<std::string>> future = promise.get_future();
  if (!control_queue_.TryPush([&] { promise.set_value(ReloadNow()); })) {
    return Error{.code = ErrorCode::kUnavailable, .message = "too many reloads are waiting"};
  }
  return future.get();
}

Task<Result<std::string>> Gateway::State::Reload() {
  /// Has the control thread reload and comes back to the loop that asked.
  struct Awaiter {
    State& state;
    net::Loop& loop;
    std::optional<Result<std::string>> result;

    bool await_ready() const { return false; }

    bool await_suspend(std::coroutine_handle<> handle) {
      return state.control_queue_.TryPush([this, handle] {
        result.emplace(state.ReloadNow());
        loop.Post([handle] { handle.resume(); });
      });
    }

    Result<std::string> await_resume() {
      if (!result)
        return Error{.code = ErrorCode::kUnavailable,
                     .message = "the gateway is stopping or too busy to reload"};
      return std::move(*result);
    }
  };

  // The admin listener lives on the first thread.
  Awaiter awaiter{*this, threads_.front()->loop(), std::nullopt};
  Result<std::string> result = co_await awaiter;
  co_return result;
}

api::Operations::Readiness Gateway::State::Ready() {
  Readiness readiness{.ready = !draining_, .details = {}};
  if (draining_) readiness.details.emplace_back("draining");
  const bool overloaded = std::any_of(threads_.begin(), threads_.end(), [](const auto& thread) {
    return thread->gate().standing(admit::Priority::kInteractive);
  });
  if (overloaded) {
    readiness.details.emplace_back("overloaded");
    if (unready_when_overloaded_) readiness.ready = false;
  }
  const ledger::WriterStats stats = writer_->stats();
  if (stats.failing) readiness.details.push_back("ledger cannot be written: " + stats.last_error);
  if (stats.dropped > 0)
    readiness.details.push_back("ledger dropped " + std::to_string(stats.dropped) + " exchanges");
  return readiness;
}

std::uint64_t Gateway::State::Active() const {
  std::uint64_t active = 0;
  for (const auto& thread : threads_) active += thread->stats().requests_active;
  return active;
}

bool Gateway::State::Drain(std::chrono::milliseconds notice, std::chrono::milliseconds limit) {
  draining_ = true;
  std::this_thread::sleep_for(notice);
  for (auto& thread : threads_) thread->Drain();
  const SteadyTime until = std::chrono::steady_clock::now() + limit;
  while (Active() > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const bool finished = Active() == 0;
  for (auto& thread : threads_) thread->CloseAll();
  return finished;
}

Result<std::unique_ptr<Gateway>> Gateway::Start(GatewayOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  Result<void> started = state->Start();
  if (!started) return std::move(started).error();
  return std::unique_ptr<Gateway>(new Gateway(std::move(state)));
}

Gateway::Gateway(std::unique_ptr<State> state) : state_(std::move(state)) {}

Gateway::~Gateway() = default;

std::uint16_t Gateway::port() const {
  return state_->port;
}

std::uint16_t Gateway::admin_port() const {
  return state_->admin_port;
}

Result<std::string> Gateway::Reload() {
  return state_->ReloadAndWait();
}

bool Gateway::Drain(std::chrono::milliseconds notice, std::chrono::milliseconds limit) {
  return state_->Drain(notice, limit);
}

void Gateway::FlushLedger() {
  state_->Flush();
}

observe::Registry& Gateway::metrics() {
  return state_->registry();
}

}  // namespace triage::app
