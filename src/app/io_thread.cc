#include "app/io_thread.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "observe/log.h"
#include "providers/webhook.h"

namespace triage::app {
namespace {

struct ThreadProviders {
  std::map<std::string, std::unique_ptr<net::Client>> clients;  // by provider
  std::map<std::string, std::unique_ptr<llm::Provider>> providers;
  std::unique_ptr<net::Client> validating;  // of all webhooks
  std::vector<std::unique_ptr<verify::Validator>> validators;
};

admit::GateOptions ToOptions(const config::Admission& admission) {
  return {.concurrency = admission.concurrency,
          .queue = admission.queue,
          .reserve = admission.reserve,
          .max_wait = admission.max_wait,
          .bulk_wait = admission.bulk_wait,
          .target_wait = admission.target_wait};
}

}  // namespace

std::shared_ptr<const pipeline::Bound> Bind(net::Loop& loop,
                                            std::shared_ptr<const pipeline::Snapshot> snapshot,
                                            const Signers& signers) {
  auto owned = std::make_shared<ThreadProviders>();
  for (const config::Provider& provider : snapshot->config->providers) {
    auto client = std::make_unique<net::Client>(
        loop, net::ClientOptions{.max_idle_connections = provider.max_idle_connections,
                                 .ca_file = provider.ca_file.string(),
                                 .verify_tls = provider.verify_tls});
    owned->providers[provider.name] = MakeEndpoint(*client, provider, signers);
    owned->clients[provider.name] = std::move(client);
  }
  auto bound = std::make_shared<pipeline::Bound>();
  for (const decide::ModelOption& model : snapshot->options.models) {
    bound->providers.push_back(owned->providers.at(model.provider).get());
  }
  owned->validating = std::make_unique<net::Client>(loop, net::ClientOptions{});
  for (const config::Verify::Webhook& webhook : snapshot->config->verify.webhooks) {
    owned->validators.push_back(std::make_unique<providers::Webhook>(
        *owned->validating, providers::WebhookOptions{.name = webhook.name,
                                                      .url = webhook.url,
                                                      .token = webhook.token.Reveal(),
                                                      .deadline = webhook.deadline}));
    bound->validators.push_back(owned->validators.back().get());
  }
  bound->snapshot = std::move(snapshot);
  bound->owner = std::move(owned);
  return bound;
}

IoThread::IoThread(const Shared& shared, std::shared_ptr<const pipeline::Snapshot> snapshot,
                   const Signers& signers)
    : worker_{.clock = SystemClock(),
              .random = Random::FromEntropy(),
              .sink = shared.sink,
              .timer = timer_,
              .metrics = shared.metrics,
              .gate = gate_,
              .clients = shared.clients,
              .admission = shared.admission,
              .sessions = shared.sessions,
              .recent = shared.recent,
              .features = {},
              .bound = Bind(loop_, std::move(snapshot), signers),
              .judges = &judges_,
              .spot_checks = &spot_checks_} {
  gate_.Configure(ToOptions(worker_.bound->snapshot->config->admission));
}

IoThread::~IoThread() {
  Stop();
}

Result<std::uint16_t> IoThread::ListenHttp(net::ServerOptions options,
                                           api::Operations& operations) {
  http_routes_.emplace(loop_, worker_, operations, api::Listener::kHttp);
  http_ = std::make_unique<net::Server>(loop_, std::move(options), *http_routes_);
  return http_->Listen();
}

Result<std::uint16_t> IoThread::ListenAdmin(net::ServerOptions options,
                                            api::Operations& operations) {
  admin_routes_.emplace(loop_, worker_, operations, api::Listener::kAdmin);
  admin_ = std::make_unique<net::Server>(loop_, std::move(options), *admin_routes_);
  return admin_->Listen();
}

void IoThread::Run() {
  thread_ = std::thread([this] { loop_.Run(); });
}

void IoThread::Take(std::shared_ptr<const pipeline::Snapshot> snapshot, Signers signers,
                    std::function<void()> done) {
  loop_.Post([this, taken = std::move(snapshot), keys = std::move(signers),
              then = std::move(done)]() mutable {
    worker_.bound = Bind(loop_, std::move(taken), keys);
    gate_.Configure(ToOptions(worker_.bound->snapshot->config->admission));
    then();
  });
}

void IoThread::Drain() {
  // Whoever asks the admin listener meanwhile is told that it drains.
  loop_.Post([this] {
    if (http_) http_->Drain();
  });
}

void IoThread::CloseAll() {
  loop_.Post([this] {
    if (http_) http_->CloseAll();
    if (admin_) admin_->CloseAll();
  });
}

void IoThread::Stop() {
  if (!thread_.joinable()) return;
  loop_.Stop();
  thread_.join();
  // Servers wait for their sessions, and those for their calls, so they go while everything else
  // still stands.
  http_.reset();
  admin_.reset();
  if (http_routes_) {
    api::ResponsesApi& responses = http_routes_->responses();
    responses.Stop();
    loop_.RunUntil([&] { return responses.active() == 0; });
  }
  loop_.RunUntil([&] { return judges_.active() == 0 && spot_checks_.active() == 0; });
}

net::ServerStats IoThread::stats() const {
  return http_ ? http_->stats() : net::ServerStats{};
}

}  // namespace triage::app
