#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "admit/client_slots.h"
#include "admit/gate.h"
#include "admit/metrics.h"
#include "api/operations.h"
#include "api/routes.h"
#include "app/endpoints.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/server.h"
#include "pipeline/judging.h"
#include "pipeline/spot_checking.h"
#include "pipeline/worker.h"

namespace triage::app {

/// The providers of one thread under one configuration, with their connections.
std::shared_ptr<const pipeline::Bound> Bind(net::Loop& loop,
                                            std::shared_ptr<const pipeline::Snapshot> snapshot,
                                            const Signers& signers);

/// What all threads share; outlives them.
struct Shared {
  ledger::Sink& sink;
  observe::GatewayMetrics& metrics;
  admit::ClientSlots& clients;
  admit::Metrics& admission;
  feedback::Sessions& sessions;
  pipeline::RecentRequests& recent;
};

/// One core's share of the gateway: loop, listeners, connections, scratch. Made and destroyed on
/// the owner's thread, runs on its own in between.
class IoThread {
 public:
  IoThread(const Shared& shared, std::shared_ptr<const pipeline::Snapshot> snapshot,
           const Signers& signers);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  /// Before Run: binds a listener. Gives its port.
  Result<std::uint16_t> ListenHttp(net::ServerOptions options, api::Operations& operations);
  Result<std::uint16_t> ListenAdmin(net::ServerOptions options, api::Operations& operations);

  void Run();

  // From any thread once it runs:
  /// Takes another configuration; `done` runs on this loop's thread afterwards.
  void Take(std::shared_ptr<const pipeline::Snapshot> snapshot, Signers signers,
            std::function<void()> done);
  /// Ends what clients use; operators' routes go on until CloseAll.
  void Drain();
  void CloseAll();
  /// Ends the loop and joins.
  void Stop();
  net::ServerStats stats() const;

  const admit::Gate& gate() const { return gate_; }

  net::Loop& loop() { return loop_; }

 private:
  /// Lets dispatching wait on this thread's loop.
  class LoopTimer final : public dispatch::Timer {
   public:
    explicit LoopTimer(net::Loop& loop) : loop_(loop) {}

    Task<void> Sleep(std::chrono::milliseconds duration, CancelScope& cancel) override {
      return loop_.Sleep(duration, &cancel);
    }

   private:
    net::Loop& loop_;
  };

  net::Loop loop_;
  LoopTimer timer_{loop_};
  admit::Gate gate_{SystemClock()};
  pipeline::Judges judges_;
  pipeline::SpotChecks spot_checks_;
  pipeline::Worker worker_;
  std::optional<api::Routes> http_routes_;
  std::optional<api::Routes> admin_routes_;
  std::unique_ptr<net::Server> http_;
  std::unique_ptr<net::Server> admin_;
  std::thread thread_;
};

}  // namespace triage::app
