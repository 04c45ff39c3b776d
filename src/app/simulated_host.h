#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "net/loop.h"
#include "net/server.h"
#include "simulate/provider.h"

namespace triage::app {

/// A simulated provider that listens on one port with a number of threads, each with its own loop.
/// While its faults take it down, nobody listens and all connections are closed. Destroying it
/// closes all connections and joins the threads.
class SimulatedHost {
 public:
  /// kIo in one line when the port is taken or forbidden. `threads` is at least 1.
  static Result<std::unique_ptr<SimulatedHost>> Start(simulate::ProviderOptions provider,
                                                      net::ServerOptions server, unsigned threads);
  ~SimulatedHost();
  SimulatedHost(const SimulatedHost&) = delete;
  SimulatedHost& operator=(const SimulatedHost&) = delete;

  std::uint16_t port() const { return port_; }

  std::uint64_t requests() const;
  std::uint64_t faults() const;

 private:
  struct Worker {
    net::Loop loop;
    std::unique_ptr<simulate::SimulatedProvider> provider;
    std::unique_ptr<net::Server> server;
    bool down = false;
    std::thread thread;
  };

  SimulatedHost() = default;
  /// Takes the worker's listener down or up as the faults say, again and again.
  void WatchDown(Worker& worker);

  std::vector<std::unique_ptr<Worker>> workers_;
  net::ServerOptions options_;
  std::shared_ptr<const simulate::FaultSchedule> faults_;
  std::uint16_t port_ = 0;
};

}  // namespace triage::app
