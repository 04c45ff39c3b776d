#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "net/loop.h"

namespace triage::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

/// Looks names up through the system, keeps the answers for a while, and goes on with old ones when
/// a new look-up fails.
class Resolver {
 public:
  Resolver(Loop& loop, std::chrono::milliseconds lifetime) : loop_(loop), lifetime_(lifetime) {}

  /// At least one address, in the system's order. kUnavailable when the name has none, kTimeout,
  /// kCancelled.
  Task<Result<std::vector<Address>>> Resolve(const std::string& host, std::uint16_t port,
                                             std::chrono::milliseconds limit, CancelScope& cancel);

 private:
  struct Known {
    std::vector<Address> addresses;
    SteadyTime until;
  };

  Loop& loop_;
  std::chrono::milliseconds lifetime_;
  std::map<std::pair<std::string, std::uint16_t>, Known> known_;
};

}  // namespace triage::net
