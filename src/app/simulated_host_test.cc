#include "app/simulated_host.h"

#include <chrono>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace triage::app {
namespace {

using std::chrono::milliseconds;

/// A connection to 127.0.0.1; negative when it was refused.
int Connect(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0)
    return descriptor;
  ::close(descriptor);
  return -1;
}

bool Becomes(bool reachable, std::uint16_t port) {
  for (int i = 0; i < 1000; ++i) {
    const int descriptor = Connect(port);
    if (descriptor >= 0) ::close(descriptor);
    if ((descriptor >= 0) == reachable) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

TEST(SimulatedHosts, RefuseConnectionsWhileTheyAreDownAndCloseTheOpenOnes) {
  simulate::ProviderOptions provider;
  provider.models = {simulate::ModelSpec{.name = "m"}};
  provider.faults = std::make_shared<simulate::FaultSchedule>(
      std::vector{*simulate::ParseFaultRule("*:down,flap=300ms")}, 1);
  auto host = SimulatedHost::Start(std::move(provider), {}, 2);
  ASSERT_TRUE(host) << host.error().message;
  const std::uint16_t port = (*host)->port();
  const int open = Connect(port);
  ASSERT_GE(open, 0);
  EXPECT_TRUE(Becomes(false, port));
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(open, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  char byte = 0;
  EXPECT_EQ(::recv(open, &byte, 1, 0), 0) << "the open connection was closed";
  ::close(open);
  EXPECT_TRUE(Becomes(true, port));
  EXPECT_TRUE(Becomes(false, port));
}

}  // namespace
}  // namespace triage::app
