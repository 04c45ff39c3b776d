#include "app/simulated_host.h"

#include <algorithm>

namespace triage::app {

namespace {

constexpr std::chrono::milliseconds kDownCheck{5};

}  // namespace

Result<std::unique_ptr<SimulatedHost>> SimulatedHost::Start(simulate::ProviderOptions provider,
                                                            net::ServerOptions server,
                                                            unsigned threads) {
  std::unique_ptr<SimulatedHost> host(new SimulatedHost);
  host->faults_ = provider.faults;
  server.reuse_port = threads > 1;
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    auto worker = std::make_unique<Worker>();
    worker->provider =
        std::make_unique<simulate::SimulatedProvider>(worker->loop, provider, SystemClock());
    worker->server = std::make_unique<net::Server>(worker->loop, server, *worker->provider);
    auto port = worker->server->Listen();
    if (!port) return std::move(port).error();
    host->port_ = server.port = *port;  // the others join the first one's port
    host->workers_.push_back(std::move(worker));
  }
  host->options_ = server;
  for (auto& worker : host->workers_) {
    if (host->faults_ != nullptr && host->faults_->MayBeDown()) host->WatchDown(*worker);
    worker->thread = std::thread([&loop = worker->loop] { loop.Run(); });
  }
  return host;
}

SimulatedHost::~SimulatedHost() {
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    worker->loop.Stop();
    worker->thread.join();
  }
  for (auto& worker : workers_) worker->server.reset();  // nobody runs the loops any more
}

void SimulatedHost::WatchDown(Worker& worker) {
  const bool down = faults_->DownAt(worker.provider->Elapsed());
  if (down && !worker.down) {
    // Kept until a new one takes its place: what it still waits for ends on the loop.
    worker.server->Drain();
    worker.server->CloseAll();
    worker.down = true;
  } else if (!down && worker.down) {
    worker.server = std::make_unique<net::Server>(worker.loop, options_, *worker.provider);
    worker.down = !worker.server->Listen();  // somebody else has the port: tried again
  }
  worker.loop.After(kDownCheck, [this, &worker] { WatchDown(worker); });
}

std::uint64_t SimulatedHost::requests() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->provider->requests();
  return sum;
}

std::uint64_t SimulatedHost::faults() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->provider->faults();
  return sum;
}

}  // namespace triage::app
