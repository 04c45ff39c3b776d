#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "config/config.h"

namespace triage::observe {
class Registry;
}

namespace triage::app {

struct GatewayOptions {
  config::Snapshot config;
  /// Loads the configuration anew for a reload; empty = reloads are refused. Called on a thread
  /// that may block.
  std::function<Result<config::Snapshot>()> load = {};
};

/// The running gateway: one I/O thread per core with its own listener, connections and providers;
/// the ledger's writer; a control thread for reloads. Starting, reloading, draining and destroying
/// are for one owner on a thread of its own.
class Gateway {
 public:
  /// Opens the ledger, builds the snapshot, binds the listeners and starts the threads. An Error is
  /// one clear sentence.
  static Result<std::unique_ptr<Gateway>> Start(GatewayOptions options);
  /// Drains without patience and ends all threads; what was recorded is on the ledger afterwards.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  std::uint16_t port() const;
  std::uint16_t admin_port() const;  ///< 0 = there is none

  /// Takes the whole new configuration or changes nothing. Gives the version taken.
  Result<std::string> Reload();

  /// Says that it is not ready and serves on for `notice`; then stops accepting, lets exchanges
  /// finish for up to `limit`, and cuts the rest. The admin listener answers all the while. False
  /// when some had to be cut.
  bool Drain(std::chrono::milliseconds notice, std::chrono::milliseconds limit);

  /// Waits until all finished exchanges are on the ledger.
  void FlushLedger();

  observe::Registry& metrics();

 private:
  class State;
  explicit Gateway(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace triage::app
